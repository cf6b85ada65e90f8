import { expect, it } from 'vitest'
import { clockDifference, isNoticeable } from './clock-difference.ts'

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000)

it.each([
  ['was read between', 1, 0, false],
  ['is ahead', 122, 120, true],
  ['is behind', -120, -120, true],
  ['is ahead by less than two seconds', 3, 1, false],
  ['is behind by two seconds', -2, -2, true],
])('the clock of a database that %s', (_how, theirs, seconds, noticeable) => {
  const difference = clockDifference(at(theirs), { began: at(0), ended: at(2) })
  expect(difference).toBe(seconds * 1000)
  expect(isNoticeable(difference)).toBe(noticeable)
})
