/**
 * Identities that wait for a decision of their user. One is kept encrypted in its round trip, for the browser that brought it,
 * until `DECISION` is over. In a browser that several people use it must not outlive its user, so it has a cookie besides that
 * of the browser, which the next sign-in and every sign-out end:
 *
 * | in the browser | sign-in | sign-in to connect this identity | step-up, new token | sign-out, here or by the provider | end of the session from elsewhere |
 * |---|---|---|---|---|---|
 * | an identity that waits | ends | stays, for this user alone | stays | ends | ends with the next page; before it, only its user finds it |
 * | a decision that was made: only leads on | stays | stays | stays | stays | stays |
 * | a sign-in or a test at the provider | stays | stays | stays | stays | stays |
 * | a link at the provider | ends with its session | – | stays | ends with its session | ends with its session |
 * | a step-up at the provider | ends with its session | – | stays | ends with its session | ends with its session |
 * | a sign-in that is continued at the provider | stays, as its attempt | – | stays | stays, as its attempt | stays, as its attempt |
 * | the outcome of a test | stays, for those who may test | – | stays | stays | stays |
 * | a sign-out at the provider | stays | stays | stays | stays | stays |
 *
 * The user of an identity that waits is known from a session: the one in which it came, or that of the sign-in to connect it. No
 * other user finds it then, nor does a browser without a session. Where its user leaves the browser before signing in, nothing
 * can tell the next one apart: for `DECISION`, a user who signs in to connect it reads on the page that confirms it whose it is.
 *
 * What is at the provider has no identity yet. The session of the browser cannot take the place of the cookie: without one,
 * a browser before a sign-in does not differ from the same one after a sign-out.
 *
 * Where its provider ends the session with which it was asserted (SAML single logout), the identity ends with that.
 *
 * Invariant: a browser has one identity that waits, the last one; a decision is made once, by one conditional statement. The row
 * is locked before those of users.
 */
import { type CompiledQuery, sql } from 'kysely'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { QUESTION_COOKIE } from '../../../base/http/browser-cookies.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import type { ConnectionQuestion } from '../../../core/connection-events.ts'
import type { ExternalIdentity, ProviderSessions } from '../../../core/providers/index.ts'
import { isNamedIn } from '../../../core/saml/named-sessions.ts'
import {
  browserSecret,
  DECISION,
  ofBrowser,
  type RoundTrip,
  type TripTools,
  tripOf,
  withDates,
} from './round-trips.ts'

interface KeptIdentity {
  question: ConnectionQuestion
  identity: ExternalIdentity
  /** The version of the connection that has asserted it; absent: of an earlier version of the server. */
  version?: number | undefined
  /** The hash of the cookie. */
  cookie: string
}

/** The page on which a user who is signed in connects the identity that waits. */
export const confirmPath = (tripId: string): string => `/account/connected/confirm?trip=${tripId}`

/** Keeps the identity of an answer, of which the user decides what happens. @returns the cookie of the browser */
async function keep(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  trip: RoundTrip,
  { question, identity, version }: Omit<UndecidedIdentity, 'trip'>,
): Promise<CookieChange> {
  const value = `${trip.id}.${randomSecret()}`
  const kept: KeptIdentity = { question, identity, version, cookie: hashOfCookie(value) }
  const session = identity.session && { ...identity.session, connection_id: trip.connectionId }
  await db
    .updateTable('round_trips')
    .set({
      identity: keyring.encrypt('round_trips', JSON.stringify(kept)),
      user_id: trip.userId ?? (call.session && call.principal ? call.principal.userId : null),
      expires_at: later(call.now, DECISION),
      ...(session && {
        after: sql<string>`after || jsonb_build_object('session', ${JSON.stringify(session)}::jsonb)`,
      }),
    })
    .where('id', '=', trip.id)
    .execute()
  return { name: QUESTION_COOKIE, value, maxAgeSeconds: DECISION / 1000 }
}

const hashOfCookie = (value: string): string => sha256(value).toString('base64url')

/** The identity that waits in this browser, by its cookie; null where there is none. */
const waitingId = ({ cookies }: Pick<Call, 'cookies'>): string | null =>
  cookies[QUESTION_COOKIE]?.split('.')[0] ?? null

/**
 * The cookies of a completed sign-in, which ends what waits in the browser, unless the sign-in is for that.
 * @param returnTo where the sign-in leads
 */
