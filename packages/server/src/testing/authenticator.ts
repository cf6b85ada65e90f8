/**
 * An authenticator of tests: creates passkeys and signs assertions as a browser with a security key or a password manager
 * would (WebAuthn §6), with its own keys, CBOR and authenticator data. Every part of an answer can be changed, so that
 * tests send what no honest authenticator does.
 */

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { Client, Reply } from './client.ts'

/** Options as the server answers them; tests read them without types. */
// biome-ignore lint/suspicious/noExplicitAny: the JSON of an answer
type Options = any

export interface Ceremony {
  origin: string
  rpId?: string
  /** User present, user verified, backup eligible, backup state. */
  flags?: { up?: boolean; uv?: boolean; be?: boolean; bs?: boolean }
  /** Replaces the counter; default: one more than before. */
  counter?: number
  challenge?: string
  type?: string
  /** Further members of the client data. */
  clientData?: Record<string, unknown>
  /** Of an assertion: the handle that is sent; null for none. */
  userHandle?: string | null
}

export interface TestPasskey {
  id: Buffer
  userHandle: string
  rpId: string
  privateKey: KeyObject
  counter: number
}

export interface RegistrationJson {
  id: string
  rawId: string
  type: 'public-key'
  clientExtensionResults: Record<string, unknown>
  response: { clientDataJSON: string; attestationObject: string; transports: string[] }
}

export interface AssertionJson {
  id: string
  rawId: string
  type: 'public-key'
  clientExtensionResults: Record<string, unknown>
  response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string }
}

export class Authenticator {
  /** Every passkey that it has created, the newest last. */
  readonly passkeys: TestPasskey[] = []
  readonly defaults: Required<NonNullable<Ceremony['flags']>>
  /** Whether it counts its signatures; those of password managers stay at 0. */
  readonly isCounting: boolean

  constructor(options: { flags?: Ceremony['flags']; isCounting?: boolean } = {}) {
    this.defaults = { up: true, uv: true, be: true, bs: true, ...options.flags }
    this.isCounting = options.isCounting ?? false
  }

  /** `navigator.credentials.create(options)`. */
  create(
    options: Options,
    ceremony: Ceremony & { fmt?: string; attStmt?: Buffer; id?: Buffer | undefined },
  ): RegistrationJson {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const rpId = ceremony.rpId ?? options.rp.id
    const passkey: TestPasskey = {
      id: ceremony.id ?? randomBytes(20),
      userHandle: options.user.id,
      rpId,
      privateKey,
      counter: 0,
    }
    this.passkeys.push(passkey)
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const idLength = Buffer.alloc(2)
    idLength.writeUInt16BE(passkey.id.length)
    const attested = Buffer.concat([AAGUID, idLength, passkey.id, coseKey(x, y)])
    const authData = Buffer.concat([this.#head(passkey, ceremony, AT), attested])
    const attestation = map([
      [text('fmt'), text(ceremony.fmt ?? 'none')],
      [text('attStmt'), ceremony.attStmt ?? map([])],
      [text('authData'), bytes(authData)],
    ])
    return {
      id: passkey.id.toString('base64url'),
      rawId: passkey.id.toString('base64url'),
      type: 'public-key' as const,
      clientExtensionResults: { credProps: { rk: true } },
      response: {
        clientDataJSON: clientData('webauthn.create', options, ceremony).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal', 'hybrid'],
      },
    }
  }

  /** `navigator.credentials.get(options)`, by the newest passkey that the options allow, or by the given one. */
  get(options: Options, ceremony: Ceremony, by?: TestPasskey): AssertionJson {
    const allowed: string[] | null = options.allowCredentials?.map(({ id }: { id: string }) => id) ?? null
    const passkey =
      by ?? this.passkeys.findLast(({ id }) => allowed === null || allowed.includes(id.toString('base64url')))
    if (!passkey) throw new Error('the authenticator has no passkey that is allowed')
    const authData = this.#head(passkey, ceremony, 0)
    const client = clientData('webauthn.get', options, ceremony)
    const signed = Buffer.concat([authData, createHash('sha256').update(client).digest()])
    const handle = ceremony.userHandle === undefined ? passkey.userHandle : ceremony.userHandle
    return {
      id: passkey.id.toString('base64url'),
      rawId: passkey.id.toString('base64url'),
      type: 'public-key' as const,
      clientExtensionResults: {},
      response: {
        clientDataJSON: client.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: sign('sha256', signed, passkey.privateKey).toString('base64url'),
        ...(handle !== null && { userHandle: handle }),
      },
    }
  }

  #head(passkey: TestPasskey, ceremony: Ceremony, more: number): Buffer {
    const { up, uv, be, bs } = { ...this.defaults, ...ceremony.flags }
    if (this.isCounting) passkey.counter += 1
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(ceremony.counter ?? passkey.counter)
    const flags = (up ? 0x01 : 0) | (uv ? 0x04 : 0) | (be ? 0x08 : 0) | (bs ? 0x10 : 0) | more
    const rpIdHash = createHash('sha256')
      .update(ceremony.rpId ?? passkey.rpId)
      .digest()
    return Buffer.concat([rpIdHash, Buffer.from([flags]), counter])
  }
}

/** Attested credential data present. */
const AT = 0x40
const AAGUID = Buffer.alloc(16)

const clientData = (type: string, options: Options, ceremony: Ceremony): Buffer =>
  Buffer.from(
    JSON.stringify({
      type: ceremony.type ?? type,
      challenge: ceremony.challenge ?? options.challenge,
      origin: ceremony.origin,
      crossOrigin: false,
      ...ceremony.clientData,
    }),
  )

/** COSE_Key of P-256, RFC 8152 §13.1: kty 2, alg -7, crv 1. */
const coseKey = (x: string, y: string): Buffer =>
  map([
    [integer(1), integer(2)],
    [integer(3), integer(-7)],
    [integer(-1), integer(1)],
    [integer(-2), bytes(Buffer.from(x, 'base64url'))],
    [integer(-3), bytes(Buffer.from(y, 'base64url'))],
  ])

/** CBOR, RFC 8949 §3: a major type with its argument. */
function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.from([(major << 5) | argument])
  if (argument < 0x100) return Buffer.from([(major << 5) | 24, argument])
  return Buffer.from([(major << 5) | 25, argument >> 8, argument & 0xff])
}
const integer = (value: number): Buffer => (value < 0 ? head(1, -1 - value) : head(0, value))
const bytes = (value: Buffer): Buffer => Buffer.concat([head(2, value.length), value])
const text = (value: string): Buffer => Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
const map = (entries: readonly (readonly [Buffer, Buffer])[]): Buffer =>
  Buffer.concat([head(5, entries.length), ...entries.flat()])

