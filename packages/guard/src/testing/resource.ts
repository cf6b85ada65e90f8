/** For tests: a protected resource, tokens for it, and proofs of possession that jose signs. */
import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import {
  type Principal,
  type ProtectedResourceOptions,
  principalOf,
  protectedResource,
  type Rule,
} from '../index.ts'
import type { Counterpart } from './counterpart.ts'

export const RESOURCE = 'https://api.example.com/notes'

export interface ResourceAnswer {
  status: number
  headers: Headers
  challenge: string
  code: string | undefined
  principal: Principal | null
}

export interface ResourceProbe {
  api: ReturnType<typeof protectedResource>
  /** The reasons of refusals so far, the latest last. */
  reasons: (string | undefined)[]
  /** Sends a request to a path of the resource's origin. */
  send(
    headers?: Record<string, string> | [string, string][],
    options?: { rule?: Rule; method?: string; path?: string },
  ): Promise<ResourceAnswer>
}

export function resourceProbe(
  server: Counterpart,
  options: Partial<ProtectedResourceOptions> = {},
): ResourceProbe {
  const reasons: (string | undefined)[] = []
  const api = protectedResource({
    resource: RESOURCE,
    issuer: server.issuer,
    scopes: ['notes:read', 'notes:write'],
    onProblem: ({ reason }) => void reasons.push(reason),
    ...options,
  })
  return {
    api,
    reasons,
    async send(headers = {}, { rule, method = 'GET', path = '/notes' } = {}) {
      let principal: Principal | null = null
      const handler = api.web((request) => {
        principal = principalOf(request)
        return new Response('{}')
      }, rule)
      const response = await handler(new Request(new URL(path, RESOURCE), { method, headers }))
      const body = JSON.parse((await response.text()) || '{}')
      const challenge = response.headers.get('www-authenticate') ?? ''
      return {
        status: response.status,
        headers: response.headers,
        challenge,
        code: body.error?.code,
        principal,
      }
    },
  }
}

/** A token that an app has got for the resource. */
export const tokenForResource = (
  server: Counterpart,
  claims: Record<string, unknown> = {},
): Promise<string> =>
  server.token({
    aud: RESOURCE,
    client_id: 'app',
    scope: 'notes:read',
    roles: undefined,
    permissions: undefined,
    ...claims,
  })

export interface Holder {
  jkt: string
  jwk: JWK
  privateKey: CryptoKey
  /** A proof for a GET of the resource with this token; undefined leaves a claim out. */
  proof(token: string, claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /** The header fields of such a request. */
  fields(token: string, claims?: Record<string, unknown>): Promise<Record<string, string>>
}

export const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url')

export async function makeHolder(alg = 'ES256'): Promise<Holder> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const holder: Holder = {
    jkt: await calculateJwkThumbprint(jwk),
    jwk,
    privateKey,
    proof(token, claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000)
      const all = { jti: randomUUID(), htm: 'GET', htu: RESOURCE, iat: now, ath: digestOf(token), ...claims }
      const given = JSON.parse(JSON.stringify(all))
      return new SignJWT(given).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header }).sign(privateKey)
    },
    fields: async (token, claims) => ({
      authorization: `DPoP ${token}`,
      dpop: await holder.proof(token, claims),
    }),
  }
  return holder
}
