/** Proofs by connections of organizations: where they count, as tables and by properties. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  acrOf,
  countingProofs,
  type Demand,
  factsIn,
  findMissing,
  findUnenrolled,
  isAtLeast,
  isMet,
  kindOf,
  lacksProof,
  methodsFor,
  proofsIn,
  REMEMBERED_DEVICE,
  type SecondMethod,
  type SignInFacts,
  type StoredProof,
  usableMethods,
} from '../base/assurance.ts'
import { judgeEnrolled } from '../base/enrolled.ts'
import { actsForAccount, levelIn, mergeProofs } from '../base/session-proofs.ts'
import { demandMode, findUnmet, type PolicyRow } from './policies.ts'

const at = '2030-06-01T12:00:00.000Z'
const now = new Date(at)
const by = (method: SecondMethod): StoredProof => ({ method, ...kindOf(method), at })
/** By a factor that was enrolled a day before. */
const old = (method: SecondMethod): StoredProof => ({ ...by(method), established: true })
/** By the connection of an organization, or of the server. */
const fed = (organization?: string, mfa = false): StoredProof => ({
  ...by('federation'),
  connection: organization === undefined ? 'con_server' : `con_${organization}`,
  ...(organization !== undefined && { organization }),
  ...(mfa && { mfa }),
})
const device: StoredProof = { method: 'remembered_device', ...REMEMBERED_DEVICE, at }
const names = (proofs: readonly StoredProof[]) =>
  proofs.map(({ method, organization }) => `${method} ${organization ?? ''}`.trim())

describe('what is proven in an organization', () => {
  it('keeps what an old factor has proven beside a new one of its kind, which replaces no connection', () => {
    const proofs = mergeProofs([by('password'), old('totp')], [by('totp')])
    expect(proofs).toEqual([by('password'), old('totp'), by('totp')])
    expect(mergeProofs(proofs, [by('totp'), old('totp')])).toEqual(proofs)
    const lacks = (given: readonly StoredProof[]) =>
      findUnmet(row({ ...sso, ...owner }), { proofs: given, authenticatedAt: now }, now)?.missing ?? null
    expect([lacks(proofs), lacks(proofs.slice(2)), lacks([by('password'), by('totp')])]).toEqual([
      null,
      'connection',
      'connection',
    ])
  })

  it('is all but what the connection of another one vouches for', () => {
    const all = [by('password'), fed('a'), fed('b'), fed(), by('totp')]
    expect(names(proofsIn(all, 'a'))).toEqual(['password', 'federation a', 'federation', 'totp'])
    expect(names(proofsIn(all, 'c'))).toEqual(['password', 'federation', 'totp'])
    expect(names(proofsIn(all, null))).toEqual(['password', 'federation', 'totp'])
  })

  it('keeps what a provider has checked when proofs are merged', () => {
    expect(mergeProofs([fed('a', true)], [fed('b'), by('password')])).toEqual([
      fed('a', true),
      fed('b'),
      by('password'),
    ])
  })
})

const row = (over: Partial<PolicyRow> = {}): PolicyRow => ({
  policy_organization: 'b',
  policy_mode: null,
  policy_accepts: null,
  policy_absolute: null,
  policy_due: new Date(0),
  member_mfa: 'inherit',
  policy_factors: [],
  policy_role: 'member',
  policy_connections: null,
  policy_waits_for: null,
  ...over,
})
const any = { policy_mode: 'require_any' } satisfies Partial<PolicyRow>
const app = { policy_mode: 'require_totp', policy_accepts: ['totp'] } satisfies Partial<PolicyRow>
const has = { policy_factors: ['totp'] } satisfies Partial<PolicyRow>
const sso = { policy_connections: ['con_b', 'con_b2'] }
const waits = { policy_connections: [], policy_waits_for: 'con_x' }
const owner = { policy_role: 'owner' }