function end(call: Pick<Call, 'cookies'>, returnTo: string | null): CookieChange[] {
  const id = waitingId(call)
  return id === null || returnTo === confirmPath(id) ? [] : [{ name: QUESTION_COOKIE, value: null }]
}

/**
 * The statement by which the identity that waits in this browser is that of the user who signs in to connect it; none for
 * another sign-in. A decision about it that has locked the row, before that of its user, is not waited for.
 */
function claim(call: Call, returnTo: string | null, userId: string): CompiledQuery[] {
  const id = waitingId(call)
  const secret = browserSecret(call)
  return id === null || secret === null || returnTo !== confirmPath(id)
    ? []
    : [claimUpdate({ id, browserHash: sha256(secret), userId })]
}

const claimUpdate = compiledOnce(
  (db, { id, browserHash, userId }: { id: string; browserHash: Buffer; userId: string }) =>
    db
      .updateTable('round_trips')
      .set({ user_id: userId })
      .where('id', '=', ({ selectFrom }) =>
        selectFrom('round_trips')
          .select('id')
          .where('id', '=', id)
          .where('browser_hash', '=', browserHash)
          .where('flow', 'not in', ['test', 'logout'])
          .where('user_id', 'is', null)
          .where('identity', 'is not', null)
          .where('decided_at', 'is', null)
          .forNoKeyUpdate()
          .skipLocked(),
      ),
)

export interface UndecidedIdentity {
  trip: RoundTrip
  question: ConnectionQuestion
  identity: ExternalIdentity
  /** The version of the connection then. */
  version?: number | undefined
}

/** The identity that waits in this browser; null where there is none (any more), or it is another user’s. */
async function find(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  id: string,
): Promise<UndecidedIdentity | null> {
  if (waitingId(call) !== id) return null
  const row = await ofBrowser(db, call, id)
    ?.selectAll()
    // what a test has brought is shown, and nothing else
    .where('flow', '!=', 'test')
    .where('identity', 'is not', null)
    .where('decided_at', 'is', null)
    .where('expires_at', '>', call.now)
    .executeTakeFirst()
  if (!row?.identity) return null
  if (row.user_id !== null && row.user_id !== call.principal?.userId) return null
  const kept = JSON.parse(keyring.decrypt('round_trips', row.identity)) as KeptIdentity
  if (kept.cookie !== hashOfCookie(call.cookies[QUESTION_COOKIE] ?? '')) return null
  const { question, version } = kept
  return { trip: tripOf(row), question, version, identity: withDates(kept.identity) }
}

/** The identity that a sign-in is to connect, by where it leads; null for another sign-in. */
async function findAt(
  tools: TripTools,
  db: Statements,
  call: Call,
  returnTo: string | null,
): Promise<UndecidedIdentity | null> {
  const id = waitingId(call)
  return id === null || returnTo !== confirmPath(id) ? null : await find(tools, db, call, id)
}

/** Ends those that were asserted with sessions that their provider has ended. */
async function endOfProvider(tx: Tx, which: ProviderSessions, now: Date): Promise<void> {
  await sql`
    with held as materialized (
      select id from round_trips
      where connection_id = ${which.connectionId} and expires_at > ${now} and identity is not null and decided_at is null
        and ${isNamedIn(sql`after -> 'session'`, which)}
      order by id for no key update
    )
    update round_trips t set expires_at = ${now}, identity = null, after = t.after - 'session'
    from held where t.id = held.id`.execute(tx)
}

/** Decides, once. @returns false where another request has decided */
async function decide(tx: Tx, { id }: RoundTrip, now: Date): Promise<boolean> {
  const row = await tx
    .updateTable('round_trips')
    .set({ decided_at: now, identity: null, after: sql<string>`after - 'session'` })
    .where('id', '=', id)
    .where('flow', '!=', 'test')
    .where('decided_at', 'is', null)
    .where('identity', 'is not', null)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** The round trip of this browser about which was decided already; null for any other. */
async function findDecided(db: Statements, call: Call, id: string): Promise<RoundTrip | null> {
  const row = await ofBrowser(db, call, id)
    ?.selectAll()
    .where('decided_at', 'is not', null)
    .executeTakeFirst()
  return row ? tripOf(row) : null
}

export const questions = { keep, claim, end, endOfProvider, find, findAt, decide, findDecided }
