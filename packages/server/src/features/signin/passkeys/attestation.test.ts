/** Attestation of a registration (WebAuthn §8.2), as LATCHKEY_PASSKEY_ATTESTATION requests it. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import type { RelyingParty } from '../../../base/relying-party.ts'
import { Authenticator } from '../../../testing/authenticator.ts'
import { registrationOptions, verifyRegistration } from './ceremonies.ts'

const party: RelyingParty = {
  id: 'example.com',
  name: 'Latchkey',
  origins: ['https://id.example.com'],
  attestation: 'direct',
}
const user = { handle: randomBytes(32), name: 'ada@example.com', displayName: 'Ada' }

/** DER, X.690: a tag, its length and its content. */
function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...content: Buffer[]): Buffer => der(0x30, ...content)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))
const attribute = (hex: string, value: Buffer): Buffer => der(0x31, sequence(oid(hex), value))
const nameOf = (unit: string): Buffer =>
  sequence(
    attribute('550406', der(0x13, Buffer.from('AT'))),
    attribute('55040a', utf8('Latchkey')),
    attribute('55040b', utf8(unit)),
    attribute('550403', utf8('a test')),
  )
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'))

/** A certificate of X.509 v3 that is no CA. */
function certificate(subject: KeyObject, signedBy: KeyObject, unit = 'Authenticator Attestation'): Buffer {
  const time = (text: string) => der(0x18, Buffer.from(text))
  const notCa = sequence(oid('551d13'), der(0x01, Buffer.from([0xff])), der(0x04, sequence()))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ECDSA_SHA256,
    nameOf('Authority'),
    sequence(time('20200101000000Z'), time('20990101000000Z')),
    nameOf(unit),
    subject.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(notCa)),
  )
  const signature = sign('sha256', body, signedBy)
  return sequence(body, ECDSA_SHA256, der(0x03, Buffer.from([0]), signature))
}

/** CBOR, RFC 8949 §3: a byte string, and a text of less than 24 bytes. */
const bytes = (value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x59, value.length >> 8, value.length & 0xff]), value])
const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)])
const ES256 = Buffer.from([0x26])

/** The signature over the authenticator data and the client data, by the new key itself or by one with certificates. */
function statement(
  authData: Buffer,
  clientDataJSON: Buffer,
  key: KeyObject,
  chain: readonly Buffer[],
): Buffer {
  const hash = createHash('sha256').update(clientDataJSON).digest()
  const signature = sign('sha256', Buffer.concat([authData, hash]), key)
  const certificates = [text('x5c'), Buffer.from([0x80 + chain.length]), ...chain.map(bytes)]
  return Buffer.concat([
    Buffer.from([0xa0 + (chain.length > 0 ? 3 : 2)]),
    text('alg'),
    ES256,
    text('sig'),
    bytes(signature),
    ...(chain.length > 0 ? certificates : []),
  ])
}

interface Attested {
  key?: KeyObject
  chain?: readonly Buffer[]
  isChanged?: boolean
}

/** Registers with a packed statement. @returns the verdict where attestation is `direct`, and where it is `none` */
async function verdicts({ key, chain = [], isChanged = false }: Attested) {
  const options = await registrationOptions(party, user, randomBytes(32), [])
  const authenticator = new Authenticator()
  const answer = authenticator.create(options, { origin: party.origins[0] ?? '' })
  const own = authenticator.passkeys[0]?.privateKey
  if (!own) throw new Error('no key')
  const object = Buffer.from(answer.response.attestationObject, 'base64url')
  // the last member: a label, a byte string with a head of two or three bytes
  const member = object.subarray(object.indexOf(text('authData')))
  const at = text('authData').length
  const authData = member.subarray(at + (member[at] === 0x58 ? 2 : 3))
  const clientData = Buffer.from(answer.response.clientDataJSON, 'base64url')
  const attStmt = statement(authData, clientData, key ?? own, chain)
  const inSignature = attStmt.indexOf(text('sig')) + 20
  if (isChanged) attStmt[inSignature] = (attStmt[inSignature] ?? 0) ^ 1
  const attested = Buffer.concat([
    Buffer.from([0xa3]),
    text('fmt'),
    text('packed'),
    text('attStmt'),
    attStmt,
    member,
  ]).toString('base64url')
  const sent = { ...answer, response: { ...answer.response, attestationObject: attested } }
  const isExpected = (challenge: string) => challenge === options.challenge
  const verify = async (attestation: 'none' | 'direct') => {
    const checked = await verifyRegistration({ ...party, attestation }, sent, isExpected)
    return 'fault' in checked ? checked.fault : 'accepted'
  }
  return { requested: options.attestation, direct: await verify('direct'), none: await verify('none') }
}

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const [authority, attesting, other] = [pair(), pair(), pair()]

test('a statement by the new key itself is verified', async () => {
  expect(await verdicts({})).toEqual({ requested: 'direct', direct: 'accepted', none: 'accepted' })
})

test('a statement with a chain of certificates is verified', async () => {
  const chain = [
    certificate(attesting.publicKey, authority.privateKey),
    certificate(authority.publicKey, authority.privateKey, 'Authority'),
  ]
  expect(await verdicts({ key: attesting.privateKey, chain })).toMatchObject({
    direct: 'accepted',
    none: 'accepted',
  })
})

test.each<[string, () => Attested, string]>([
  ['by another key than the new one', () => ({ key: other.privateKey }), 'wrong_signature'],
  ['whose signature was changed', () => ({ isChanged: true }), 'wrong_signature'],
  [
    'by another key than that of its certificate',
    () => ({ key: other.privateKey, chain: [certificate(attesting.publicKey, authority.privateKey)] }),
    'wrong_signature',
  ],
  [
    'with a certificate that is not of an authenticator',
    () => ({
      key: attesting.privateKey,
      chain: [certificate(attesting.publicKey, authority.privateKey, 'Web')],
    }),
    'malformed',
  ],
  [
    'with a certificate that cannot be read',
    () => ({ key: attesting.privateKey, chain: [randomBytes(300)] }),
    'malformed',
  ],
])('a statement %s is refused where one is requested, and ignored where none is', async (_, make, fault) => {
  expect(await verdicts(make())).toMatchObject({ direct: fault, none: 'accepted' })
})