describe('a session in organization b', () => {
  const table: [string, StoredProof[], Partial<PolicyRow>, string | null][] = [
    // without a policy
    ['of an earlier version, without proofs', [], {}, null],
    ['by the password', [by('password')], {}, null],
    ['by a link', [by('email_code')], {}, null],
    ['by the connection of b', [fed('b')], {}, null],
    ['by a connection of the server', [fed()], {}, null],
    ['by the connection of a', [fed('a')], {}, 'sign_in'],
    ['by the connection of a, whose provider checked two factors', [fed('a', true)], {}, 'sign_in'],
    ['by the connection of a and an app: an app begins no sign-in', [fed('a'), by('totp')], {}, 'sign_in'],
    ['by the connection of a and a backup code', [fed('a'), by('backup_code')], {}, 'sign_in'],
    ['by the connection of a and a remembered browser', [fed('a'), device], {}, 'sign_in'],
    ['by the connection of a, then the password', [fed('a'), by('password')], {}, null],
    ['by the connection of a, then that of b', [fed('a'), fed('b')], {}, null],
    ['by the connection of a, then a passkey', [fed('a'), by('passkey')], {}, null],
    // a second factor is demanded
    ['by two factors', [by('password'), by('totp')], { ...any, ...has }, null],
    ['by the connection of b and an app', [fed('b'), by('totp')], { ...any, ...has }, null],
    ['by that of a and an app, where a factor is demanded', [fed('a'), by('totp')], { ...any, ...has }, 'sign_in'],
    ['by the connection of b alone', [fed('b')], { ...any, ...has }, 'proof'],
    ['by that of b, whose provider checked two factors', [fed('b', true)], { ...any, ...has }, null],
    ['by that of b, whose provider did, without a factor here', [fed('b', true)], any, null],
    ['by that of a, whose provider did, and the password', [fed('a', true), by('password')], any, 'factor'],
    ['by that of the server, whose provider did', [fed(undefined, true)], any, 'factor'],
    ['by that of b, whose provider did, where an app is demanded', [fed('b', true)], { ...app, ...has }, 'proof'],
    ['by that of b, whose provider did, without the demanded app', [fed('b', true)], app, 'factor'],
    ['by that of b, whose provider did, and the demanded app', [fed('b', true), by('totp')], { ...app, ...has }, null],
    // its connections are required
    ['by a required connection', [fed('b')], sso, null],
    ['of an earlier version, where a connection is required', [], sso, 'connection'],
    ['by the password, where a connection is required', [by('password')], sso, 'connection'],
    ['by the password and an app, as a member', [by('password'), by('totp')], sso, 'connection'],
    ['by the connection of the server', [fed()], sso, 'connection'],
    ['by that of a', [fed('a')], sso, 'connection'],
    ['by the password, then a required connection', [by('password'), fed('b')], sso, null],
    ['of an owner, by the password alone', [by('password')], { ...sso, ...owner }, 'connection'],
    ['of an owner, by the password and an app', [by('password'), old('totp')], { ...sso, ...owner }, null],
    ['of an owner, by the password and a new app', [by('password'), by('totp')], { ...sso, ...owner }, 'connection'],
    ['of an owner, by a passkey', [old('passkey')], { ...sso, ...owner }, null],
    ['of an owner, by a new passkey', [by('passkey')], { ...sso, ...owner }, 'connection'],
    ['of an owner, by the password and a mailbox', [by('password'), by('email_code')], { ...sso, ...owner }, 'connection'],
    ['of an owner, by the password and a remembered browser', [by('password'), device], { ...sso, ...owner }, 'connection'],
    ['of an owner, by that of a with two factors and the password', [fed('a', true), by('password')], { ...sso, ...owner }, 'connection'],
    ['of an owner, by that of the server with two factors and the password', [fed(undefined, true), by('password')], { ...sso, ...owner }, 'connection'],
    ['by a required connection, where a factor is demanded', [fed('b')], { ...sso, ...any, ...has }, 'proof'],
    ['of an exempt member, by the password', [by('password')], { ...sso, member_mfa: 'exempt' }, 'connection'],
    ['where no connection is active', [by('password')], { policy_connections: [] }, null],
    // the domain of the address waits for a connection
    ['by the password, where one is waited for', [by('password')], waits, null],
    ['by a connection of the server, where one is waited for', [fed()], waits, null],
    ['by another connection than is waited for', [fed('b')], waits, 'sign_in'],
    ['by another one and the password', [fed('b'), by('password')], waits, null],
    ['by another one, whose provider checked two factors, and the password', [fed('b', true), by('password')], { ...waits, ...any, ...has }, 'proof'],
    ['by the one that is waited for', [fed('b')], { ...waits, policy_waits_for: 'con_b' }, null],
    ['by another one, where an active one is required', [fed('b')], { ...waits, ...sso }, null],
    ['of an earlier version, where one is waited for', [], waits, null],
    ['of no member', [fed('a')], { ...sso, policy_organization: null }, null],
  ] // biome-ignore format: a table
  it.each(table)('%s', (_name, proofs, over, missing) => {
    const unmet = findUnmet(row(over), { proofs, authenticatedAt: now }, now)
    expect(unmet?.missing ?? null).toBe(missing)
  })

  it('has no bearing on an API key', () => {
    expect(findUnmet(row(sso), null, now)).toBeNull()
  })
})

