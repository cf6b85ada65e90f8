/**
 * Signing keys of tokens. Owns the keys' stages, their encryption at rest, rotation by schedule and command, and the
 * replica of the key set in every process. Leaves the claims of tokens to the features.
 *
 * Invariant: a key is published before it signs and until the last token that it signed has expired. Changes of the
 * key set are serialized by a lock, so that of concurrent starts and rotations one creates a key.
 */
import type { JsonWebKey } from 'node:crypto'
import { type Call, systemCall } from '../../base/call.ts'
import { type Clock, later } from '../../base/clock.ts'
import type { Keyring } from '../../base/crypto.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { problem } from '../../base/errors.ts'
import type { Log } from '../../base/log/index.ts'
import { createReplica } from '../../base/replica.ts'
import type { Config } from '../../config.ts'
import { audit } from '../audit/index.ts'
import type { Jobs } from '../jobs/index.ts'
import { generateSealedPair, keyOfSecret, type Material, type Signer, unsealKey } from './material.ts'
import {
  deleteRemovedBefore,
  extendKeep,
  insertSigningKey,
  type KeyRow,
  listSigningKeys,
  lockKeys,
  removeDead,
  removeOthers,
  retireSucceeded,
} from './sql.ts'
import { activeOf, nextKeyAt, type RotationPolicy, type Stage, stageOf } from './stages.ts'

export { listSealedKeys, resealKeys } from './reseal.ts'

const CHANNEL = 'latchkey_keys'
/** Tolerance for other machines' clocks. */
const SLACK = 5 * 60_000
/** How long a removed key stays listed. */
const REMOVED_RETENTION = 90 * 86_400_000
/** Milliseconds between reloads because of an unknown `kid`. */
const UNKNOWN_KID_INTERVAL = 1000

/** The operator's view of a key. */
export interface SigningKeyView {
  kid: string
  algorithm: KeyRow['algorithm']
  stage: Stage
  created_at: string
  active_at: string
  /** When the last token that the key signed has expired. */
  keep_until: string
}

export interface Keys {
  /** Signs a compact JWS with the active key. @param typ the header's `typ` */
  sign(typ: string, claims: Readonly<Record<string, unknown>>, now: Date): string
  /** Every key that verifies signatures: public keys, and secrets (`kty` `oct`). */
  verifiers(): readonly JsonWebKey[]
  /** The public keys as a JWK set, RFC 7517 §5. */
  published(): { keys: readonly JsonWebKey[] }
  /** Null where the replica is current; otherwise await it before verifying. */
  fresh(): Promise<void> | null
  /** Reloads the keys for an unknown `kid`, at most once a second. */
  refetch(): Promise<void>
  /** Keeps the keys that sign now published at least until then. */
  keepUntil(tx: Tx, until: Date): Promise<void>
  /**
   * Publishes a new key, which signs after the lead; `immediately`: it signs now, and all other keys are removed with
   * their tokens.
   * @throws Problem CONFLICT where tokens are signed with a configured secret
   */
  rotate(call: Call, options: { immediately: boolean }): Promise<SigningKeyView>
  list(now: Date): Promise<SigningKeyView[]>
  /** Calls the listener when the key set has changed. @returns a function to unsubscribe */
  onChange(listener: () => void): () => void
  /** Creates the first key where there is none, loads the replica and listens for changes. */
  open(): Promise<void>
  close(): Promise<void>
}

export type KeysConfig = Pick<
  Config,
  'tokenAlgorithm' | 'tokenSecret' | 'keyRotation' | 'keyLead' | 'accessTokenLifetime'
>

