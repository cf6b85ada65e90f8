/** What happens with an identity that a provider has asserted, as a table: one row, one expectation. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asksToSignIn, type Linking, type LinkingFacts, linkingOf } from './linking.ts'

const ADA = 'usr_ada'
const EVE = 'usr_eve'
const verifiedOwner = { id: ADA, isVerified: true }
const unverifiedOwner = { id: EVE, isVerified: false }

const account = (id: string) => ({ id, isPending: false })
/** What a registration that was never verified has linked. */
const pending = (id: string) => ({ id, isPending: true })

/** A first sign-in with a verified address that no account has. */
const FIRST: LinkingFacts = {
  flow: 'login',
  linkedTo: null,
  caller: null,
  mayConnect: true,
  isMeant: true,
  email: 'verified',
  owner: null,
  registers: true,
  linksSilently: false,
  isRequired: false,
}
const ask = (question: 'owner' | 'account' | 'link'): Linking => ({ is: 'ask', question })
const refused = (fault: 'taken' | 'expired' | 'not_connected' | 'domain_refused'): Linking => ({
  is: 'refused',
  fault,
})
const link = (userId: string, claims = false): Linking => ({ is: 'link', userId, claims })
const known: Linking = { is: 'known', userId: ADA }

const table: [string, Partial<LinkingFacts>, Linking][] = [
  // 1: the key is known
  ['a known identity signs its user in', { linkedTo: account(ADA) }, known],
  ['a known identity signs in, although another user owns the address by now', { linkedTo: account(ADA), owner: { id: EVE, isVerified: true } }, known],
  ['a known identity signs in without an address', { linkedTo: account(ADA), email: 'absent' }, known],
  ['a known identity signs in where the connection registers no more', { linkedTo: account(ADA), registers: false }, known],
  ['signing up with a known identity signs in', { flow: 'register', linkedTo: account(ADA) }, known],
  // 2: signed in, and asked to link
  ['a signed-in user links an identity of any address', { flow: 'link', caller: ADA, email: 'unverified', owner: { id: EVE, isVerified: true } }, link(ADA)],
  ['a signed-in user links an identity without an address', { flow: 'link', caller: ADA, email: 'absent' }, link(ADA)],
  ['a URL that another site can open asks before it links', { flow: 'link', caller: ADA, isMeant: false }, ask('link')],
  ['an organization’s provider is not connected with the account of a stranger', { flow: 'link', caller: ADA, mayConnect: false }, refused('domain_refused')],
  ['nor does it ask one', { flow: 'link', caller: ADA, mayConnect: false, isMeant: false }, refused('domain_refused')],
  ['what is linked already stays', { flow: 'link', caller: ADA, linkedTo: account(ADA) }, { is: 'linked' }],
  ['an identity of another user is refused', { flow: 'link', caller: ADA, linkedTo: account(EVE) }, refused('taken')],
  ['a link without its session is refused', { flow: 'link' }, refused('expired')],
  // 3: one verified owner
  ['the owner of the address decides, once', { owner: verifiedOwner }, ask('owner')],
  ['a verified owner is linked silently where the operator allows it', { owner: verifiedOwner, linksSilently: true }, link(ADA)],
  ['never silently where the provider has not verified the address', { owner: verifiedOwner, linksSilently: true, email: 'unverified' }, ask('account')],
  ['the owner decides although the connection makes no accounts', { owner: verifiedOwner, registers: false }, ask('owner')],
  // 4: an owner without proof
  ['the true owner of the address claims an unproven account', { owner: unverifiedOwner }, link(EVE, true)],
  ['an unproven account is claimed, never linked silently', { owner: unverifiedOwner, linksSilently: true }, link(EVE, true)],
  ['an unproven account is not joined without a verified address', { owner: unverifiedOwner, email: 'unverified' }, ask('account')],
  // 5: no verified address
  ['without an address the user names one', { email: 'absent' }, ask('account')],
  ['with an unverified address the user proves one', { email: 'unverified' }, ask('account')],
  ['an unverified address tells nothing about its owner', { email: 'unverified', owner: verifiedOwner }, ask('account')],
  ['a connection that makes no accounts leaves the one that the user has', { registers: false }, ask('account')],
  // first sign-in
  ['a verified address without an account registers', {}, { is: 'register' }],
  // linked to a registration that was never verified
  ['the user of a registration that waits enters an address again', { linkedTo: pending(EVE), email: 'absent' }, ask('account')],
  ['they also do where the address is not verified', { linkedTo: pending(EVE), email: 'unverified' }, ask('account')],
  ['an address that the provider has verified by now registers', { linkedTo: pending(EVE) }, { is: 'register' }],
  ['the verified owner of its address decides', { linkedTo: pending(EVE), owner: verifiedOwner }, ask('owner')],
  ['a signed-in user takes it over', { flow: 'link', caller: ADA, linkedTo: pending(EVE) }, link(ADA)],
  ['a signed-in user takes it over after a question', { flow: 'link', caller: ADA, linkedTo: pending(EVE), isMeant: false }, ask('link')],
  ['it continues no attempt of another user', { flow: 'continue', caller: ADA, linkedTo: pending(EVE), email: 'absent' }, refused('not_connected')],
  ['of the provider that is required it continues that of the owner of the verified address', { flow: 'continue', caller: ADA, isRequired: true, linkedTo: pending(EVE), owner: verifiedOwner }, link(ADA)],
  // continuing
  ['a known identity continues the attempt of its user', { flow: 'continue', caller: ADA, linkedTo: account(ADA) }, known],
  ['an identity of another user does not continue it', { flow: 'continue', caller: ADA, linkedTo: account(EVE) }, refused('taken')],
  ['an unknown identity does not continue it, not even of the same verified address', { flow: 'continue', caller: ADA, owner: verifiedOwner }, refused('not_connected')],
  ['one of the provider that the organization requires, of the same verified address, is linked by it', { flow: 'continue', caller: ADA, isRequired: true, owner: verifiedOwner }, link(ADA)],
  ['one of another address is not', { flow: 'continue', caller: ADA, isRequired: true, owner: { id: EVE, isVerified: true } }, refused('not_connected')],
  ['nor one whose address is not verified', { flow: 'continue', caller: ADA, isRequired: true, owner: verifiedOwner, email: 'unverified' }, refused('not_connected')],
  ['nor one whose owner here is unproven', { flow: 'continue', caller: EVE, isRequired: true, owner: unverifiedOwner }, refused('not_connected')],
  ['an attempt without a user is not continued', { flow: 'continue' }, refused('expired')],
] // biome-ignore format: a table