const facts = (over: Partial<SignInFacts> = {}): SignInFacts => ({
  factors: [],
  hasPassword: true,
  demands: [],
  ...over,
})
const demand = (organizationId: string | null, mode: Demand['mode'] = 'require_any'): Demand => ({
  mode,
  accepts: ['totp', 'passkey', 'backup_code'],
  dueAt: null,
  organizationId,
})

describe('an operation of the account', () => {
  const table: [string, StoredProof[], Partial<SignInFacts>, boolean][] = [
    ['by the password', [by('password')], {}, true],
    ['by a connection of the server', [fed()], {}, true],
    ['by the connection of an organization', [fed('a')], {}, false],
    ['by that of the organization of the address', [fed('a')], { authorities: ['con_a'] }, true],
    ['by that of another organization than the one of the address', [fed('b')], { authorities: ['con_a'] }, false],
    ['by another connection of the organization of the address', [{ ...fed('a'), connection: 'con_a2' }], { authorities: ['con_a'] }, false],
    ['by that of an organization, and the password', [fed('a'), by('password')], {}, true],
    ['by that of an organization, and the app alone', [fed('a'), by('totp')], { factors: ['totp'] }, false],
    ['by that of the organization of the address, and the app', [fed('a'), by('totp')], { factors: ['totp'], authorities: ['con_a'] }, true],
    ['by that of it, whose provider checked two factors, without the app', [fed('a', true)], { factors: ['totp'], authorities: ['con_a'] }, false],
    ['by that of the server, whose provider did', [fed(undefined, true)], { factors: ['totp'] }, true],
    ['in the organization itself', [fed('a')], { scope: 'a' }, true],
    ['in the organization itself, whose provider checked two factors', [fed('a', true)], { factors: ['totp'], scope: 'a' }, true],
    ['in another one, although the address is of the first', [fed('a')], { authorities: ['con_a'], scope: 'b' }, false],
  ] // biome-ignore format: a table
  it.each(table)('%s', (_name, proofs, over, expected) => {
    expect(judgeEnrolled(proofs, facts(over)).isMet).toBe(expected)
  })

  it('offers an identity provider where its proof would count', () => {
    const knownBy = (organization: string | null) => ({ connection: `con_${organization}`, organization })
    const offered = (over: Partial<SignInFacts>) => usableMethods(facts(over)).includes('federation')
    expect(offered({ identities: [knownBy('a')] })).toBe(false)
    expect(offered({ identities: [knownBy('a')], authorities: ['con_a'] })).toBe(true)
    expect(offered({ identities: [knownBy('a'), knownBy(null)] })).toBe(true)
    expect(offered(factsIn(facts({ identities: [knownBy('a')] }), 'a'))).toBe(true)
    expect(offered(factsIn(facts({ identities: [knownBy('a')] }), 'b'))).toBe(false)
  })
})

