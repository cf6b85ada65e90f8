import { expect, it } from 'vitest'
import { batch } from './batch.ts'

it('batches concurrent requests, each key once, and limits the size of a batch', async () => {
  const batches: string[][] = []
  const request = batch<string>(async (keys) => {
    batches.push(keys)
    await new Promise((done) => setTimeout(done, 5))
    return new Map(keys.filter((key) => key !== 'absent').map((key) => [key, `for ${key}`]))
  })
  const keys = Array.from({ length: 300 }, (_, n) => `k${n % 150}`)
  expect(await Promise.all(keys.map(request))).toEqual(keys.map((key) => `for ${key}`))
  expect(batches.flat().sort()).toEqual([...new Set(keys)].sort())
  expect(Math.max(...batches.map(({ length }) => length))).toBe(64)
  expect(await Promise.all([request('absent'), request('present')])).toEqual([null, 'for present'])
})

it('rejects the requests of a batch that fails, and continues', async () => {
  const request = batch<string>(async ([key = '']) => {
    if (key === 'bad') throw new Error('no')
    return new Map([[key, key]])
  })
  await expect(request('bad')).rejects.toThrow('no')
  expect(await request('good')).toBe('good')
})

it('executes each request alone where one may have caused the fault, and repeats no other fault', async () => {
  const batches: string[][] = []
  const refused = (code: string) => Object.assign(new Error('refused'), { code })
  const request = batch<string>(async (keys) => {
    batches.push(keys)
    if (keys.includes('bad')) throw refused('23503')
    if (keys.includes('slow')) throw refused('57014')
    return new Map(keys.map((key) => [key, key]))
  })
  const outcomes = (keys: string[]) => Promise.allSettled(keys.map(request))
  expect((await outcomes(['a', 'bad', 'b'])).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(batches).toEqual([['a', 'bad', 'b'], ['a'], ['bad'], ['b']])
  expect((await outcomes(['c', 'slow'])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(batches.at(-1)).toEqual(['c', 'slow'])
})
