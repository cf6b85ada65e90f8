import { expect, it } from 'vitest'
import { batch } from './batch.ts'

const refused = (code: string) => Object.assign(new Error('refused'), { code })

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

it('gives up a lock after a moment, so that what needs it holds up no other, and waits for it beside the batches', async () => {
  const batches: [string[], boolean][] = []
  const release: (() => void)[] = []
  const request = batch<string>(async (keys, { isBrief }) => {
    batches.push([keys, isBrief])
    if (keys.includes('stuck') && !isBrief) throw refused('55P03')
    if (keys.includes('locked') && !isBrief) await new Promise<void>((resolve) => release.push(resolve))
    else if (keys.includes('locked') || keys.includes('stuck')) throw refused('55P03')
    return new Map(keys.map((key) => [key, key]))
  })
  const locked = ['locked', 'a', 'locked', 'b'].map(request)
  expect(await Promise.all([locked[1], locked[3]])).toEqual(['a', 'b'])
  expect(await Promise.all(['c', 'd'].map(request))).toEqual(['c', 'd'])
  expect(batches).toEqual([
    [['locked', 'a', 'b'], true],
    [['locked'], true],
    [['a'], true],
    [['b'], true],
    [['locked'], false],
    [['c', 'd'], true],
  ])
  release[0]?.()
  expect(await Promise.all([locked[0], locked[2]])).toEqual(['locked', 'locked'])
  await expect(request('stuck')).rejects.toThrow('refused')
})

it('executes those that wait longer together', async () => {
  const patient: string[][] = []
  const request = batch<string>(async (keys, { isBrief }) => {
    if (isBrief) throw refused('55P03')
    patient.push(keys)
    await new Promise((done) => setTimeout(done, 5))
    return new Map(keys.map((key) => [key, key]))
  })
  const keys = Array.from({ length: 300 }, (_, n) => `k${n}`)
  expect(await Promise.all(keys.map(request))).toEqual(keys)
  expect(patient.length).toBeLessThan(60)
})
