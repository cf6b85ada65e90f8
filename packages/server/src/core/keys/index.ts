/**
 * Signing keys of tokens. Owns the keys' stages, their encryption at rest, rotation by schedule and command, and the
 * replica of the key set in every process. Leaves the claims of tokens to the features.
 *
 * Keys are of lines that rotate each by itself: one of access tokens, and one of ID tokens for each algorithm that a client
 * has demanded; until then there is none, so that a start without clients generates no RSA key.
 *
 * Invariants: a key is published before it signs, except the first of its line, and until the last token that it signed has
 * expired. A key of ID tokens verifies no access token. Changes of the key set are serialized by a lock, so that of
 * concurrent starts, demands and rotations one creates a key.
 */
import type { JsonWebKey } from 'node:crypto'
import { type Call, systemCall } from '../../base/call.ts'
import { type Clock, later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { problem } from '../../base/errors.ts'
import { isId } from '../../base/ids.ts'
import type { Log } from '../../base/log/index.ts'
import { createReplica } from '../../base/replica.ts'
import type { Config } from '../../config.ts'
import { audit } from '../audit/index.ts'
import type { Jobs } from '../jobs/index.ts'
import { generateSealedPair, keyOfSecret, type Material, type Signer, unsealKey } from './material.ts'
import {
  deleteRemovedBefore,
  extendKeep,
  findStoredKey,
  insertSigningKey,
  type KeyRow,
  listSigningKeys,
  lockKeys,
  removeDead,
  removeOthers,
  retireSucceeded,
} from './sql.ts'
import {
  activeOf,
  isOfLine,
  type KeyLine,
  nextKeyAt,
  type RotationPolicy,
  type Stage,
  stageOf,
} from './stages.ts'

export { listSealedKeys, resealKeys } from './reseal.ts'

const CHANNEL = 'latchkey_keys'
/** Tolerance for other machines' clocks. */
const SLACK = 5 * 60_000
/** How long a removed key stays listed. */
const REMOVED_RETENTION = 90 * 86_400_000
/** Milliseconds between reloads because of an unknown `kid`. */
const UNKNOWN_KID_INTERVAL = 1000

const ID_TOKEN_ALGORITHMS = ['RS256', 'ES256'] as const
export type IdTokenAlgorithm = (typeof ID_TOKEN_ALGORITHMS)[number]

/** The longest lifetime of what a key of ID tokens signs, in milliseconds: so long the key is kept. */
export const LONGEST_ID_TOKEN = 3_600_000

/** The operator's view of a key. */
export interface SigningKeyView {
  kid: string
  line: KeyRow['line']
  algorithm: KeyRow['algorithm']
  stage: Stage
  created_at: string
  active_at: string
  /** When the last token that the key signed has expired. */
  keep_until: string
}

export interface Keys {
  /** Signs a compact JWS with the active key of access tokens. @param typ the header's `typ` */
  sign(typ: string, claims: Readonly<Record<string, unknown>>, now: Date): string
  /** Every key that verifies access tokens: public keys, and secrets (`kty` `oct`). */
  verifiers(): readonly JsonWebKey[]
  /**
   * Signs a compact JWS that is no access token (an ID token, a logout token) with the active key of the algorithm's line;
   * where there is none yet, creates it. Not within a transaction.
   * @param claims `exp` at most {@link LONGEST_ID_TOKEN} from now
   */
  signIdToken(
    algorithm: IdTokenAlgorithm,
    typ: string,
    claims: Readonly<Record<string, unknown>> & { exp: number },
    now: Date,
  ): Promise<string>
  /**
   * Creates the first key of the algorithm's line where there is none, so that apps that fetch the keys have it before it
   * signs. Not within a transaction.
   */
  demand(algorithm: IdTokenAlgorithm): Promise<void>
  /**
   * The public key of ID tokens, of any stage while it is listed, but none that was removed while
   * its tokens were valid: an `id_token_hint` may have expired (OpenID Connect
   * RP-Initiated Logout 1.0 §4). Null for any other text.
   */
  findVerifier(kid: string): Promise<JsonWebKey | null>
  /** The public keys of all lines as a JWK set, RFC 7517 §5. */
  published(): { keys: readonly JsonWebKey[] }
  /** Null where the replica is current; otherwise await it before verifying. */
  fresh(): Promise<void> | null
  /** Reloads the keys for an unknown `kid`, at most once a second. */
  refetch(): Promise<void>
  /**
   * Keeps the keys that sign access tokens now published at least until then. Those of ID tokens are kept for
   * {@link LONGEST_ID_TOKEN} after they last signed.
   */
  keepUntil(tx: Tx, until: Date): Promise<void>
  /**
   * Publishes a new key of each line that has one, which signs after the lead; `immediately`: it signs now, and all other
   * keys are removed with their tokens. A configured secret is not rotated.
   * @returns the key of access tokens; of ID tokens where access tokens are signed with a configured secret
   * @throws Problem CONFLICT where that secret is the only key
   */
  rotate(call: Call, options: { immediately: boolean }): Promise<SigningKeyView>
  list(now: Date): Promise<SigningKeyView[]>
  /** When the newest key of each line is due to be replaced; none for a configured secret, which is not rotated. */
  dueAt(): readonly (Pick<KeyRow, 'line' | 'algorithm'> & { at: Date })[]
  /** Calls the listener when the keys of access tokens have changed. @returns a function to unsubscribe */
  onChange(listener: () => void): () => void
  /** Creates the first key of access tokens where there is none, loads the replica and listens for changes. */
  open(): Promise<void>
  close(): Promise<void>
}

export type KeysConfig = Pick<
  Config,
  'tokenAlgorithm' | 'tokenSecret' | 'keyRotation' | 'keyLead' | 'accessTokenLifetime'
>

/** A key of the replica. Where the private key is sealed under another LATCHKEY_SECRET, the key only verifies. */
type LoadedKey = KeyRow & { signer: Signer | null; head: Map<string, string> }
type SigningKey = LoadedKey & { signer: Signer }
const canSign = (key: LoadedKey): key is SigningKey => key.signer !== null

/** Creates the keys and registers their recurring job. */
export function createKeys(tools: {
  db: Db
  clock: Clock
  keyring: Keyring
  jobs: Jobs
  log: Log
  config: KeysConfig
}): Keys {
  const { db, clock, keyring, jobs, log, config } = tools
  const isSecret = config.tokenAlgorithm === 'HS256'
  const times = { rotation: config.keyRotation, lead: config.keyLead }
  const access: RotationPolicy = {
    line: 'access_token',
    algorithm: config.tokenAlgorithm,
    kid: isSecret ? keyOfSecret(keyring, config.tokenSecret ?? '').kid : null,
    ...times,
  }
  const ofIdTokens = (algorithm: IdTokenAlgorithm): RotationPolicy => ({
    line: 'id_token',
    algorithm,
    kid: null,
    ...times,
  })
  const policies = [access, ...ID_TOKEN_ALGORITHMS.map(ofIdTokens)]
  /** For how long a key is kept after it last signed. */
  const keeps: Readonly<Record<KeyRow['line'], number>> = {
    access_token: config.accessTokenLifetime + SLACK,
    id_token: LONGEST_ID_TOKEN + SLACK,
  }
  const listeners = new Set<() => void>()
  let held: readonly LoadedKey[] = []
  let signing: readonly SigningKey[] = []
  const demands = new Map<IdTokenAlgorithm, Promise<void>>()
  let unknownAt = Number.NEGATIVE_INFINITY
  const replica = createReplica({ db, log, name: 'signing keys', channel: CHANNEL, load })

  const make = async ({ line, algorithm }: KeyLine): Promise<KeyLine & Material> => ({
    line,
    ...(algorithm === 'HS256'
      ? keyOfSecret(keyring, config.tokenSecret ?? '')
      : await generateSealedPair(keyring, algorithm)),
  })

  function hold(row: KeyRow): LoadedKey {
    const known = held.find(
      ({ kid, sealed_private }) => kid === row.kid && sealed_private === row.sealed_private,
    )
    if (known) return { ...row, signer: known.signer, head: known.head }
    let signer: Signer | null = null
    try {
      signer = unsealKey(keyring, { ...row, publicJwk: row.public_jwk as JsonWebKey | null })
    } catch (err) {
      log.warn(
        { err, kid: row.kid },
        'a signing key was sealed under another LATCHKEY_SECRET and cannot sign',
      )
    }
    return { ...row, signer, head: new Map() }
  }

  const ofAccessTokens = (): LoadedKey[] => held.filter(({ line }) => line === 'access_token')

  async function load(): Promise<void> {
    const kidsOf = (keys: readonly LoadedKey[]): string => keys.map(({ kid }) => kid).join()
    const before = kidsOf(ofAccessTokens())
    held = (await listSigningKeys(db.hot, 'published')).map(hold)
    signing = held.filter(canSign)
    if (kidsOf(ofAccessTokens()) !== before) for (const listener of listeners) listener()
  }

  /** The line of access tokens, and those of ID tokens that have been demanded. */
  const begun = (rows: readonly KeyRow[]): RotationPolicy[] =>
    policies.filter((policy) => policy === access || rows.some((row) => isOfLine(row, policy)))

  /** Publishes a key of each of these lines where one is due. */
  async function ensure(
    which: (rows: readonly KeyRow[]) => readonly RotationPolicy[],
    now: Date,
  ): Promise<void> {
    const rows = await listSigningKeys(db.hot, 'published')
    for (const policy of which(rows))
      if (nextKeyAt(signable(rows), policy, now) !== null) await renew(policy, now)
  }

  async function renew(policy: RotationPolicy, now: Date): Promise<void> {
    const key = await make(policy)
    await db.tx('system', async (tx) => {
      await lockKeys(tx)
      const rows = await listSigningKeys(tx, 'published')
      const at = nextKeyAt(signable(rows), policy, now)
      // another node was first
      if (at === null) return
      await publish(tx, key, at, now)
      const isFirst = !rows.some((row) => isOfLine(row, policy))
      if (!isFirst) await auditRotation(tx, systemCall(now), key, { immediately: at <= now })
    })
  }

  /** A key that cannot be unsealed never signs, so it is no successor of another key. */
  const signable = (rows: readonly KeyRow[]): KeyRow[] => rows.filter((row) => hold(row).signer !== null)

  async function publish(tx: Tx, key: KeyLine & Material, at: Date, now: Date): Promise<void> {
    const keep_until = later(at, keeps[key.line])
    await insertSigningKey(tx, { ...key, active_at: at, keep_until }, now)
    await tx.notify(CHANNEL, key.kid)
  }

  async function tend(now: Date): Promise<void> {
    await db.tx('system', async (tx) => {
      await lockKeys(tx)
      await extendKeep(tx, 'access_token', later(now, keeps.access_token))
      await extendKeep(tx, 'id_token', later(now, keeps.id_token))
      await retireSucceeded(tx, now)
      for (const { kid, line } of await removeDead(tx, now)) {
        await audit(tx, systemCall(now), {
          type: 'keys.removed',
          userId: null,
          username: null,
          details: { kid, line },
        })
        await tx.notify(CHANNEL, kid)
      }
      await deleteRemovedBefore(tx, later(now, -REMOVED_RETENTION))
    })
    await ensure(begun, now)
  }
  jobs.every('keys.tend', '1m', tend)

  function active(line: KeyLine, now: Date): SigningKey {
    const key = activeOf(signing, line, now)
    if (key === null) throw problem('UNAVAILABLE', { cause: new Error('there is no signing key') })
    return key
  }

  /** Of requests that demand the first key at the same time, one creates it. */
  async function demand(algorithm: IdTokenAlgorithm): Promise<void> {
    await replica.fresh()
    const policy = ofIdTokens(algorithm)
    if (signing.some((key) => isOfLine(key, policy))) return
    const creating = demands.get(algorithm) ?? create()
    demands.set(algorithm, creating)
    await creating

    async function create(): Promise<void> {
      try {
        await ensure(() => [policy], clock.now())
        await replica.reload()
      } finally {
        demands.delete(algorithm)
      }
    }
  }

  const publicOf = (key: KeyRow): JsonWebKey | null => key.public_jwk as JsonWebKey | null

  return {
    sign(typ, claims, now) {
      const key = active(access, now)
      const signed = signedPart(key, typ, claims)
      return compact(signed, key.signer.sign(Buffer.from(signed)))
    },
    async signIdToken(algorithm, typ, claims, now) {
      if (claims.exp * 1000 > now.getTime() + LONGEST_ID_TOKEN)
        throw new Error('an ID token would outlive the key that verifies it')
      await demand(algorithm)
      const key = active(ofIdTokens(algorithm), now)
      const signed = signedPart(key, typ, claims)
      return compact(signed, await key.signer.signEventually(Buffer.from(signed)))
    },
    demand,
    async findVerifier(kid) {
      if (!isId('sig', kid)) return null
      const key = held.find((one) => one.kid === kid) ?? (await findStoredKey(db.hot, kid))
      // one that was removed before its last token expired was compromised: what it signed counts for nothing
      const isLost = key?.removed_at != null && key.removed_at < key.keep_until
      return key?.line === 'id_token' && !isLost ? publicOf(key) : null
    },
    verifiers: () =>
      ofAccessTokens().flatMap((key): JsonWebKey[] => [publicOf(key) ?? key.signer?.jwk ?? []].flat()),
    published: () => ({ keys: held.flatMap((key): JsonWebKey[] => [publicOf(key) ?? []].flat()) }),
    fresh: replica.fresh,
    async refetch() {
      if (clock.ticks() - unknownAt < UNKNOWN_KID_INTERVAL) return
      unknownAt = clock.ticks()
      await replica.reload()
    },
    keepUntil: (tx, until) => extendKeep(tx, 'access_token', later(until, SLACK)),
    async rotate(call, { immediately }) {
      // a line that begins from here on begins with a new key
      const lines = begun(await listSigningKeys(db.hot, 'published')).filter(({ kid }) => kid === null)
      const made = await Promise.all(lines.map(make))
      const [first] = made
      if (first === undefined) {
        throw problem('CONFLICT', {
          message: 'Tokens are signed with LATCHKEY_TOKEN_SECRET: change it on every node to change the key.',
        })
      }
      const { now } = call
      await db.tx('system', async (tx) => {
        await lockKeys(tx)
        for (const key of made) {
          await publish(tx, key, immediately ? now : later(now, config.keyLead), now)
          const removed = immediately ? await removeOthers(tx, key, now) : []
          await auditRotation(tx, call, key, { immediately, removed })
        }
      })
      await replica.reload()
      const view = (await listed(now)).find(({ kid }) => kid === first.kid)
      if (!view) throw problem('CONFLICT', { message: 'The new key was removed by a concurrent rotation.' })
      return view
    },
    list: listed,
    dueAt: () =>
      begun(held)
        .filter(({ kid }) => kid === null)
        .map((policy) => {
          const times = held.filter((key) => isOfLine(key, policy)).map((key) => key.active_at.getTime())
          const at = new Date(Math.max(0, ...times) + policy.rotation)
          return { line: policy.line, algorithm: policy.algorithm, at }
        }),
    onChange(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    async open() {
      await ensure(() => [access], clock.now())
      await replica.open()
    },
    close: replica.close,
  }

  async function listed(now: Date): Promise<SigningKeyView[]> {
    const rows = await listSigningKeys(db.hot, 'all')
    return rows.map((row) => ({
      kid: row.kid,
      line: row.line,
      algorithm: row.algorithm,
      stage: stageOf(row, rows, now),
      created_at: row.created_at.toISOString(),
      active_at: row.active_at.toISOString(),
      keep_until: row.keep_until.toISOString(),
    }))
  }
}

const auditRotation = (
  tx: Tx,
  call: Call,
  { kid, line, algorithm }: KeyLine & Pick<Material, 'kid'>,
  more: { immediately: boolean; removed?: readonly string[] },
): Promise<void> =>
  audit(tx, call, {
    type: 'keys.rotated',
    userId: null,
    username: null,
    details: { kid, line, algorithm, ...more },
  })

/** The header and the claims of a JWS as they are signed, RFC 7515 §5.1. */
function signedPart({ head, algorithm, kid }: LoadedKey, typ: string, claims: object): string {
  const header = head.get(typ) ?? base64url({ alg: algorithm, typ, kid })
  head.set(typ, header)
  return `${header}.${base64url(claims)}`
}

const compact = (signed: string, signature: Buffer): string => `${signed}.${signature.toString('base64url')}`

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