describe('a sign-in by the connection of an organization', () => {
  it('completes without demands, and asks for the account’s own factor even if the provider has checked two', () => {
    expect(lacksProof([fed('a')], facts())).toBe(false)
    expect(lacksProof([fed('a', true)], facts({ factors: ['totp'] }))).toBe(true)
    expect(methodsFor([fed('a', true)], facts({ factors: ['totp'] }))).toEqual(['totp'])
    expect(lacksProof([fed('a', true), by('totp')], facts({ factors: ['totp'] }))).toBe(false)
    expect(lacksProof([fed(undefined, true)], facts({ factors: ['totp'] }))).toBe(false)
  })

  it('meets by its provider the demand of the connection’s organization, and no other', () => {
    const stops = (proof: StoredProof, ...demands: Demand[]) =>
      findUnenrolled([proof], facts({ demands }), now)?.organizationId
    expect(stops(fed('a', true), demand('a'))).toBeUndefined()
    expect(stops(fed('a', true), demand('a'), demand('b'))).toBe('b')
    expect(stops(fed('a', true), demand(null))).toBeNull()
    expect(stops(fed(undefined, true), demand(null))).toBeUndefined()
    expect(stops(fed(undefined, true), demand('a'))).toBe('a')
    expect(stops(fed('a', true), demand('a', 'require_totp'))).toBe('a')
    expect(stops(fed('a', true), demand('a', 'require_passkey'))).toBe('a')
  })
})

describe('a remembered browser', () => {
  const table: [string, StoredProof[], Partial<SignInFacts>, string[], boolean][] = [
    ['alone', [device], {}, [], false],
    ['beside an organization that is no authority', [fed('a'), device], {}, [], false],
    ['beside one, for that organization', [fed('a'), device], { scope: 'a' }, ['federation a', 'remembered_device'], false],
    ['beside one, for another organization', [fed('a'), device], { scope: 'b' }, [], false],
    ['beside the password', [by('password'), device], {}, ['password', 'remembered_device'], true],
    ['beside a connection of the server', [fed(), device], {}, ['federation', 'remembered_device'], true],
  ] // biome-ignore format: a table
  it.each(table)('%s', (_name, proofs, over, counting, acts) => {
    expect(names(countingProofs(proofs, facts(over)))).toEqual(counting)
    expect(actsForAccount(proofs)).toBe(acts)
  })

  it('still replaces the second factor of a sign-in', () => {
    const enrolled = facts({ factors: ['totp'] })
    expect(lacksProof([by('password')], enrolled)).toBe(true)
    expect(lacksProof([by('password'), device], enrolled)).toBe(false)
  })
})

const organization = fc.constantFrom('a', 'b', 'c', undefined)
const anyProof: fc.Arbitrary<StoredProof> = fc.oneof(
  fc.constantFrom<SecondMethod>('password', 'totp', 'passkey', 'backup_code', 'email_code').map(by),
  fc.constant(device),
  fc.tuple(organization, fc.boolean()).map(([of, mfa]) => fed(of, mfa)),
)
const proofLists = fc.array(anyProof, { maxLength: 6 })
const rows: fc.Arbitrary<PolicyRow> = fc
  .record({
    policy_mode: fc.constantFrom('disabled', 'optional', 'require_any', 'require_totp', 'require_passkey', null),
    policy_factors: fc.subarray(['totp', 'passkey', 'backup_codes', 'email'] as const),
    policy_role: fc.constantFrom('owner', 'admin', 'member'),
    policy_connections: fc.constantFrom(null, [], ['con_b'], ['con_b', 'con_b2']),
    policy_waits_for: fc.constantFrom(null, 'con_b', 'con_x'),
    member_mfa: fc.constantFrom('inherit', 'required', 'exempt', 'force_totp', 'force_passkey'),
  })
  .map((over) => row(over as Partial<PolicyRow>)) // biome-ignore format: a table