/** The origin of the server's pages in tests. */
const originOf = (client: Client): string => `http://localhost:${new URL(client.url).port}`

/** Adds a passkey to the account that the client is signed in to. @throws if it is refused */
export async function addPasskey(
  client: Client,
  authenticator: Authenticator,
  { name, ...ceremony }: Partial<Ceremony> & { name?: string } = {},
): Promise<{ id: string; passkey: TestPasskey }> {
  const begun = await client.post('/api/v1/auth/passkeys/register/begin')
  if (begun.status !== 200) throw new Error(`no options: ${begun.text}`)
  const credential = authenticator.create(begun.data.options, { origin: originOf(client), ...ceremony })
  const added = await client.post('/api/v1/auth/passkeys/register/complete', {
    credential,
    ...(name && { name }),
  })
  if (added.status !== 201) throw new Error(`no passkey: ${added.text}`)
  const passkey = authenticator.passkeys.at(-1)
  if (!passkey) throw new Error('the authenticator has created none')
  return { id: added.data.id, passkey }
}

/** Begins a sign-in of the client, and lets the authenticator answer. */
export async function assertPasskey(
  client: Client,
  authenticator: Authenticator,
  { begin = {}, by, ...ceremony }: Partial<Ceremony> & { begin?: object; by?: TestPasskey } = {},
): Promise<AssertionJson> {
  const begun = await client.post('/api/v1/auth/passkeys/login/begin', begin)
  if (begun.status !== 200) throw new Error(`no options: ${begun.text}`)
  return authenticator.get(begun.data.options, { origin: originOf(client), ...ceremony }, by)
}

/** Signs the client in by a passkey; keeps the CSRF token of the session. */
export async function signInByPasskey(
  client: Client,
  authenticator: Authenticator,
  options: Parameters<typeof assertPasskey>[2] & { more?: object } = {},
): Promise<Reply> {
  const { more = {}, ...ceremony } = options
  const credential = await assertPasskey(client, authenticator, ceremony)
  const reply = await client.post('/api/v1/auth/passkeys/login/complete', { credential, ...more })
  client.csrfToken = reply.data?.session?.csrf_token ?? client.csrfToken
  return reply
}
