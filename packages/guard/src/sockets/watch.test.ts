/**
 * The watch over connections: rounds of checks, and callbacks of the app that fail, which end neither round nor
 * process.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { problem } from '../problem.ts'
import { openWatcher, type Watcher } from './watch.ts'

const signedOut = problem('SESSION_EXPIRED')
const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
let printed: unknown[][]
let watcher: Watcher
beforeEach(() => {
  printed = []
  vi.spyOn(console, 'error').mockImplementation((...values) => void printed.push(values))
  watcher = openWatcher(3600, 50)
  unhandled.length = 0
  process.on('unhandledRejection', note).on('uncaughtException', note)
})
afterEach(async () => {
  // an unhandled rejection is reported after the microtasks
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note).off('uncaughtException', note)
  watcher.close()
  vi.restoreAllMocks()
  expect(unhandled).toEqual([])
})
const refused = async () => {
  throw signedOut
}

it.each<[string, () => unknown]>([
  ['throws', () => { throw new Error('the socket is gone') }],
  ['rejects', () => Promise.reject(new Error('the socket is gone'))],
])('an end that %s is printed, and the others are ended', async (_, end) => {
  const ended: string[] = []
  watcher.watch(refused, ({ code }) => void ended.push(code))
  watcher.watch(refused, () => end() as undefined)
  watcher.watch(refused, ({ code }) => void ended.push(code))
  await watcher.recheck()
  await vi.waitFor(() => expect(printed).toEqual([['latchkey guard:', expect.any(Error)]]))
  expect(ended).toEqual(['SESSION_EXPIRED', 'SESSION_EXPIRED'])
}) // biome-ignore format: a table

it('a check that throws at once counts as one that rejects, and the round continues', async () => {
  const ended: string[] = []
  watcher.watch(refused, ({ code }) => void ended.push(code))
  watcher.watch(() => { throw signedOut }, ({ code }) => void ended.push(code)) // biome-ignore format: it reads as one line
  watcher.watch(refused, ({ code }) => void ended.push(code))
  await watcher.recheck()
  expect(ended).toEqual(['SESSION_EXPIRED', 'SESSION_EXPIRED', 'SESSION_EXPIRED'])
})

it('a check that never answers is one that cannot be made, and holds up no later round', async () => {
  const ended: string[] = []
  watcher.watch(() => new Promise(() => {}), ({ code }) => void ended.push(code)) // biome-ignore format: it reads as one line
  await watcher.recheck()
  expect(ended).toEqual([])
  await watcher.recheck()
  expect(ended).toEqual(['UNAVAILABLE'])
})

it('recheck() during a round checks again the connections that the round has passed', async () => {
  const own = openWatcher(3600, 10_000)
  let isSignedOut = false
  let checks = 0
  const ended: string[] = []
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  own.watch(() => gate, () => void ended.push('slow')) // biome-ignore format: it reads as one line
  own.watch(
    async () => {
      checks += 1
      if (isSignedOut) throw signedOut
    },
    ({ code }) => void ended.push(code),
  )
  const first = own.recheck()
  await vi.waitFor(() => expect(checks).toBe(1))
  isSignedOut = true
  const later = Array.from({ length: 5 }, () => own.recheck())
  release()
  await Promise.all([first, ...later])
  // one round for all of them
  expect([ended, checks]).toEqual([['SESSION_EXPIRED'], 2])
  own.close()
})
