/** The states of compliance in SQL are those of the pure function, for any policy, override, factors and times. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AcceptableMethod } from '../../../base/assurance.ts'
import { MEMBER_MFA, POLICY_MODES } from '../../../core/policies.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { selectCompliance, selectEffect, selectOwnDemands } from './members-sql.ts'
import { complianceOf, type MemberFacts } from './policy.ts'
import { enrolFactor } from './testing.ts'

let world: World
let organization: string
let people: Person[]
/** One member for each set of factors. */
const FACTORS = [[], ['totp'], ['passkey'], ['totp', 'passkey'], ['backup_codes', 'email']] as const
beforeAll(async () => {
  world = await startWorld()
  people = await world.people(FACTORS.length)
  organization = await world.organization({ members: people.map((one) => [one, 'owner'] as const) })
  for (const [n, kinds] of FACTORS.entries())
    for (const kind of kinds) await enrolFactor(world, people[n] as Person, kind)
})
afterAll(() => world.stop())

const START = Date.UTC(2030, 5, 1)
const day = fc.integer({ min: 0, max: 12 }).map((n) => new Date(START + n * 86_400_000))
const dayOrNull = fc.option(day)
const methods = fc
  .subarray<AcceptableMethod>(['totp', 'passkey', 'backup_code'])
  .filter((all) => all.includes('totp') || all.includes('passkey'))
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
})

it('the states in SQL equal the pure function', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(facts, async ({ mode, allowedMethods, graceDays, since, now, ...member }) => {
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
            session_absolute_seconds: null,
            password_profile: null,
            password_settings: null,
            updated_at: now,
            updated_by: null,
          })
          .execute()
        await tx
          .updateTable('memberships')
          .set({
            mfa: member.override,
            mfa_since: member.overriddenAt,
            mfa_stopped_at: member.stoppedAt,
            joined_at: member.joinedAt,
          })
          .where('organization_id', '=', organization)
          .execute()
        await tx.updateTable('users').set({ last_login_at: member.lastSignIn }).execute()
        const read = { states: null, after: null, examined: 100, now }
        const { rows } = await selectCompliance(tx, organization, read)
        const candidate = { mode, allowedMethods, graceDays, since, sessionAbsolute: null }
        return {
          rows: new Map(rows.map((row) => [row.user_id, row])),
          own: await Promise.all(people.map(async (one) => (await selectOwnDemands(tx, one.id, now))[0])),
          stored: await selectEffect(tx, organization, null, now),
          candidate: await selectEffect(tx, organization, candidate, now),
        }
      })
      const counted: Record<string, number> = {}
      for (const [n, factors] of FACTORS.entries()) {
        const policy = { mode, allowedMethods, graceDays, since }
        const pure = complianceOf({ ...member, policy, factors } satisfies MemberFacts, now)
        const row = found.rows.get(people[n]?.id ?? '')
        expect([row?.state, row?.due_at ?? null]).toEqual([pure.state, pure.dueAt])
        expect(found.own[n]).toMatchObject({ mode: pure.mode, state: pure.state, due_at: pure.dueAt })
        counted[pure.state] = (counted[pure.state] ?? 0) + 1
      }
      expect(found.stored.states).toEqual(counted)
      expect(found.candidate).toEqual(found.stored)
    }),
    { numRuns: 150 },
  )
})