describe('for all proofs', () => {
  const unmetOf = (policy: PolicyRow, proofs: readonly StoredProof[]) =>
    findUnmet(policy, { proofs, authenticatedAt: now }, now)

  it('those by connections of other organizations change nothing in one', () => {
    fc.assert(
      fc.property(rows, proofLists, proofLists, (policy, proofs, more) => {
        const foreign = more.filter(({ organization: of }) => of !== undefined && of !== 'b')
        fc.pre(proofs.length > 0)
        expect(unmetOf(policy, [...proofs, ...foreign])).toEqual(unmetOf(policy, proofs))
        const mode = demandMode(policy.policy_mode ?? 'disabled', policy.member_mfa ?? 'inherit')
        if (mode === 'none') return
        const own = demand('b', mode)
        const here = proofsIn([...proofs, ...foreign], 'b')
        expect(findMissing(own, here, ['totp'])).toBe(findMissing(own, proofsIn(proofs, 'b'), ['totp']))
      }),
    )
  })

  it('a session whose only proofs are of other organizations acts nowhere else', () => {
    fc.assert(
      fc.property(rows, fc.array(fc.constantFrom(fed('a'), fed('a', true), fed('c')), { minLength: 1 }), (policy, proofs) => {
        expect(['sign_in', 'connection']).toContain(unmetOf(policy, proofs)?.missing)
        expect(judgeEnrolled(proofs, facts({ authorities: ['con_b'] })).isMet).toBe(false)
      }),
    ) // biome-ignore format: one property
  })

  it('a further proof takes nothing away', () => {
    fc.assert(
      fc.property(rows, proofLists, anyProof, (policy, proofs, further) => {
        fc.pre(proofs.length > 0)
        if (unmetOf(policy, proofs) === null) expect(unmetOf(policy, [...proofs, further])).toBeNull()
        expect(isAtLeast(acrOf([...proofs, further]), acrOf(proofs))).toBe(true)
      }),
    )
  })

  it('a required connection is proven by itself, or by an owner with two local factors', () => {
    fc.assert(
      fc.property(rows, proofLists, (policy, proofs) => {
        fc.pre((policy.policy_connections ?? []).length > 0)
        if (unmetOf(policy, proofs)?.missing === 'connection') return
        const isProven = proofs.some(({ connection }) =>
          policy.policy_connections?.includes(connection ?? ''),
        )
        const own = proofs.filter(({ connection }) => connection === undefined)
        expect(isProven || (policy.policy_role === 'owner' && acrOf(own) !== 'aal1')).toBe(true)
      }),
    )
  })

  it('no provider proves the phishing-resistant level, nor a demanded method', () => {
    fc.assert(
      fc.property(fc.array(organization.map((of) => fed(of, true)), { minLength: 1 }), organization, (proofs, of) => {
        expect(acrOf(proofs)).toBe('aal2')
        expect(isMet(demand(of ?? null, 'require_totp'), proofs)).toBe(false)
        expect(isMet(demand(of ?? null, 'require_passkey'), proofs)).toBe(false)
      }),
    ) // biome-ignore format: one property
  })

  it('the level outside of an organization is not raised by its provider', () => {
    fc.assert(
      fc.property(proofLists, organization, (proofs, of) => {
        const stored = { proofs, acr: acrOf(proofs), amr: [] }
        const plain = proofs.map(({ mfa: _, ...proof }) => proof)
        const local = proofs.every(({ organization: one }) => one === undefined)
        const { acr } = levelIn(stored, of ?? null)
        if (local) expect(acr).toBe(stored.acr)
        else if (of === undefined)
          expect(acr).toBe(acrOf([...plain, ...proofs.filter((one) => one.organization === undefined)]))
        else expect(acr).toBe(acrOf(proofsIn(proofs, of)))
        const foreign = proofs.filter((one) => one.organization !== undefined)
        expect(actsForAccount([...foreign, device])).toBe(false)
        expect(countingProofs([...foreign, device], facts())).toEqual([])
        expect(countingProofs(proofs, facts()).every((one) => one.organization === undefined)).toBe(true)
      }),
    )
  })
})
