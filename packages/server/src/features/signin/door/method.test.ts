/** Held by the types: `tsc` fails where one of the marked lines compiles. */
import { expect, it } from 'vitest'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { User } from '../../identity/users/index.ts'
import type { Proof } from '../attempts/index.ts'
import type { Outcome } from './advance.ts'
import * as door from './index.ts'
import type { Method, Verified } from './method.ts'

declare const user: User

/** The least that a method is. */
const honest: Method<string, null> = {
  name: 'password',
  proof: { amr: ['pwd'], factor: 'knowledge', phishing_resistant: false },
  failure: 'wrong_password',
  identify: async (_db: Statements, identifier: string) => ({ identifier, owner: null, pending: null }),
  read: async () => null,
  verify: async () => null,
}

it('a method cannot make a proof, so its guesses are always counted', () => {
  // @ts-expect-error a proof has a brand that only the door's files write
  const forged: Proof = { method: 'password', amr: ['pwd'], subject: 'usr_1', factor: 'knowledge', phishing_resistant: false, at: '' } // biome-ignore format: one line for the mark
  expect(forged).toBeDefined()
})

it('a method returns what it verified, and can neither refuse, finish nor start a session itself', () => {
  const outcome = (): Outcome => ({ refused: new Error('x') as never })
  // @ts-expect-error an outcome is the door's
  const early: Method<string, null> = { ...honest, verify: async () => outcome() }
  const verified = async (): Promise<Verified> => ({ user, requires: [], recheck: async (_tx: Tx) => user })
  const late: Method<string, null> = { ...honest, verify: verified }
  expect([early.name, late.name]).toEqual(['password', 'password'])
})

it('the door hands out no way past the counter', () => {
  expect(
    Object.keys(door).filter((name) => /advance|startSession|beginAttempt|moveAttempt|^prove$/i.test(name)),
  ).toEqual([])
})
