/** The recent proof that a row requires: judged by what the session has proven, and when, as tables. */
import { describe, expect, it } from 'vitest'
import {
  kindOf,
  REMEMBERED_DEVICE,
  type SecondMethod,
  type SignInFacts,
  type StoredProof,
} from '../../assurance.ts'
import type { CallSession, Principal } from '../../call.ts'
import type { Row } from '../row/route.ts'
import { assertEnrolledProof, checkAssurance } from './access.ts'

const now = new Date('2030-06-01T12:00:00.000Z')
const minutesAgo = (minutes: number): string => new Date(now.getTime() - minutes * 60_000).toISOString()
const by = (method: SecondMethod, minutes = 0): StoredProof => ({
  method,
  ...kindOf(method),
  at: minutesAgo(minutes),
})
const fed = (minutes = 0): StoredProof => ({
  ...by('federation', minutes),
  connection: 'con_a',
  organization: 'a',
})
const device: StoredProof = { method: 'remembered_device', ...REMEMBERED_DEVICE, at: minutesAgo(0) }

const facts: SignInFacts = { factors: [], hasPassword: true, demands: [] }
const principal = { userId: 'usr_x' } as Principal
const sessionOf = (proofs: readonly StoredProof[], via: CallSession['via']): CallSession =>
  ({
    id: 'ses_x',
    via,
    proofs: via === 'token' ? [] : proofs,
    authenticatedAt: now,
  }) as unknown as CallSession

const judge = async (
  fresh: Row['fresh'],
  proofs: readonly StoredProof[],
  {
    via = 'cookie',
    over = {},
    organization = null,
  }: { via?: CallSession['via']; over?: Partial<SignInFacts>; organization?: string | null } = {},
) => {
  const session = sessionOf(proofs, via)
  const provable = { facts: { ...facts, ...over }, proofs }
  const refusal = await checkAssurance(
    { fresh } as Row,
    { session, principal },
    organization,
    null,
    now,
    async () => provable,
  )
  return refusal?.code ?? 'open'
}

// the sessions were completed now: a sign-in may have waited until an address was verified
const table: [string, StoredProof[], Parameters<typeof judge>[2], string][] = [
  ['of an earlier version, without proofs', [], {}, 'open'],
  ['by the password', [by('password')], {}, 'open'],
  ['by the password, completed by the address that was verified', [by('password', 30)], {}, 'open'],
  ['by the connection of an organization', [fed()], {}, 'STEP_UP_REQUIRED'],
  ['by it, before the time that counts', [fed(11)], {}, 'STEP_UP_REQUIRED'],
  ['by it and the password, both before the time that counts', [fed(11), by('password', 11)], {}, 'STEP_UP_REQUIRED'],
  ['by it now, and the password before', [fed(), by('password', 11)], {}, 'STEP_UP_REQUIRED'],
  ['by it before, and the password now', [fed(11), by('password')], {}, 'open'],
  ['by it in a remembered browser', [fed(), device], {}, 'STEP_UP_REQUIRED'],
  ['by it in a remembered browser, and the password before', [fed(), device, by('password', 11)], {}, 'STEP_UP_REQUIRED'],
  ['by the password in a remembered browser', [by('password'), device], {}, 'open'],
  ['by it, which is an authority', [fed()], { over: { authorities: ['con_a'] } }, 'open'],
  ['by it, which is an authority, before the time that counts', [fed(11)], { over: { authorities: ['con_a'] } }, 'STEP_UP_REQUIRED'],
  ['by it, about its organization', [fed()], { organization: 'a' }, 'open'],
  ['by it, about its organization, before the time that counts', [fed(11)], { organization: 'a' }, 'STEP_UP_REQUIRED'],
  ['by it, about another organization', [fed()], { organization: 'b' }, 'STEP_UP_REQUIRED'],
] // biome-ignore format: a table

describe.each(['cookie', 'token'] as const)('a recent proof of a session by its %s', (via) => {
  it.each(table)('%s', async (_, proofs, options, expected) => {
    expect(await judge('10m', proofs, { ...options, via })).toBe(expected)
  })

  it.each(table)('as much as a sign-in requires: %s', async (_, proofs, options, expected) => {
    expect(await judge({ within: '10m', acr: 'enrolled' }, proofs, { ...options, via })).toBe(expected)
  })
})

it('the rows that require it of some accounts alone judge as the others', () => {
  const assert = (proofs: readonly StoredProof[]) => () =>
    assertEnrolledProof(sessionOf(proofs, 'cookie'), { facts, proofs }, now)
  expect(assert([])).not.toThrow()
  expect(assert([by('password', 30)])).not.toThrow()
  expect(assert([fed(11)])).toThrow()
  expect(assert([fed(), device])).toThrow()
})