/** A key of the replica. Where the private key is sealed under another LATCHKEY_SECRET, the key only verifies. */
type LoadedKey = KeyRow & { signer: Signer | null; head: Map<string, string> }

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
  const policy: RotationPolicy = {
    algorithm: config.tokenAlgorithm,
    kid: isSecret ? keyOfSecret(keyring, config.tokenSecret ?? '').kid : null,
    rotation: config.keyRotation,
    lead: config.keyLead,
  }
  const listeners = new Set<() => void>()
  let held: readonly LoadedKey[] = []
  let unknownAt = Number.NEGATIVE_INFINITY
  const replica = createReplica({ db, log, name: 'signing keys', channel: CHANNEL, load })

  const make = (): Promise<Material> | Material =>
    config.tokenAlgorithm === 'HS256'
      ? keyOfSecret(keyring, config.tokenSecret ?? '')
      : generateSealedPair(keyring, config.tokenAlgorithm)

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

  async function load(): Promise<void> {
    const before = held.map(({ kid }) => kid).join()
    held = (await listSigningKeys(db.hot, 'published')).map(hold)
    if (held.map(({ kid }) => kid).join() !== before) for (const listener of listeners) listener()
  }

  /** Publishes a key where one is due. @returns its kid, or null */
  async function ensure(now: Date): Promise<string | null> {
    if (nextKeyAt(signable(await listSigningKeys(db.hot, 'published')), policy, now) === null) return null
    const material = await make()
    return await db.tx('system', async (tx) => {
      await lockKeys(tx)
      const keys = await listSigningKeys(tx, 'published')
      const at = nextKeyAt(signable(keys), policy, now)
      if (at === null) return null
      await publish(tx, material, at, now)
      if (keys.length > 0) await auditRotation(tx, systemCall(now), material, { immediately: at <= now })
      return material.kid
    })
  }

  /** A key that cannot be unsealed never signs, so it is no successor of another key. */
  const signable = (rows: KeyRow[]): KeyRow[] => rows.filter((row) => hold(row).signer !== null)

  async function publish(tx: Tx, material: Material, at: Date, now: Date): Promise<void> {
    const keep_until = later(at, config.accessTokenLifetime + SLACK)
    await insertSigningKey(tx, { ...material, active_at: at, keep_until }, now)
    await tx.notify(CHANNEL, material.kid)
  }

  async function tend(now: Date): Promise<void> {
    await db.tx('system', async (tx) => {
      await lockKeys(tx)
      await extendKeep(tx, later(now, config.accessTokenLifetime + SLACK))
      await retireSucceeded(tx, now)
      for (const kid of await removeDead(tx, now)) {
        await audit(tx, systemCall(now), {
          type: 'keys.removed',
          userId: null,
          username: null,
          details: { kid },
        })
        await tx.notify(CHANNEL, kid)
      }
      await deleteRemovedBefore(tx, later(now, -REMOVED_RETENTION))
    })
    await ensure(now)
  }
  jobs.every('keys.tend', '1m', tend)

  function active(now: Date): LoadedKey & { signer: Signer } {
    const key = activeOf(
      held.filter(({ signer }) => signer !== null),
      now,
    )
    if (key?.signer == null) throw problem('UNAVAILABLE', { cause: new Error('there is no signing key') })
    return { ...key, signer: key.signer }
  }

  const publicOf = (key: LoadedKey): JsonWebKey | null => key.public_jwk as JsonWebKey | null

  return {
    sign(typ, claims, now) {
      const { signer, head, algorithm, kid } = active(now)
      const header = head.get(typ) ?? base64url({ alg: algorithm, typ, kid })
      head.set(typ, header)
      const signed = `${header}.${base64url(claims)}`
      return `${signed}.${signer.sign(Buffer.from(signed)).toString('base64url')}`
    },
    verifiers: () => held.flatMap((key): JsonWebKey[] => [publicOf(key) ?? key.signer?.jwk ?? []].flat()),
    published: () => ({ keys: held.flatMap((key): JsonWebKey[] => [publicOf(key) ?? []].flat()) }),
    fresh: replica.fresh,
    async refetch() {
      if (clock.ticks() - unknownAt < UNKNOWN_KID_INTERVAL) return
      unknownAt = clock.ticks()
      await replica.reload()
    },
    keepUntil: (tx, until) => extendKeep(tx, later(until, SLACK)),
    async rotate(call, { immediately }) {
      if (isSecret) {
        throw problem('CONFLICT', {
          message: 'Tokens are signed with LATCHKEY_TOKEN_SECRET: change it on every node to change the key.',
        })
      }
      const material = await make()
      const { now } = call
      await db.tx('system', async (tx) => {
        await lockKeys(tx)
        await publish(tx, material, immediately ? now : later(now, config.keyLead), now)
        const removed = immediately ? await removeOthers(tx, material.kid, now) : []
        await auditRotation(tx, call, material, { immediately, removed })
      })
      await replica.reload()
      const view = (await listed(now)).find(({ kid }) => kid === material.kid)
      if (!view) throw problem('CONFLICT', { message: 'The new key was removed by a concurrent rotation.' })
      return view
    },
    list: listed,
    onChange(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    async open() {
      await ensure(clock.now())
      await replica.open()
    },
    close: replica.close,
  }

  async function listed(now: Date): Promise<SigningKeyView[]> {
    const rows = await listSigningKeys(db.hot, 'all')
    return rows.map((row) => ({
      kid: row.kid,
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
  { kid, algorithm }: Material,
  more: { immediately: boolean; removed?: readonly string[] },
): Promise<void> =>
  audit(tx, call, {
    type: 'keys.rotated',
    userId: null,
    username: null,
    details: { kid, algorithm, ...more },
  })

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