describe('an identity', () => {
  it.each(table)('%s', (_, facts, expected) => {
    expect(linkingOf({ ...FIRST, ...facts })).toEqual(expected)
  })
})

const owners = fc.option(fc.record({ id: fc.constantFrom(ADA, EVE), isVerified: fc.boolean() }), {
  nil: null,
})
const anything: fc.Arbitrary<LinkingFacts> = fc.record({
  flow: fc.constantFrom('login' as const, 'register' as const, 'link' as const, 'continue' as const),
  linkedTo: fc.constantFrom(null, account(ADA), account(EVE), pending(ADA), pending(EVE)),
  caller: fc.constantFrom(null, ADA, EVE),
  mayConnect: fc.boolean(),
  isMeant: fc.boolean(),
  email: fc.constantFrom('verified' as const, 'unverified' as const, 'absent' as const),
  owner: owners,
  registers: fc.boolean(),
  linksSilently: fc.boolean(),
  isRequired: fc.boolean(),
})
const property = (holds: (facts: LinkingFacts, linking: Linking) => boolean) =>
  fc.assert(
    fc.property(anything, (facts) => holds(facts, linkingOf(facts))),
    { numRuns: 5000 },
  )

describe('for all facts', () => {
  it('an identity that is linked never becomes another user’s, unless a registration waits', () => {
    property(
      ({ linkedTo }, linking) =>
        linkedTo === null ||
        linkedTo.isPending ||
        !('userId' in linking) ||
        (linking.is === 'known' && linking.userId === linkedTo.id),
    )
  })

  it('a registration that waits decides nothing', () => {
    property((facts, linking) => {
      const { linkedTo } = facts
      if (!linkedTo?.isPending) return true
      expect(linking).toEqual(linkingOf({ ...facts, linkedTo: null }))
      return true
    })
  })

  it('an address alone links nothing: the caller asked, or both sides have verified it', () => {
    property(({ caller, email, owner, flow }, linking) => {
      if (linking.is !== 'link') return true
      const asked = flow === 'link' && linking.userId === caller
      return asked || (email === 'verified' && linking.userId === owner?.id)
    })
  })

  it('what is continued links only to whom it continues, where the organization requires the provider', () => {
    property(
      ({ caller, flow, isRequired }, linking) =>
        flow !== 'continue' || linking.is !== 'link' || (isRequired && linking.userId === caller),
    )
  })

  it('an account whose address is not proven is entered only by ending what was planted in it', () => {
    property(
      ({ owner, flow }, linking) =>
        linking.is !== 'link' ||
        flow === 'link' ||
        owner?.id !== linking.userId ||
        owner.isVerified ||
        linking.claims,
    )
  })

  it('no account is made for an address that has an owner, or that the provider does not vouch for', () => {
    property(
      ({ owner, email, registers }, linking) =>
        linking.is !== 'register' || (owner === null && email === 'verified' && registers),
    )
  })
})

describe('a sign-in by the connection of an organization', () => {
  const facts = { user: ADA, signedInAs: null, isByOther: false, isKnown: false }
  it.each([
    ['that this server began', {}, false],
    ['that another site began', { isByOther: true }, true],
    [
      'that another site began, of a user who has signed in there before',
      { isByOther: true, isKnown: true },
      false,
    ],
    ['that another site began, of a new user', { user: null, isByOther: true }, true],
    ['of the user who is signed in', { signedInAs: ADA, isByOther: true }, false],
    ['of another user than who is signed in', { signedInAs: EVE }, true],
    ['of another user who has signed in there before', { signedInAs: EVE, isKnown: true }, true],
    ['of a new user where another one is signed in', { user: null, signedInAs: EVE }, true],
  ])('%s is confirmed, or not', (_, changed, asks) => {
    expect(asksToSignIn({ ...facts, ...changed })).toBe(asks)
  })
})
