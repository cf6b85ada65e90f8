import { hash } from 'node:crypto'
import { createContext, runInContext } from 'node:vm'
import { expect, it } from 'vitest'
import { SOLVER } from './solver.ts'

interface Scope {
  onmessage(event: { data: { challenge: string; difficulty: number } }): void
  postMessage(text: string): void
  firstWord(text: string): number
}

function load(): { scope: Scope; posted: string[] } {
  const posted: string[] = []
  const scope = createContext({ postMessage: (text: string) => posted.push(text) }) as unknown as Scope
  runInContext(SOLVER, scope as unknown as object)
  return { scope, posted }
}

it('hashes as Node does, texts of every length of one block', () => {
  const { scope } = load()
  for (let length = 0; length <= 55; length++) {
    const text = 'abcdefghijklmnopqrstuvwxyz-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'.slice(0, length)
    expect(scope.firstWord(text), text).toBe(hash('sha256', text, 'buffer').readInt32BE(0))
  }
})

it('posts a text whose hash begins with as many zero bits', () => {
  const { scope, posted } = load()
  const challenge = 'x'.repeat(47)
  scope.onmessage({ data: { challenge, difficulty: 14 } })
  expect(posted).toEqual([expect.stringMatching(/^x{47}\.[0-9a-z]{1,7}$/)])
  expect(hash('sha256', posted[0] ?? '', 'buffer').readUInt32BE(0) >>> 18).toBe(0)
})
