/** The statements of the token endpoint. Of concurrent exchanges of a code, one statement makes one. */
import { type CompiledQuery, sql } from 'kysely'
import type { Acr, StoredProof } from '../../../base/assurance.ts'
import type { Statements } from '../../../base/db/types.ts'
import { ACTING, type ActingRow, actingJoins } from '../../../core/roles/acting.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'

/** What a code is exchanged with. */
export interface CodeUse {
  hash: Buffer
  clientId: string
  redirectUri: string
  /** That of the verifier; null: none was sent. */
  challenge: string | null
  jkt: string | null
  familyId: string
  /** Null: the app gets no refresh token. */
  refreshHash: Buffer | null
  /** The end of a family that outlives its session. */
  offlineUntil: Date
  /** The key that refresh tokens are bound to: that of a public app. */
  refreshJkt: string | null
}

/** Who has authorized an app: the user, with a session or what a family has kept of one, and the authentication at that time. */
export interface AuthorizedRow extends ActingRow {
  session_id: string | null
  user_id: string
  username: string | null
  roles: string[]
  proofs: StoredProof[]
  amr: string[]
  acr: Acr
  authenticated_at: Date
  expires_at: Date
  code_acr: Acr
  code_amr: string[]
  code_authenticated_at: Date
}

/** What the code was made for, by whom in which session. */
export interface ExchangedRow extends AuthorizedRow {
  session_id: string
  scopes: string[]
  resources: string[]
  nonce: string | null
  claims: RequestedClaims | null
}

const NONE = new Date(0)
const NO_HASH = Buffer.alloc(0)
const NO_TEXT: string | null = null

/**
 * Compiled once; parameters by `exchangeValues`. Uses the code up where everything fits it and its session is open, and starts the
 * family of tokens; the session is locked, so that its end waits and covers the family, or there is none. A code with a challenge requires its verifier, and one without refuses any (RFC 9700 §4.8.2).
 */
export const exchange = (db: Statements): CompiledQuery<ExchangedRow> =>
  sql<ExchangedRow>`
    with open as materialized (
      select s.id, s.proofs, s.amr as session_amr, s.acr as session_acr, s.authenticated_at as session_authenticated_at,
        s.expires_at as session_expires_at, u.username, u.roles
      from sessions s join users u on u.id = s.user_id
      where s.id = (select session_id from authorization_codes where hash = ${NO_HASH})
        and s.ended_at is null and s.limited_to is null and s.expires_at > ${NONE}
        and u.status = 'active' and (u.locked_at is null or u.locked_until <= ${NONE})
      for share of s
    ), used as (
      update authorization_codes c set used_at = ${NONE}, family_id = ${''}
      from open
      where c.hash = ${NO_HASH} and c.session_id = open.id and c.used_at is null and c.expires_at > ${NONE}
        and c.client_id = ${''} and c.redirect_uri = ${''} and c.challenge is not distinct from ${NO_TEXT}::text
        and (c.dpop_jkt is null or c.dpop_jkt = ${NO_TEXT}::text)
      returning c.*, open.*
    ), family as (
      insert into token_families (id, user_id, session_id, created_at, client_id, grant_id, scopes, resources, claims, dpop_jkt,
        expires_at, authenticated_at, acr, amr, proofs, organization_id)
      select used.family_id, used.user_id, case when i.offline then null else used.session_id end, ${NONE}::timestamptz, used.client_id,
        used.grant_id, used.scopes, used.resources, used.claims, ${NO_TEXT}::text,
        case when i.offline then ${NONE}::timestamptz end, used.authenticated_at, used.acr, used.amr,
        case when i.offline then used.proofs end, used.organization_id
      from used cross join lateral (select 'offline_access' = any(used.scopes) as offline) i
      returning id
    ), token as (
      insert into refresh_tokens (token_hash, family_id, created_at)
      select ${NO_HASH}::bytea, family.id, ${NONE}::timestamptz from family where ${NO_HASH}::bytea is not null
    )
    select used.session_id, used.user_id, used.username, used.roles, used.proofs, used.session_amr as amr,
      used.session_acr as acr, used.session_authenticated_at as authenticated_at, used.session_expires_at as expires_at,
      used.acr as code_acr, used.amr as code_amr, used.authenticated_at as code_authenticated_at, used.scopes,
      used.resources, used.nonce, used.claims, ${ACTING}
    from used ${actingJoins('used')}`.compile(db)

/** In the order of the statement's placeholders. */
export const exchangeValues = (by: CodeUse, now: Date): unknown[] => [
  by.hash,
  now,
  now,
  now,
  by.familyId,
  by.hash,
  now,
  by.clientId,
  by.redirectUri,
  by.challenge,
  by.jkt,
  now,
  by.refreshJkt,
  by.offlineUntil,
  by.refreshHash,
  now,
  by.refreshHash,
]

/** The resources of a code of the app that was not used. @returns null where there is none */
export async function findCodeResources(
  db: Statements,
  hash: Buffer,
  clientId: string,
): Promise<string[] | null> {
  const { rows } = await sql<{ resources: string[] }>`
    select resources from authorization_codes
    where hash = ${hash} and client_id = ${clientId} and used_at is null`.execute(db)
  return rows[0]?.resources ?? null
}

export interface SpentCode {
  /** What it was exchanged for before; null: nothing. */
  family_id: string | null
  user_id: string
  session_id: string
}

/**
 * Ends a code of the app that was presented and did not fit, or was used before (RFC 9700 §4.5). @returns what it was exchanged for;
 * of several calls to one
 */
export async function spendCode(
  db: Statements,
  hash: Buffer,
  clientId: string,
  now: Date,
): Promise<SpentCode | null> {
  const { rows } = await sql<SpentCode>`
    update authorization_codes set used_at = coalesce(used_at, ${now}),
      reused_at = case when family_id is not null then ${now}::timestamptz end
    where hash = ${hash} and client_id = ${clientId} and reused_at is null and (used_at is null or family_id is not null)
    returning family_id, user_id, session_id`.execute(db)
  return rows[0] ?? null
}
