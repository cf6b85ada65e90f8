import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { collectGarbage, collectWhenIdle, isWorthCollecting } from './idle-memory.ts'

const MIB = 2 ** 20
const idle = { cpuShare: 0.001, heapTotal: 60 * MIB, heapUsed: 28 * MIB }

test.each([
  ['an idle process with much free heap', {}, true],
  ['a process that works', { cpuShare: 0.05 }, false],
  ['little free heap', { heapUsed: 50 * MIB }, false],
  ['a heap that takes long to collect', { heapTotal: 400 * MIB, heapUsed: 300 * MIB }, false],
])('%s', (_, usage, worth) => {
  expect(isWorthCollecting({ ...idle, ...usage })).toBe(worth)
})

test('collects what is unreachable, repeatedly, and adds no global', async () => {
  for (let i = 0; i < 2; i++) {
    const unreachable = new WeakRef({ size: new Array(1000) })
    // a weak reference that was made in this turn keeps its object until the next
    await turn()
    collectGarbage()
    expect(unreachable.deref()).toBeUndefined()
  }
  expect(globalThis).not.toHaveProperty('gc')
})

test('does not keep the process running', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const stop = collectWhenIdle()
  expect(timers()).toBe(before)
  stop()
})
