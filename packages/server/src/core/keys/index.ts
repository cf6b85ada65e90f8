/**
 * Signing keys: what tokens are signed with and checked by. Owns the keys' stages, their sealed storage, rotation
 * by schedule and command, and the set every process has at hand. Leaves to the features what a token says.
 *
 * Invariant: a key is published for a while before it signs and until the last token it signed is dead; and
 * whoever changes the set holds one lock, so that of many nodes that start or rotate at once one makes a key.
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
import { keyOfSecret, type Material, makePair, type Signer, unseal } from './material.ts'
import {
  deleteRemovedBefore,
  extendKeep,
  insertKey,
  type KeyRow,
  lockKeys,
  removeDead,
  removeOthers,
  retireSucceeded,
  selectKeys,
} from './sql.ts'
import { activeOf, nextKeyAt, type Stage, stageOf, type Wanted } from './stages.ts'

const CHANNEL = 'latchkey_keys'
/** Others' clocks may be behind. */
const SLACK = 5 * 60_000
/** A removed key stays listed so long. */
const REMEMBERED = 90 * 86_400_000
/** A `kid` nobody knows is looked up in the database this often at most. */
const UNKNOWN_EVERY = 1000

/** A key as an operator sees it. */
export interface KeyView {
  kid: string
  algorithm: KeyRow['algorithm']
  stage: Stage
  created_at: string
  active_at: string
  /** Of a retired one: when the last token it signed is dead. */
  keep_until: string
}

export interface Keys {
  /** A compact JWS under the active key. @param typ the header's `typ` */
  sign(typ: string, claims: Readonly<Record<string, unknown>>, now: Date): string
  /** Every key that is good for checking: public halves, and secrets (`kty` `oct`). */
  verifiers(): readonly JsonWebKey[]
  /** The public halves as a JWK set, RFC 7517 §5. */
  published(): { keys: readonly JsonWebKey[] }
  /** Null where the keys at hand are current; otherwise wait for it before checking anything. */
  fresh(): Promise<void> | null
  /** Looks for keys that were published a moment ago; often asked, it does so once a second. */
  refetch(): Promise<void>
  /** Keys that sign now are kept until then at least. */
  keepUntil(tx: Tx, until: Date): Promise<void>
  /**
   * Publishes a further key. It signs after the lead; `immediately`: now, and all others are removed with their tokens.
   * @throws Problem CONFLICT where tokens are signed with a configured secret
   */
  rotate(call: Call, options: { immediately: boolean }): Promise<KeyView>
  list(now: Date): Promise<KeyView[]>
  /** Calls when the set of keys has changed. @returns how to stop */
  onChange(listener: () => void): () => void
  /** Makes the first key where there is none, and listens for changes. */
  open(): Promise<void>
  close(): Promise<void>
}

export type KeysConfig = Pick<
  Config,
  'tokenAlgorithm' | 'tokenSecret' | 'keyRotation' | 'keyLead' | 'accessTokenLifetime'
>

/** A key at hand. The private half may be sealed under another LATCHKEY_SECRET: then it only checks. */
type Held = KeyRow & { signer: Signer | null; head: Map<string, string> }

/** Registers its recurring work. */
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
  const wanted: Wanted = {
    algorithm: config.tokenAlgorithm,
    kid: isSecret ? keyOfSecret(keyring, config.tokenSecret ?? '').kid : null,
    rotation: config.keyRotation,
    lead: config.keyLead,
  }
  const listeners = new Set<() => void>()
  let held: readonly Held[] = []
  let unknownAt = Number.NEGATIVE_INFINITY
  const replica = createReplica({ db, log, name: 'signing keys', channel: CHANNEL, load })

  const make = (): Promise<Material> | Material =>
    config.tokenAlgorithm === 'HS256'
      ? keyOfSecret(keyring, config.tokenSecret ?? '')
      : makePair(keyring, config.tokenAlgorithm)

  function hold(row: KeyRow): Held {
    const known = held.find(
      ({ kid, sealed_private }) => kid === row.kid && sealed_private === row.sealed_private,
    )
    if (known) return { ...row, signer: known.signer, head: known.head }
    let signer: Signer | null = null
    try {
      signer = unseal(keyring, { ...row, publicJwk: row.public_jwk as JsonWebKey | null })
    } catch (err) {
      log.warn(
        { err, kid: row.kid },
        'a signing key was sealed under another LATCHKEY_SECRET and signs no more',
      )
    }
    return { ...row, signer, head: new Map() }
  }

  async function load(): Promise<void> {
    const before = held.map(({ kid }) => kid).join()
    held = (await selectKeys(db.hot, 'published')).map(hold)
    if (held.map(({ kid }) => kid).join() !== before) for (const listener of listeners) listener()
  }

  /** Publishes a key where the table wants one. @returns its kid, or null where none was needed */
  async function ensure(now: Date): Promise<string | null> {
    if (nextKeyAt(signable(await selectKeys(db.hot, 'published')), wanted, now) === null) return null
    const material = await make()
    return await db.tx('system', async (tx) => {
      await lockKeys(tx)
      const keys = await selectKeys(tx, 'published')
      const at = nextKeyAt(signable(keys), wanted, now)
      if (at === null) return null
      await publish(tx, material, at, now)
      if (keys.length > 0) await auditRotation(tx, systemCall(now), material, { immediately: at <= now })
      return material.kid
    })
  }

  /** A key that cannot be unsealed will never sign, so it is no successor of any. */
  const signable = (rows: KeyRow[]): KeyRow[] => rows.filter((row) => hold(row).signer !== null)

  async function publish(tx: Tx, material: Material, at: Date, now: Date): Promise<void> {
    const keep_until = later(at, config.accessTokenLifetime + SLACK)
    await insertKey(tx, { ...material, active_at: at, keep_until }, now)
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
      await deleteRemovedBefore(tx, later(now, -REMEMBERED))
    })
    await ensure(now)
  }
  jobs.every('keys.tend', '1m', tend)

  function active(now: Date): Held & { signer: Signer } {
    const key = activeOf(
      held.filter(({ signer }) => signer !== null),
      now,
    )
    if (key?.signer == null) throw problem('UNAVAILABLE', { cause: new Error('there is no signing key') })
    return { ...key, signer: key.signer }
  }

  const publicOf = (key: Held): JsonWebKey | null => key.public_jwk as JsonWebKey | null

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
      if (clock.ticks() - unknownAt < UNKNOWN_EVERY) return
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
      if (!view)
        throw problem('CONFLICT', { message: 'The new key was removed at once by another rotation.' })
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

  async function listed(now: Date): Promise<KeyView[]> {
    const rows = await selectKeys(db.hot, 'all')
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
