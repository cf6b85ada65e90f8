/** What an authenticator answers is input: every part of it changed once, refused by a reason of the closed union. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import type { RelyingParty } from '../../../base/relying-party.ts'
import { Authenticator, type Ceremony } from '../../../testing/authenticator.ts'
import {
  assertionOptions,
  registrationOptions,
  type StoredCredential,
  verifyAssertion,
  verifyRegistration,
} from './ceremonies.ts'

const party: RelyingParty = {
  id: 'example.com',
  name: 'Latchkey',
  origins: ['https://id.example.com', 'https://example.com'],
  attestation: 'none',
}
const origin = 'https://id.example.com'
const user = { handle: randomBytes(32), name: 'ada@example.com', displayName: 'Ada' }

async function registered(authenticator = new Authenticator(), ceremony: Partial<Ceremony> = {}) {
  const options = await registrationOptions(party, user, randomBytes(32), [])
  const answer = authenticator.create(options, { origin, ...ceremony })
  const checked = await verifyRegistration(party, answer, (challenge) => challenge === options.challenge)
  if ('fault' in checked) throw new Error(checked.fault)
  return { authenticator, options, answer, passkey: checked.passed }
}

describe('a registration', () => {
  test('offers three algorithms, a discoverable credential, no attestation, and the challenge as bytes', async () => {
    const challenge = randomBytes(32)
    const known = { credentialId: Buffer.from('known'), transports: ['internal'] }
    const options = await registrationOptions(party, user, challenge, [known])
    expect(options).toMatchObject({
      rp: { id: 'example.com', name: 'Latchkey' },
      user: { id: user.handle.toString('base64url'), name: 'ada@example.com', displayName: 'Ada' },
      challenge: challenge.toString('base64url'),
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
      excludeCredentials: [{ id: known.credentialId.toString('base64url'), transports: ['internal'] }],
    })
    expect(options.pubKeyCredParams.map(({ alg }) => alg)).toEqual([-8, -7, -257])
  })

  test('returns what is stored', async () => {
    const { passkey, authenticator } = await registered()
    expect(passkey).toMatchObject({
      algorithm: -7,
      counter: 0,
      aaguid: null,
      origin,
      deviceType: 'multiDevice',
      backedUp: true,
      userVerified: true,
    })
    expect(passkey.credentialId).toEqual(authenticator.passkeys[0]?.id)
  })

  test.each<[string, Partial<Ceremony>, string]>([
    ['another type', { type: 'webauthn.get' }, 'wrong_type'],
    ['another challenge', { challenge: randomBytes(32).toString('base64url') }, 'wrong_challenge'],
    ['another origin', { origin: 'https://evil.example' }, 'wrong_origin'],
    ['another port of the origin', { origin: 'https://id.example.com:444' }, 'wrong_origin'],
    ['a frame of another origin', { clientData: { crossOrigin: true } }, 'wrong_origin'],
    ['a top origin', { clientData: { topOrigin: 'https://evil.example' } }, 'wrong_origin'],
    ['another relying party', { rpId: 'evil.example' }, 'wrong_rp_id'],
    ['a subdomain of it', { rpId: 'id.example.com' }, 'wrong_rp_id'],
    ['no user present', { flags: { up: false } }, 'user_not_present'],
    ['backed up, but not eligible', { flags: { be: false, bs: true } }, 'malformed'],
    ['client data without an origin', { clientData: { origin: undefined } }, 'malformed'],
    ['a token binding of no known kind', { clientData: { tokenBinding: { status: 'x' } } }, 'malformed'],
  ])('of %s is refused', async (_, ceremony, fault) => {
    const options = await registrationOptions(party, user, randomBytes(32), [])
    const answer = new Authenticator().create(options, { origin, ...ceremony })
    expect(await verifyRegistration(party, answer, (text) => text === options.challenge)).toEqual({ fault })
  })

  test.each(['', 'oA', 'AAAA', '_w', 'o2NmbXRkbm9uZQ'])(
    'with the attestation object "%s" is refused',
    async (attestationObject) => {
      const { options, answer } = await registered()
      const changed = { ...answer, response: { ...answer.response, attestationObject } }
      expect(await verifyRegistration(party, changed, (text) => text === options.challenge)).toEqual({
        fault: 'malformed',
      })
    },
  )

  test('whose id is not that of the key is refused', async () => {
    const { options, answer } = await registered()
    const id = randomBytes(20).toString('base64url')
    expect(await verifyRegistration(party, { ...answer, id }, (text) => text === options.challenge)).toEqual({
      fault: 'malformed',
    })
  })

  test('with an id of more than 1023 bytes is refused', async () => {
    const options = await registrationOptions(party, user, randomBytes(32), [])
    const answer = new Authenticator().create(options, { origin, id: randomBytes(1024) })
    expect(await verifyRegistration(party, answer, (text) => text === options.challenge)).toEqual({
      fault: 'malformed',
    })
  })

  test('never reads a statement where none was requested, and never connects', async () => {
    const connect = vi.spyOn(globalThis, 'fetch')
    const options = await registrationOptions(party, user, randomBytes(32), [])
    const answer = new Authenticator().create(options, { origin, fmt: 'android-safetynet' })
    expect(await verifyRegistration(party, answer, (text) => text === options.challenge)).toMatchObject({
      passed: { deviceType: 'multiDevice' },
    })
    const direct = await verifyRegistration(
      { ...party, attestation: 'direct' },
      answer,
      (text) => text === options.challenge,
    )
    expect(direct).toEqual({ fault: 'malformed' })
    expect(connect).not.toHaveBeenCalled()
    connect.mockRestore()
  })
})

describe('an assertion', () => {
  const stored = ({ credentialId, publicKey, deviceType }: StoredCredential): StoredCredential => ({
    credentialId,
    publicKey,
    deviceType,
  })

  async function asserted(ceremony: Partial<Ceremony> = {}) {
    const { authenticator, passkey } = await registered()
    const options = await assertionOptions(party, randomBytes(32), null, 'required')
    const answer = authenticator.get(options, { origin, ...ceremony })
    const isExpected = (text: string) => text === options.challenge
    return { answer, isExpected, passkey }
  }

  test('asks for a user verification, and names the allowed credentials only where there are some', async () => {
    const options = await assertionOptions(party, Buffer.from('c'), null, 'required')
    expect(options).toMatchObject({ rpId: 'example.com', challenge: 'Yw', userVerification: 'required' })
    expect(options.allowCredentials).toBeUndefined()
    const allow = [{ credentialId: Buffer.from('id'), transports: ['usb'] }]
    const named = await assertionOptions(party, Buffer.from('c'), allow, 'preferred')
    expect(named.allowCredentials).toEqual([{ id: 'aWQ', type: 'public-key', transports: ['usb'] }])
  })

  test('is accepted with its counter, its backup state and the user verification', async () => {
    const { answer, isExpected, passkey } = await asserted({ counter: 7, flags: { uv: false, bs: false } })
    expect(await verifyAssertion(party, answer, stored(passkey), isExpected)).toMatchObject({
      passed: { counter: 7, deviceType: 'multiDevice', backedUp: false, userVerified: false },
    })
  })

  test.each<[string, Partial<Ceremony>, string]>([
    ['another type', { type: 'webauthn.create' }, 'wrong_type'],
    ['another challenge', { challenge: 'AAAA' }, 'wrong_challenge'],
    ['another origin', { origin: 'http://id.example.com' }, 'wrong_origin'],
    ['a frame of another origin', { clientData: { crossOrigin: true } }, 'wrong_origin'],
    ['another relying party', { rpId: 'example.org' }, 'wrong_rp_id'],
    ['no user present', { flags: { up: false } }, 'user_not_present'],
    ['another backup eligibility', { flags: { be: false, bs: false } }, 'backup_eligibility_changed'],
    ['backed up, but not eligible', { flags: { be: false, bs: true } }, 'malformed'],
  ])('of %s is refused', async (_, ceremony, fault) => {
    const { answer, isExpected, passkey } = await asserted(ceremony)
    expect(await verifyAssertion(party, answer, stored(passkey), isExpected)).toEqual({ fault })
  })

  test('that was signed by another key, or changed after the signature, is refused', async () => {
    const { answer, isExpected, passkey } = await asserted()
    const check = (response: Partial<typeof answer.response>) =>
      verifyAssertion(
        party,
        { ...answer, response: { ...answer.response, ...response } },
        stored(passkey),
        isExpected,
      )
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const foreign = sign('sha256', Buffer.from('anything'), privateKey).toString('base64url')
    expect(await check({ signature: foreign })).toEqual({ fault: 'wrong_signature' })
    const data = Buffer.from(answer.response.authenticatorData, 'base64url')
    data.writeUInt32BE(99, 33)
    expect(await check({ authenticatorData: data.toString('base64url') })).toEqual({
      fault: 'wrong_signature',
    })
    for (const signature of ['AA', 'MEUCIQ', answer.response.signature.slice(0, -4)])
      expect(await check({ signature })).toHaveProperty('fault')
    for (const authenticatorData of ['AA', data.subarray(0, 36).toString('base64url')])
      expect(await check({ authenticatorData })).toEqual({ fault: 'malformed' })
    for (const clientDataJSON of ['AA', 'bnVsbA', 'W10', 'e30'])
      expect(await check({ clientDataJSON })).toEqual({ fault: 'malformed' })
  })

  test('is not refused for its counter before its signature is verified', async () => {
    const { answer, isExpected, passkey } = await asserted({ counter: 0 })
    expect(await verifyAssertion(party, answer, stored(passkey), isExpected)).toHaveProperty('passed')
  })
})
