/**
 * Round trips to identity providers (OAuth `state`, SAML RelayState): what a provider's answer is checked against, and what
 * follows it. The state is `rtp_….secret`.
 *
 * Invariant: an answer is accepted once, for the connection and in the browser that began, by one conditional statement.
 */
import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { type Keyring, randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Db, Statements } from '../../../base/db/types.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { isId, newId } from '../../../base/ids.ts'
import type { Flow } from '../../../core/connection-events.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import { type ExternalIdentity, FederationFault, type ProviderFault } from '../../../core/providers/index.ts'
import type { RoundTripsTable } from './tables.ts'

/** Milliseconds in which the provider has to answer. */
export const LIFETIME = 15 * 60_000
/** Milliseconds for the user to decide what happens with an identity. */
export const DECISION = 30 * 60_000
/** A used one is distinguished from an unknown one for this long. */
const KEPT = 86_400_000

/** Characters of a stored answer: a SAML message in base64, and what comes with it. Anyone can send one. */
const LONGEST_ANSWER = 400_000

/** The cookie of the browser that began round trips. */
const BROWSER_COOKIE = 'federation'

/** What follows an answer. */
export const AfterAnswer = z.object({
  returnTo: z.string().nullable(),
  remember: z.boolean(),
  /** Whether it was begun by a form of this server, which another site cannot send. */
  isMeant: z.boolean(),
  /** That a site which is not registered has sent the browser to begin it. */
  byOther: z.literal(true).optional(),
  /** The token of the attempt that is continued. */
  attempt: z.string().optional(),
  /** Of a test sign-in: the version of the connection that it began with. */
  tests: z.number().int().optional(),
})
export type AfterAnswer = z.output<typeof AfterAnswer>

/** What a round trip is for. */
export type TripFlow = Exclude<Flow, 'logout'>

export interface RoundTrip {
  id: string
  connectionId: string
  flow: TripFlow
  after: AfterAnswer
  /** Of a link: who asks. */
  userId: string | null
  sessionId: string | null
  createdAt: Date
  expiresAt: Date
}

export interface NewRoundTrip extends Pick<RoundTrip, 'flow' | 'after' | 'userId' | 'sessionId'> {
  connectionId: string
  /** What the answer is checked against: JSON. */
  expected: unknown
  /** The form that the browser sends to the provider, and where; null where it was redirected there. */
  form: RequestForm | null
}

export const RequestForm = z.object({ url: z.string(), fields: z.record(z.string(), z.string()) })
export type RequestForm = z.output<typeof RequestForm>

export type TripTools = { keyring: Keyring }

/** A new state; the round trip is stored by `storeRoundTrip`, once the protocol knows what it expects. */
export const newState = (): { id: string; state: string } => {
  const id = newId('rtp')
  return { id, state: `${id}.${randomSecret()}` }
}

/** @returns the cookie that marks the browser */
export async function storeRoundTrip(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  { id, state }: { id: string; state: string },
  { connectionId, flow, after, expected, form, userId, sessionId }: NewRoundTrip,
): Promise<CookieChange> {
  const secret = browserSecret(call) ?? randomSecret()
  const { attempt, tests, ...plain } = after
  const isTest = tests !== undefined
  const { returnTo } = plain
  await db
    .insertInto('round_trips')
    .values({
      id,
      connection_id: connectionId,
      flow,
      state_hash: sha256(state),
      browser_hash: sha256(secret),
      // a test may lead back to a set-up page, whose address is a credential
      expected: keyring.encrypt(
        'round_trips',
        JSON.stringify({ expected, attempt, form, ...(isTest && { tests, returnTo }) }),
      ),
      after: JSON.stringify(isTest ? { ...plain, returnTo: null } : plain),
      user_id: userId,
      session_id: sessionId,
      attempt_id: attempt?.split('.')[0] ?? null,
      answer: null,
      identity: null,
      created_at: call.now,
      expires_at: later(call.now, LIFETIME),
      answered_at: null,
      decided_at: null,
    })
    .execute()
  return browserCookie(secret)
}

export const browserCookie = (secret: string): CookieChange => ({
  name: BROWSER_COOKIE,
  value: secret,
  maxAgeSeconds: 86_400,
})

export function browserSecret({ cookies }: Call): string | null {
  const secret = cookies[BROWSER_COOKIE]
  return secret?.length === 43 ? secret : null
}

export const hashOf = (state: string): Buffer | null => {
  const [id = '', secret = '', ...more] = state.split('.')
  return isId('rtp', id) && secret.length === 43 && more.length === 0 ? sha256(state) : null
}

/**
 * Stores an answer that was posted from another site, without the cookies of this one (SameSite=Lax), until the browser comes
 * for it. @returns false where the state is unknown or has been answered, and for more than any provider sends
 */
