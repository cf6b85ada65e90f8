/**
 * The diagnostics of a connection: its last sign-ins and tests, with why they failed in words, for 30 days. A sign-in that its
 * user decides about is one event, and the decision another. What names an account at the provider belongs to the user whom it
 * is linked to, also if it is linked later, and is deleted with them.
 *
 * Invariant: what anyone can cause does not displace what a provider has vouched for, nor do decisions that are repeated.
 */
import { sql } from 'kysely'
import type { Call } from '../base/call.ts'
import { later } from '../base/clock.ts'
import type { Db, Statements } from '../base/db/types.ts'
import { newId } from '../base/ids.ts'
import { recurs, type Work } from './jobs/index.ts'
import type { ExternalIdentity, FederationFault, ProviderFault } from './providers/index.ts'

/**
 * How many a connection keeps of each kind: of those that a provider has vouched for, of other answers to requests of this
 * server, and of messages that anyone can send, such as an answer that was used before.
 */
const KEPT = { asserted: 50, failed: 50, stray: 25 } as const
const STRAY = ['unknown_state', 'other_browser', 'expired', 'replayed'] as const satisfies ProviderFault[]
/** All that a connection keeps. */
export const KEPT_EVENTS = KEPT.asserted + KEPT.failed + KEPT.stray

export type Flow = 'login' | 'register' | 'link' | 'continue' | 'test' | 'logout'

/** What a user decides before an answer leads to anything, with the sentence for those who administer the connection. */
export const CONNECTION_QUESTIONS = {
  owner: 'An account here has the address: the person signs in to it and connects it, or does not.',
  account:
    'No account here is connected: the person names an address for a new one, or signs in to the one that they have and connects it.',
  link: 'The person confirms on a page that the account at the provider is connected with theirs here.',
  sign_in:
    'The person confirms on a page who is signed in: another account is signed in, or another site began the sign-in.',
} as const satisfies Record<string, string>
export type ConnectionQuestion = keyof typeof CONNECTION_QUESTIONS

export const CONNECTION_OUTCOMES = ['succeeded', 'asked', 'failed'] as const

/** What became of an answer, or of a decision about one. */
export const outcomeOf = ({
  fault,
  question,
}: {
  fault: string | null
  question: string | null
}): (typeof CONNECTION_OUTCOMES)[number] =>
  fault !== null ? 'failed' : question !== null ? 'asked' : 'succeeded'

export interface ConnectionEvent {
  connectionId: string
  flow: Flow
  /** Null: it was accepted. */
  fault: ProviderFault | null
  /** What the user decides before it leads to anything. */
  question?: ConnectionQuestion | null
  /** Of a question and of the decision about it, the round trip: of several decisions the last one is kept. */
  tripId?: string | null
  detail?: string | null
  identity?: Pick<ExternalIdentity, 'issuer' | 'subject' | 'claims'> | null
  /** Of an identity that is not linked. */
  userId?: string | null
}

/** Milliseconds after which an event is deleted: it says something about a person. */
const EVENT_LIFETIME = 30 * 86_400_000

export const connectionEventJobs = ({ db }: { db: Db }): Work[] => [
  recurs('connection_events.purge', '1d', async (now) => {
    await db.hot.deleteFrom('connection_events').where('at', '<', later(now, -EVENT_LIFETIME)).execute()
  }),
]

/** The event of an answer that was refused. */
export const failedEvent = (
  connectionId: string,
  flow: Flow,
  error: FederationFault,
  {
    identity,
    userId,
    tripId,
  }: { identity?: ExternalIdentity | undefined; userId?: string | null; tripId?: string | null } = {},
): ConnectionEvent => ({
  connectionId,
  flow,
  fault: error.fault,
  detail: error.detail,
  identity: identity ?? null,
  userId: userId ?? null,
  tripId: tripId ?? null,
})

function kindOf({ identity, fault, flow }: ConnectionEvent): keyof typeof KEPT {
  if (identity || fault === null) return 'asserted'
  return flow === 'logout' || STRAY.some((one) => one === fault) ? 'stray' : 'failed'
}

/** The same of a stored event. */
const KIND = sql`case when subject is not null or fault is null then 'asserted'
  when flow = 'logout' or fault in (${sql.join(STRAY.map((fault) => sql.lit(fault)))}) then 'stray' else 'failed' end`

/**
 * Records what happened, unless the connection was deleted meanwhile, and deletes what is older than the last of its kind, except what
 * another one deletes just now: many at once would deadlock. System scope.
 */
export async function recordConnectionEvent(
  db: Statements,
  event: ConnectionEvent,
  { id: requestId, now }: Pick<Call, 'id' | 'now'>,
): Promise<void> {
  const { connectionId, flow, fault, detail = null, identity = null, userId = null } = event
  const { question = null, tripId = null } = event
  // of a question there is one
  const decided = question === null ? tripId : null
  const claims = identity === null ? null : JSON.stringify(identity.claims)
  const kind = kindOf(event)
  await sql`
    with recorded as (
      insert into connection_events (id, connection_id, at, flow, fault, question, trip_id, request_id, detail, subject, user_id, claims)
      select ${newId('cev')}, c.id, ${now}::timestamptz, ${flow}, ${fault}, ${question}, ${tripId}, ${requestId},
        ${detail?.slice(0, 500) ?? null}, ${identity === null ? null : storedSubject(identity)},
        coalesce((
          select i.user_id from identities i
          where i.scope = coalesce(c.organization_id, '') and i.issuer = ${identity?.issuer ?? null}
            and i.subject = ${identity?.subject ?? null}), ${userId}),
        ${claims}::jsonb
      from connections c where c.id = ${connectionId}
    ), old as materialized (
      select id from connection_events where connection_id = ${connectionId} and (
        (trip_id = ${decided}::text and question is null) or (${KIND} = ${kind} and id < (
          select id from connection_events where connection_id = ${connectionId} and ${KIND} = ${kind}
          order by id desc offset ${KEPT[kind] - 2} limit 1)))
      for update skip locked
    )
    delete from connection_events e using old where e.id = old.id`.execute(db)
}

const storedSubject = ({ subject }: Pick<ExternalIdentity, 'subject'>): string => subject.slice(0, 500)

/** Gives what is known of an identity to the user whom it is linked to now. System scope. */
export async function ownConnectionEvents(
  db: Statements,
  connectionId: string,
  identity: Pick<ExternalIdentity, 'subject'>,
  userId: string,
): Promise<void> {
  await db
    .updateTable('connection_events')
    .set({ user_id: userId })
    .where('connection_id', '=', connectionId)
    .where('subject', '=', storedSubject(identity))
    .where('user_id', 'is', null)
    .execute()
}
