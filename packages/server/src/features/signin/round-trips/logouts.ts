/**
 * Sign-outs that lead to the identity provider and back (SAML single logout): which request of ours an answer has to name, and
 * whether the provider has confirmed that its session ended. They have ended no session here: that was done before.
 *
 * Invariant: an answer is accepted once, for the connection and in the browser that was sent to it. Where an app signs its user
 * out, that is the first browser that comes with the address that the app was given.
 */
import { type SqlBool, sql } from 'kysely'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Statements } from '../../../base/db/types.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import {
  answerable,
  browserCookie,
  browserSecret,
  hashOf,
  LIFETIME,
  RequestForm,
  type TripTools,
  whyRefused,
} from './round-trips.ts'

const StoredLogout = z.object({
  /** The id of the request, which the answer names. */
  requestId: z.string(),
  /** How the browser brings the request there. */
  message: z.union([
    z.object({ url: z.string() }),
    z.object({ post: z.object({ action: RequestForm.shape.url, fields: RequestForm.shape.fields }) }),
  ]),
})
type StoredLogout = z.output<typeof StoredLogout>

const AfterLogout = z.object({ returnTo: z.string().nullable() })

export interface NewLogout extends StoredLogout {
  connectionId: string
  /** Where the browser goes once the provider has confirmed it; judged by `safeReturnTo`. */
  returnTo: string | null
}

/** @returns the cookie that marks the browser; null where it is not the browser that sends the request */
async function store(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  { id, state }: { id: string; state: string },
  { connectionId, returnTo, ...logout }: NewLogout,
): Promise<CookieChange | null> {
  const secret = call.session?.via === 'cookie' ? (browserSecret(call) ?? randomSecret()) : null
  await db
    .insertInto('round_trips')
    .values({
      id,
      connection_id: connectionId,
      flow: 'logout',
      state_hash: sha256(state),
      // of no browser yet: no secret has the length of a state
      browser_hash: sha256(secret ?? state),
      expected: keyring.encrypt('round_trips', JSON.stringify(logout)),
      after: JSON.stringify({ returnTo }),
      user_id: null,
      session_id: null,
      attempt_id: null,
      answer: null,
      identity: null,
      created_at: call.now,
      expires_at: later(call.now, LIFETIME),
      answered_at: null,
      decided_at: null,
    })
    .execute()
  return secret === null ? null : browserCookie(secret)
}

/** The request that this browser brings to the provider, which it is bound to from now on; null where there is none. */
async function open(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  state: string,
): Promise<{ message: StoredLogout['message']; cookie: CookieChange } | null> {
  const stateHash = hashOf(state)
  if (!stateHash) return null
  const secret = browserSecret(call) ?? randomSecret()
  const row = await db
    .updateTable('round_trips')
    .set({ browser_hash: sha256(secret) })
    .where('state_hash', '=', stateHash)
    .where('flow', '=', 'logout')
    .where('browser_hash', 'in', [stateHash, sha256(secret)])
    .where('answered_at', 'is', null)
    .where('expires_at', '>', call.now)
    .returning('expected')
    .executeTakeFirst()
  if (!row) return null
  const { message } = StoredLogout.parse(JSON.parse(keyring.decrypt('round_trips', row.expected)))
  return { message, cookie: browserCookie(secret) }
}

/** Uses up what an answer belongs to. @throws FederationFault as `useRoundTrip` */
async function use(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  state: string,
  connectionId: string,
): Promise<{ id: string; requestId: string; returnTo: string | null }> {
  const stateHash = hashOf(state)
  if (!stateHash) throw new FederationFault('unknown_state')
  const row = await answerable(db, call, stateHash, connectionId)
    ?.where('flow', '=', 'logout')
    .returning(['id', 'expected', 'after'])
    .executeTakeFirst()
  if (!row) throw new FederationFault(await whyRefused(db, call, stateHash, connectionId))
  const { requestId } = StoredLogout.parse(JSON.parse(keyring.decrypt('round_trips', row.expected)))
  return { id: row.id, requestId, returnTo: AfterLogout.parse(row.after).returnTo }
}

/** Records that the provider has confirmed it. */
async function confirm(db: Statements, id: string, now: Date): Promise<void> {
  await db.updateTable('round_trips').set({ decided_at: now }).where('id', '=', id).execute()
}

/** The last sign-out of this browser, where its provider has not confirmed it; null where there is none. */
async function findUnconfirmed(
  db: Statements,
  call: Call,
): Promise<{ connectionId: string; returnTo: string | null } | null> {
  const secret = browserSecret(call)
  if (secret === null) return null
  const row = await db
    .selectFrom('round_trips')
    .select(['connection_id', 'after', 'decided_at', 'expires_at'])
    .where('browser_hash', '=', sha256(secret))
    // a literal, because the index is of these alone
    .where(sql<SqlBool>`flow = 'logout'`)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (!row || row.decided_at !== null || row.expires_at <= call.now) return null
  return { connectionId: row.connection_id, returnTo: AfterLogout.parse(row.after).returnTo }
}

export const logouts = { store, open, use, confirm, findUnconfirmed }
