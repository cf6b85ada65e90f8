/**
 * The states of compliance in SQL, and the sessions that a policy would stop, are those of the pure functions, for any policy,
 * override, factors, proofs and times.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  type AcceptableMethod,
  acrOf,
  kindOf,
  type ProofKind,
  type ProofMethod,
  REMEMBERED_DEVICE,
  type StoredProof,
} from '../../../base/assurance.ts'
import { findUnmet, MEMBER_MFA, POLICY_MODES } from '../../../core/policies.ts'
import { connect, ownDomain } from '../../../testing/connection-rows.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { selectCompliance, selectEffect, selectOwnDemands } from './members-sql.ts'
import { complianceOf, type MemberFacts } from './policy.ts'
import { enrolFactor } from './testing.ts'

let world: World
let organization: string
let people: Person[]
/** The active connections of the organization. */
let connections: string[]
/** One member for each set of factors. */
const FACTORS = [[], ['totp'], ['passkey'], ['totp', 'passkey'], ['backup_codes', 'email']] as const
beforeAll(async () => {
  world = await startWorld()
  people = await world.people(FACTORS.length)
  organization = await world.organization({ members: people.map((one) => [one, 'owner'] as const) })
  for (const [n, kinds] of FACTORS.entries())
    for (const kind of kinds) await enrolFactor(world, people[n] as Person, kind)
  connections = [await connect(world, organization), await connect(world, organization)].sort()
  await connect(world, organization, { status: 'disabled' })
  await ownDomain(world, organization, 'own.example')
})
afterAll(() => world.stop())

const START = Date.UTC(2030, 5, 1)
const day = fc.integer({ min: 0, max: 12 }).map((n) => new Date(START + n * 86_400_000))
const dayOrNull = fc.option(day)
const methods = fc
  .subarray<AcceptableMethod>(['totp', 'passkey', 'backup_code', 'remembered_device'])
  .filter((all) => all.includes('totp') || all.includes('passkey'))
/** Which connections vouch: one of the organization, of another one, and of the server. */
const VOUCHING = ['own', 'other', 'server'] as const
const vouched = fc.subarray(
  VOUCHING.flatMap((by) => [
    { by, mfa: false },
    { by, mfa: true },
  ]),
)
const proofsBy = (all: readonly { by: (typeof VOUCHING)[number]; mfa: boolean }[]): StoredProof[] =>
  all.map(({ by, mfa }) => ({
    method: 'federation',
    ...kindOf('federation'),
    connection: by === 'own' ? (connections[0] ?? '') : `con_${by}`,
    ...(by !== 'server' && { organization: by === 'own' ? organization : 'org_other' }),
    ...(mfa && { mfa }),
    at: new Date(START).toISOString(),
  }))
const KINDS: [ProofMethod, ProofKind][] = [
  ['password', kindOf('password')],
  ['totp', kindOf('totp')],
  ['backup_code', kindOf('backup_code')],
  ['passkey', kindOf('passkey')],
  ['totp', { ...kindOf('totp'), established: true }],
  ['backup_code', { ...kindOf('backup_code'), established: true }],
  ['passkey', { ...kindOf('passkey'), established: true }],
  ['passkey', { amr: ['hwk'], factor: 'possession', channel: 'key', phishing_resistant: true }],
  ['magic_link', kindOf('email_code')],
  ['remembered_device', REMEMBERED_DEVICE],
]
const proofs = fc
  .subarray(KINDS)
  .map((all) => all.map(([method, kind]) => ({ method, ...kind, at: new Date(START).toISOString() })))
const facts = fc.record({
  mode: fc.constantFrom(...POLICY_MODES),
  allowedMethods: methods,
  graceDays: fc.integer({ min: 0, max: 6 }),
  since: dayOrNull,
  override: fc.constantFrom(...MEMBER_MFA),
  joinedAt: day,
  overriddenAt: dayOrNull,
  lastSignIn: dayOrNull,
  stoppedAt: dayOrNull,
  now: day,
  absoluteDays: fc.option(fc.integer({ min: 1, max: 6 })),
  authenticatedAt: day,
  given: proofs,
  vouched,
  signIn: fc.constantFrom('any' as const, 'sso_required' as const),
  role: fc.constantFrom('owner', 'member'),
})

it('the states in SQL equal the pure function', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(facts, async ({ mode, allowedMethods, graceDays, since, now, signIn, ...of }) => {
      const member = { ...of, proofs: [...of.given, ...proofsBy(of.vouched)] }
      const absolute = member.absoluteDays === null ? null : member.absoluteDays * 86_400
      const found = await world.db.tx('system', async (tx) => {
        await tx.deleteFrom('security_policies').where('organization_id', '=', organization).execute()
        await tx
          .insertInto('security_policies')
          .values({
            organization_id: organization,
            mode,
            allowed_methods: allowedMethods,
            grace_days: graceDays,
            since,
            session_absolute_seconds: absolute,
            password_profile: null,
            sign_in: signIn,
            updated_at: now,
            updated_by: null,
          })
          .execute()
        await tx
          .updateTable('memberships')
          .set({
            role: member.role,
            mfa: member.override,
            mfa_since: member.overriddenAt,
            mfa_stopped_at: member.stoppedAt,
            joined_at: member.joinedAt,
          })
          .where('organization_id', '=', organization)
          .execute()
        await tx.updateTable('users').set({ last_login_at: member.lastSignIn }).execute()
        await tx
          .updateTable('sessions')
          .set({
            organization_id: organization,
            authenticated_at: member.authenticatedAt,
            proofs: JSON.stringify(member.proofs),
            acr: acrOf(member.proofs),
            expires_at: new Date(START + 30 * 86_400_000),
          })
          .execute()
        const read = { states: null, after: null, examined: 100, now }
        const { rows } = await selectCompliance(tx, organization, read)
        const candidate = { mode, allowedMethods, graceDays, since, sessionAbsolute: absolute, signIn }
        return {
          rows: new Map(rows.map((row) => [row.user_id, row])),
          own: await Promise.all(people.map(async (one) => (await selectOwnDemands(tx, one.id, now))[0])),
          stored: await selectEffect(tx, organization, null, now),
          candidate: await selectEffect(tx, organization, candidate, now),
        }
      })
      const counted: Record<string, number> = {}
      let losing = 0
      for (const [n, factors] of FACTORS.entries()) {
        const policy = { mode, allowedMethods, graceDays, since }
        const pure = complianceOf({ ...member, policy, factors } satisfies MemberFacts, now)
        const row = found.rows.get(people[n]?.id ?? '')
        expect([row?.state, row?.due_at ?? null]).toEqual([pure.state, pure.dueAt])
        expect(found.own[n]).toMatchObject({ mode: pure.mode, state: pure.state, due_at: pure.dueAt })
        counted[pure.state] = (counted[pure.state] ?? 0) + 1
        const judged = {
          policy_organization: organization,
          policy_mode: mode,
          policy_accepts: allowedMethods,
          policy_absolute: absolute,
          policy_due: pure.dueAt,
          member_mfa: member.override,
          policy_factors: [...factors],
          policy_role: member.role,
          policy_connections: signIn === 'sso_required' ? connections : null,
          policy_waits_for: null,
        }
        if (findUnmet(judged, member, now) !== null) losing += 1
      }
      expect(found.stored.loses_session).toBe(losing)
      expect(found.stored.states).toEqual(counted)
      expect(found.candidate).toEqual(found.stored)
    }),
    { numRuns: 150 },
  )
})