async function storeAnswer(
  { keyring }: TripTools,
  db: Statements,
  state: string,
  connectionId: string,
  answer: Readonly<Record<string, string>>,
  now: Date,
): Promise<boolean> {
  const stateHash = hashOf(state)
  const text = JSON.stringify(answer)
  if (!stateHash || text.length > LONGEST_ANSWER) return false
  const row = await db
    .updateTable('round_trips')
    .set({ answer: keyring.encrypt('round_trips', text) })
    .where('state_hash', '=', stateHash)
    .where('connection_id', '=', connectionId)
    .where('answered_at', 'is', null)
    .where('answer', 'is', null)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

const StoredExpectation = z.object({
  expected: z.unknown(),
  attempt: z.string().optional(),
  form: RequestForm.nullable(),
  tests: z.number().int().optional(),
  returnTo: z.string().nullable().optional(),
})
const StoredAnswer = z.record(z.string(), z.string())

export interface UsedRoundTrip {
  trip: RoundTrip
  /** What the answer is checked against. */
  expected: unknown
}

/**
 * Uses up the round trip that an answer belongs to. @throws FederationFault where there is none, or it is of another connection
 * or browser, used up, or too old
 */
export async function useRoundTrip(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  state: string,
  connectionId: string,
): Promise<UsedRoundTrip> {
  const stateHash = hashOf(state)
  if (!stateHash) throw new FederationFault('unknown_state')
  const row = await answerable(db, call, stateHash, connectionId)
    ?.where('flow', '!=', 'logout')
    .returningAll()
    .executeTakeFirst()
  if (!row) throw new FederationFault(await whyRefused(db, call, stateHash, connectionId))
  const { expected, attempt, tests, returnTo } = StoredExpectation.parse(
    JSON.parse(keyring.decrypt('round_trips', row.expected)),
  )
  const after = {
    ...AfterAnswer.parse(row.after),
    ...(attempt !== undefined && { attempt }),
    ...(tests !== undefined && { tests, returnTo: returnTo ?? null }),
  }
  return { trip: { ...tripOf(row), after }, expected }
}

/** The one conditional statement that uses up a round trip of this browser; null for a browser that has begun none. */
export function answerable(db: Statements, call: Call, stateHash: Buffer, connectionId: string) {
  const secret = browserSecret(call)
  if (secret === null) return null
  return db
    .updateTable('round_trips')
    .set({ answered_at: call.now, answer: null })
    .where('state_hash', '=', stateHash)
    .where('connection_id', '=', connectionId)
    .where('browser_hash', '=', sha256(secret))
    .where('answered_at', 'is', null)
    .where('expires_at', '>', call.now)
}

export async function whyRefused(
  db: Statements,
  call: Call,
  stateHash: Buffer,
  connectionId: string,
): Promise<ProviderFault> {
  const row = await db
    .selectFrom('round_trips')
    .select(['connection_id', 'answered_at', 'expires_at'])
    .where('state_hash', '=', stateHash)
    .executeTakeFirst()
  if (!row || row.connection_id !== connectionId) return 'unknown_state'
  if (row.answered_at) return 'replayed'
  return row.expires_at <= call.now ? 'expired' : 'other_browser'
}

/** The answer that was posted, for the browser that comes for it; null where there is none. */
async function findAnswer(
  { keyring }: TripTools,
  db: Statements,
  state: string,
): Promise<Readonly<Record<string, string>> | null> {
  const stateHash = hashOf(state)
  if (!stateHash) return null
  const row = await db
    .selectFrom('round_trips')
    .select('answer')
    .where('state_hash', '=', stateHash)
    .executeTakeFirst()
  return row?.answer ? StoredAnswer.parse(JSON.parse(keyring.decrypt('round_trips', row.answer))) : null
}

export const postedAnswers = { store: storeAnswer, find: findAnswer }

export const tripOf = (row: Selectable<RoundTripsTable>): RoundTrip => ({
  id: row.id,
  connectionId: row.connection_id,
  // no sign-out is read as a sign-in
  flow: row.flow as TripFlow,
  after: AfterAnswer.parse(row.after),
  // that of another flow is whose identity waits: questions.ts
  userId: row.flow === 'link' ? row.user_id : null,
  sessionId: row.session_id,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})

/**
 * The sign-in that a URL names, where this browser has begun it: what every look-up by an id starts from. An id is no
 * secret. @returns null for what can be none of this browser
 */
export function ofBrowser(db: Statements, call: Call, id: string) {
  const secret = browserSecret(call)
  if (secret === null || !isId('rtp', id)) return null
  return db
    .selectFrom('round_trips')
    .where('id', '=', id)
    .where('browser_hash', '=', sha256(secret))
    .where('flow', '!=', 'logout')
}

/** The form that this browser sends to the provider; null where its round trip has none, is answered or too old. */
export async function findRequestForm(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  id: string,
): Promise<{ connectionId: string; form: RequestForm } | null> {
  const row = await ofBrowser(db, call, id)
    ?.select(['connection_id', 'expected'])
    .where('answered_at', 'is', null)
    .where('expires_at', '>', call.now)
    .executeTakeFirst()
  if (!row) return null
  const { form } = StoredExpectation.parse(JSON.parse(keyring.decrypt('round_trips', row.expected)))
  return form && { connectionId: row.connection_id, form }
}

/** JSON has no dates. */
export const withDates = (identity: ExternalIdentity): ExternalIdentity => ({
  ...identity,
  authenticatedAt: identity.authenticatedAt === null ? null : new Date(identity.authenticatedAt),
})

export const roundTripJobs = ({ db }: { db: Db }): Work[] => [
  recurs('round_trips.purge', '1h', async (now) => {
    await db.hot.deleteFrom('round_trips').where('expires_at', '<', later(now, -KEPT)).execute()
  }),
  // no browser can come for it any more
  recurs('round_trips.clear', '10m', async (now) => {
    await db.hot
      .updateTable('round_trips')
      .set({ answer: null, identity: null, after: sql<string>`after - 'session'` })
      .where('expires_at', '<=', now)
      .where(({ or, eb }) => or([eb('answer', 'is not', null), eb('identity', 'is not', null)]))
      .execute()
  }),
]
