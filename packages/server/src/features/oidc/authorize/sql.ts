/** The statements of authorization. */
import { type CompiledQuery, sql } from 'kysely'
import type { Acr } from '../../../base/assurance.ts'
import { later } from '../../../base/clock.ts'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type eventRow, insertionOfEvents } from '../../../core/audit/index.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'
import { type Allowed, unionOf } from '../consents/index.ts'
import type { AuthorizationParameters } from './request.ts'
import type { AuthorizationRequestsTable } from './tables.ts'

export async function insertRequest(
  db: Statements,
  row: Omit<AuthorizationRequestsTable, 'parameters' | 'used_at'> & { parameters: AuthorizationParameters },
): Promise<void> {
  await db
    .insertInto('authorization_requests')
    .values({ ...row, parameters: JSON.stringify(row.parameters), used_at: null })
    .execute()
}

export interface StoredRequest {
  hash: Buffer
  client_id: string
  parameters: AuthorizationParameters
  is_pushed: boolean
  created_at: Date
  expires_at: Date
  used_at: Date | null
  browser: Buffer | null
}

/**
 * A request that no browser has opened belongs to the first that does, by one statement; from then on a pushed one has the time
 * that the sign-in needs. A reference with the id of another app opens nothing.
 */
export async function openRequest(
  db: Statements,
  { hash, clientId, browser, until }: { hash: Buffer; clientId: string; browser: Buffer; until: Date },
  now: Date,
): Promise<StoredRequest | null> {
  const opening = sql<StoredRequest>`
    with opened as (
      update authorization_requests set browser = ${browser},
        expires_at = case when is_pushed then ${until}::timestamptz else expires_at end
      where hash = ${hash} and client_id = ${clientId} and browser is null and expires_at > ${now}
      returning hash, browser, expires_at
    )
    select r.hash, r.client_id, r.parameters, r.is_pushed, r.created_at, r.used_at,
      coalesce(o.browser, r.browser) as browser, coalesce(o.expires_at, r.expires_at) as expires_at
    from authorization_requests r left join opened o on o.hash = r.hash
    where r.hash = ${hash} and r.client_id = ${clientId}`
  const [found] = (await opening.execute(db)).rows
  // another request has opened it while this one waited, which read the row as it was before
  const isMissed = found !== undefined && found.browser === null && found.expires_at > now
  return (isMissed ? (await opening.execute(db)).rows[0] : found) ?? null
}

/** How long the browser may repeat what used a request: a form that was sent twice, a page that is loaded again. */
const REPEATED = 10_000

/** Whether a request can still be answered. */
export const isOpenRequest = ({ expires_at, used_at }: StoredRequest, now: Date): boolean =>
  expires_at > now && (used_at === null || later(used_at, REPEATED) > now)

/** @returns whether it could be used: it was not, or a moment ago by the same browser, which then gets another code */
export async function useRequest(tx: Tx, hash: Buffer, now: Date): Promise<boolean> {
  const row = await tx
    .updateTable('authorization_requests')
    .set(({ fn }) => ({ used_at: fn.coalesce('used_at', sql<Date>`${now}::timestamptz`) }))
    .where('hash', '=', hash)
    .where(({ eb, or }) => or([eb('used_at', 'is', null), eb('used_at', '>', later(now, -REPEATED))]))
    .where('expires_at', '>', now)
    .returning('hash')
    .executeTakeFirst()
  return row !== undefined
}

/** A code with what is inserted with it, as JSON (`insertionOfCodes`). */
export interface NewCode {
  /** The hexadecimal digits of its digest. */
  hash: string
  client_id: string
  user_id: string
  session_id: string
  /** `newSid` of the session. */
  sid: string | null
  redirect_uri: string
  challenge: string | null
  scopes: readonly string[]
  resources: readonly string[]
  nonce: string | null
  claims: RequestedClaims | null
  dpop_jkt: string | null
  acr: Acr
  amr: readonly string[]
  organization_id: string | null
  created_at: Date
  expires_at: Date
  /** What the user has allowed. */
  allowed: Allowed
  /** Whether that may be new, for a grant of this id; null: it has to be allowed already. */
  new_grant_id: string | null
  event: ReturnType<typeof eventRow>
}

/** What became of a code: it was made, its session has ended, or the user has to allow it first. */
export type CodeOutcome = 'made' | 'ended' | 'not_allowed'

