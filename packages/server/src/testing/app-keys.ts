/** Keys of apps in tests: what apps sign with them (assertions, proofs), and servers at which they publish them. */
import {
  constants,
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JwsAlgorithm } from '../base/jws.ts'

type Members = Readonly<Record<string, unknown>>

export interface AppKey {
  alg: JwsAlgorithm
  /** The public key. */
  jwk: JsonWebKey & { kid: string }
  privateKey: KeyObject
  /** A compact JWS. A member that is undefined is left out. */
  sign(header: Members, claims: Members): string
}

const PAIRS: Readonly<Record<JwsAlgorithm, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}

export const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

let count = 0

export function appKey(alg: JwsAlgorithm = 'ES256'): AppKey {
  const { privateKey, publicKey } = PAIRS[alg]()
  const kid = `key-${++count}`
  return {
    alg,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid },
    privateKey,
    sign(header, claims) {
      const text = `${encoded({ alg, ...header })}.${encoded(claims)}`
      return `${text}.${signatureOf(alg, privateKey, text).toString('base64url')}`
    },
  }
}

export function signatureOf(alg: JwsAlgorithm, key: KeyObject, text: string): Buffer {
  const data = Buffer.from(text)
  if (alg === 'EdDSA') return sign(null, data, key)
  if (alg === 'RS256') return sign('sha256', data, key)
  return alg === 'ES256'
    ? sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
    : sign('sha256', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
}

/** The thumbprint of a key on a curve as RFC 7638 §3 describes it. */
export const thumbprintOfEc = ({ crv, kty, x, y }: JsonWebKey): string =>
  createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')

export interface KeyServer {
  url: string
  /** How often it was requested. */
  requests: number
  /** What it publishes. */
  keys: readonly object[]
  /** Replaces the answer. */
  answer: ((response: ServerResponse) => void) | null
  stop(): Promise<void>
}

export async function startKeyServer(...keys: readonly object[]): Promise<KeyServer> {
  const web = createServer((_, response) => {
    server.requests += 1
    if (server.answer) server.answer(response)
    else
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ keys: server.keys }))
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const server: KeyServer = {
    url: `http://127.0.0.1:${(web.address() as AddressInfo).port}/jwks`,
    requests: 0,
    keys,
    answer: null,
    stop: () =>
      new Promise<void>((resolve) => {
        web.close(() => resolve())
        web.closeAllConnections()
      }),
  }
  return server
}
