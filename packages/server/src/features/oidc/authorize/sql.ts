/** The statements of authorization. */
import { sql } from 'kysely'
import type { Acr } from '../../../base/assurance.ts'
import { later } from '../../../base/clock.ts'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
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

export interface NewCode {
  hash: Buffer
  grantId: string
  clientId: string
  userId: string
  sessionId: string
  /** `newSid` of the session. */
  sid: string | null
  redirectUri: string
  challenge: string | null
  scopes: readonly string[]
  /** What the user has allowed. */
  allowed: Allowed
  /** Whether that may be new; otherwise it has to be allowed already. */
  isNew: boolean
  resources: readonly string[]
  nonce: string | null
  claims: RequestedClaims | null
  dpopJkt: string | null
  acr: Acr
  amr: readonly string[]
  organizationId: string | null
  expiresAt: Date
}

/** What became of a code: it was made, its session has ended, or the user has to allow it first. */
export type CodeOutcome = 'made' | 'ended' | 'not_allowed'

const insertion = compiledOnce<CodeValues, { outcome: CodeOutcome }>((_, code) => {
  const union = unionOf(sql.ref('g.allowed'), sql.ref('excluded.allowed'))
  return sql`
    with open as materialized (
      select s.id, s.user_id, s.authenticated_at from sessions s
      where s.id = ${code.sessionId} and s.user_id = ${code.userId} and s.ended_at is null and s.expires_at > ${code.now}
      for share
    ), known as materialized (
      select g.id from grants g
      where g.user_id = ${code.userId} and g.client_id = ${code.clientId}
        and g.withdrawn_at is null and g.allowed @> ${code.allowed}::jsonb
      for share
    ), made as (
      insert into grants as g (id, user_id, client_id, allowed, created_at, updated_at)
      select ${code.grantId}, open.user_id, ${code.clientId}, ${code.allowed}::jsonb, ${code.now}::timestamptz, ${code.now}::timestamptz
      from open where not exists (select 1 from known) and ${code.isNew}
      on conflict (user_id, client_id) do update set updated_at = excluded.updated_at, withdrawn_at = null,
        created_at = case when g.withdrawn_at is null then g.created_at else excluded.created_at end,
        allowed = ${union}
      returning g.id
    ), given as (
      select id from known union all select id from made
    ), entered as (
      insert into client_sessions (session_id, client_id, created_at, sid)
      select open.id, ${code.clientId}, ${code.now}::timestamptz, ${code.sid} from open
      on conflict (session_id, client_id) do nothing
    ), inserted as (
      insert into authorization_codes (hash, client_id, grant_id, user_id, session_id, redirect_uri, challenge, scopes, resources,
        nonce, claims, dpop_jkt, authenticated_at, acr, amr, organization_id, created_at, expires_at)
      select ${code.hash}, ${code.clientId}, given.id, open.user_id, open.id, ${code.redirectUri}, ${code.challenge},
        ${code.scopes}::text[], ${code.resources}::text[], ${code.nonce}, ${code.claims}::jsonb, ${code.dpopJkt},
        open.authenticated_at, ${code.acr}, ${code.amr}::text[], ${code.organizationId}, ${code.now}, ${code.expiresAt}
      from open cross join given
      returning hash
    )
    select case when exists (select 1 from inserted) then 'made'
      when exists (select 1 from open) then 'not_allowed' else 'ended' end as outcome`
})

type CodeValues = Omit<NewCode, 'allowed' | 'claims'> & { allowed: string; claims: string | null; now: Date }

/**
 * Remembers what the user permits, and that the session has signed in to the app, and inserts the code: one statement, which
 * waits for a concurrent end of the session, and for one that takes the access away. Where nothing new is allowed, what was allowed
 * before has to be enough.
 */
export async function insertAuthorizationCode(tx: Tx, code: NewCode, now: Date): Promise<CodeOutcome> {
  const { allowed, claims } = code
  const { rows } = await tx.executeQuery(
    insertion({
      ...code,
      allowed: JSON.stringify(allowed),
      claims: claims === null ? null : JSON.stringify(claims),
      now,
    }),
  )
  return rows[0]?.outcome ?? 'ended'
}

/** Also those that no browser has opened: of a public app anybody can push some. */
export async function purgeRequests(db: Statements, now: Date): Promise<void> {
  await db.deleteFrom('authorization_requests').where('expires_at', '<', now).execute()
}

/** @param kept codes are kept until they have expired for so long, so that a second use is noticed */
export async function purgeCodes(db: Statements, now: Date, kept: number): Promise<void> {
  await db.deleteFrom('authorization_codes').where('expires_at', '<', later(now, -kept)).execute()
}