const insertion = compiledOnce<{ codes: string }, { outcome: CodeOutcome }>((_, { codes }) => {
  const union = unionOf(sql.ref('g.allowed'), sql.ref('excluded.allowed'))
  return sql`
    with asked as materialized (
      select * from rows from (jsonb_to_recordset(${codes}::jsonb) as (hash text, client_id text, user_id text, session_id text, sid text,
        redirect_uri text, challenge text, scopes text[], resources text[], nonce text, claims jsonb, dpop_jkt text, acr text,
        amr text[], organization_id text, created_at timestamptz, expires_at timestamptz, allowed jsonb, new_grant_id text, event jsonb))
      with ordinality
    ), held as materialized (
      select s.id, s.user_id, s.authenticated_at, s.expires_at from sessions s
      where s.id = any(array(select session_id from asked)) and s.ended_at is null
      order by s.id for share
    ), open as materialized (
      select asked.*, held.authenticated_at
      from asked join held on held.id = asked.session_id and held.user_id = asked.user_id and held.expires_at > asked.created_at
    ), granted as materialized (
      select g.id, g.user_id, g.client_id, g.allowed from grants g
      where g.user_id = any(array(select user_id from open)) and g.client_id = any(array(select client_id from open))
        and g.withdrawn_at is null
      order by g.id for share
    ), known as materialized (
      select open.ordinality, granted.id
      from open join granted on granted.user_id = open.user_id and granted.client_id = open.client_id
        and granted.allowed @> open.allowed
    ), made as (
      insert into grants as g (id, user_id, client_id, allowed, created_at, updated_at)
      select open.new_grant_id, open.user_id, open.client_id, open.allowed, open.created_at, open.created_at
      from open where open.new_grant_id is not null and not exists (select 1 from known where known.ordinality = open.ordinality)
      on conflict (user_id, client_id) do update set updated_at = excluded.updated_at, withdrawn_at = null,
        created_at = case when g.withdrawn_at is null then g.created_at else excluded.created_at end,
        allowed = ${union}
      returning g.id, g.user_id, g.client_id
    ), given as materialized (
      select open.*, coalesce(known.id, made.id) as grant_id
      from open left join known using (ordinality)
        left join made on made.user_id = open.user_id and made.client_id = open.client_id and open.new_grant_id is not null
      where known.id is not null or made.id is not null
    ), entered as (
      insert into client_sessions (session_id, client_id, created_at, sid)
      select session_id, client_id, created_at, sid from given order by session_id, client_id
      on conflict (session_id, client_id) do nothing
    ), inserted as (
      insert into authorization_codes (hash, client_id, grant_id, user_id, session_id, redirect_uri, challenge, scopes, resources,
        nonce, claims, dpop_jkt, authenticated_at, acr, amr, organization_id, created_at, expires_at)
      select decode(hash, 'hex'), client_id, grant_id, user_id, session_id, redirect_uri, challenge, scopes, resources, nonce, claims,
        dpop_jkt, authenticated_at, acr, amr, organization_id, created_at, expires_at
      from given
    ), recorded as (${insertionOfEvents(sql`given`)})
    select case when given.hash is not null then 'made' when open.hash is not null then 'not_allowed' else 'ended' end as outcome
    from asked left join open using (ordinality) left join given using (ordinality)
    order by ordinality`
})

/**
 * Remembers what users permit, and that their sessions have signed in to apps, and inserts the codes and their events: one statement, which
 * waits for a concurrent end of a session, and for one that takes the access away. Where nothing new is allowed, what was allowed
 * before has to be enough. Rows are locked in one order. A code by which something new may be allowed comes alone.
 * @param codes each the JSON of a `NewCode` @returns a statement that says what became of each, in their order
 */
export const insertionOfCodes = (codes: readonly string[]): CompiledQuery<{ outcome: CodeOutcome }> =>
  insertion({ codes: `[${codes.join()}]` })

/** Also those that no browser has opened: of a public app anybody can push some. */
export async function purgeRequests(db: Statements, now: Date): Promise<void> {
  await db.deleteFrom('authorization_requests').where('expires_at', '<', now).execute()
}

/** @param kept codes are kept until they have expired for so long, so that a second use is noticed */
export async function purgeCodes(db: Statements, now: Date, kept: number): Promise<void> {
  await db.deleteFrom('authorization_codes').where('expires_at', '<', later(now, -kept)).execute()
}
