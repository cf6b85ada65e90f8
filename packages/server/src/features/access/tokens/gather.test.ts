import { expect, it } from 'vitest'
import { gather } from './gather.ts'

it('does together what is asked together, each key once, and in turns what is more', async () => {
  const turns: string[][] = []
  const ask = gather<string>(async (keys) => {
    turns.push(keys)
    await new Promise((done) => setTimeout(done, 5))
    return new Map(keys.filter((key) => key !== 'nobody').map((key) => [key, `for ${key}`]))
  })
  const keys = Array.from({ length: 300 }, (_, n) => `k${n % 150}`)
  expect(await Promise.all(keys.map(ask))).toEqual(keys.map((key) => `for ${key}`))
  expect(turns.flat().sort()).toEqual([...new Set(keys)].sort())
  expect(Math.max(...turns.map(({ length }) => length))).toBe(64)
  expect(await Promise.all([ask('nobody'), ask('somebody')])).toEqual([null, 'for somebody'])
})

it('fails those of a turn that fails, and goes on', async () => {
  const ask = gather<string>(async ([key = '']) => {
    if (key === 'bad') throw new Error('no')
    return new Map([[key, key]])
  })
  await expect(ask('bad')).rejects.toThrow('no')
  expect(await ask('good')).toBe('good')
})
