/**
 * The public keys of an app: those that are registered with it, or those at its `jwks_uri`, held in memory. What strangers send causes
 * at most one request a minute for each app, and none where the last one failed a moment ago.
 */
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { isKeyFor, type JwsAlgorithm, jwsAlgorithm, readPublicJwk } from '../../../base/jws.ts'
import { BadDocument, NoAnswer } from '../../../base/outbound/index.ts'
import { type Client, mayBePrivateFor } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'

const Jwk = z.looseObject({ kty: z.string() })
const KeySet = z.object({ keys: z.array(Jwk).max(100) })
type KeySet = z.infer<typeof KeySet>

const MINUTE = 60_000

export type KeyTools = Pick<Tools, 'config' | 'outbound' | 'log'>

/** Which key a header names. */
export interface KeyWanted {
  alg: JwsAlgorithm
  /** Null: any of the app's. */
  kid: string | null
}

/**
 * Whether one of the app's keys passes the test. A set that was fetched before is fetched again where none does, and the header
 * names none of its keys.
 */
export async function someKey(
  tools: KeyTools,
  client: Client,
  wanted: KeyWanted,
  test: (key: KeyObject) => boolean,
): Promise<boolean> {
  const { id, settings } = client
  const { jwks, jwks_uri: url } = settings
  if (jwks !== null) return keysFor(jwks, wanted).some(test)
  if (url === null) return false
  const document = {
    owner: id,
    kind: 'client keys',
    url,
    allowPrivate: mayBePrivateFor(tools.config, client, url),
    read: readKeySet,
    refreshAfter: 5 * MINUTE,
    expireAfter: 60 * MINUTE,
    retryAfter: MINUTE,
  }
  try {
    const { documents } = tools.outbound
    const held = keysFor(await documents.find(document), wanted)
    if (held.some(test)) return true
    if (held.length > 0 && wanted.kid !== null) return false
    const renewed = await documents.renew(document)
    return renewed !== null && keysFor(renewed, wanted).some(test)
  } catch (error) {
    if (!(error instanceof NoAnswer) && !(error instanceof BadDocument)) throw error
    tools.log.warn({ client: id, reason: error.message }, 'the keys of an app cannot be read')
    return false
  }
}

function readKeySet(json: unknown): KeySet {
  const { success, data } = KeySet.safeParse(json)
  if (success) return data
  throw new BadDocument('it is no JWK set')
}

/** A key that has an id, an algorithm or a use is used by that alone (RFC 7517 §4). */
function keysFor({ keys }: { keys: readonly object[] }, { alg, kid }: KeyWanted): KeyObject[] {
  return keys.flatMap((jwk) => {
    const { kid: id, alg: named, use, key_ops: operations } = jwk as Readonly<Record<string, unknown>>
    const isNamed = kid === null || id === undefined || id === kid
    const isForIt = named === undefined || jwsAlgorithm(named) === alg
    const verifies = operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
    if (!isNamed || !isForIt || !verifies || (use !== undefined && use !== 'sig')) return []
    const key = keyOf(jwk)
    return key !== null && isKeyFor(key, alg) ? [key] : []
  })
}

/** By their JWK, which is in memory as long as the client or the set. */
const read = new WeakMap<object, KeyObject | null>()

function keyOf(jwk: object): KeyObject | null {
  let key = read.get(jwk)
  if (key === undefined) {
    key = readPublicJwk(jwk)
    read.set(jwk, key)
  }
  return key
}
