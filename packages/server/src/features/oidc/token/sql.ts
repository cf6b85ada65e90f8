/** The statements of the token endpoint. Of concurrent exchanges of a code, one statement makes one. */
import { sql } from 'kysely'
import type { Acr, StoredProof } from '../../../base/assurance.ts'
import { compiledOnce } from '../../../base/db/compiled.ts'
import type { Db, LockWait, Statements } from '../../../base/db/types.ts'
import { ACTING, type ActingRow, actingJoins } from '../../../core/roles/acting.ts'
import type { RequestedClaims } from '../../access/tokens/index.ts'

/** What a code is exchanged with, as JSON (`exchangeCodes`). */
export interface CodeUse {
  /** The hexadecimal digits of its digest. */
  hash: string
  client_id: string
  redirect_uri: string
  /** That of the verifier; null: none was sent. */
  challenge: string | null
  jkt: string | null
  family_id: string
  /** The hexadecimal digits of its digest; null: the app gets no refresh token. */
  refresh_hash: string | null
  at: Date
  /** The end of a family that outlives its session. */
  offline_until: Date
  /** The key that refresh tokens are bound to: that of a public app. */
  refresh_jkt: string | null
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

const exchange = compiledOnce<{ uses: string }, ExchangedRow & { ordinality: number }>(
  (_, { uses }) => sql`
    with asked as materialized (
      select decode(hash, 'hex') as code_hash, one.* from rows from (jsonb_to_recordset(${uses}::jsonb) as (hash text,
        client_id text, redirect_uri text, challenge text, jkt text, family_id text, refresh_hash text, at timestamptz,
        offline_until timestamptz, refresh_jkt text)) with ordinality as one
    ), open as materialized (
      select s.id, s.proofs, s.amr as session_amr, s.acr as session_acr, s.authenticated_at as session_authenticated_at,
        s.expires_at as session_expires_at, u.username, u.roles, u.locked_at, u.locked_until
      from sessions s join users u on u.id = s.user_id
      where s.id = any(array(select c.session_id from authorization_codes c where c.hash = any(array(select code_hash from asked))))
        and s.ended_at is null and s.limited_to is null and u.status = 'active'
      order by s.id for share of s
    ), held as materialized (
      select c.hash from authorization_codes c join open on open.id = c.session_id
      where c.hash = any(array(select code_hash from asked))
      order by c.hash for update of c
    ), used as (
      update authorization_codes c set used_at = asked.at, family_id = asked.family_id
      from held join asked on asked.code_hash = held.hash, open
      where c.hash = held.hash and c.session_id = open.id and c.used_at is null and c.expires_at > asked.at
        and open.session_expires_at > asked.at and (open.locked_at is null or open.locked_until <= asked.at)
        and c.client_id = asked.client_id and c.redirect_uri = asked.redirect_uri
        and (c.challenge = asked.challenge or (c.challenge is null and asked.challenge is null))
        and (c.dpop_jkt is null or c.dpop_jkt = asked.jkt)
      returning c.*, open.proofs, open.session_amr, open.session_acr, open.session_authenticated_at, open.session_expires_at,
        open.username, open.roles, asked.at, asked.offline_until, asked.refresh_hash, asked.refresh_jkt, asked.ordinality
    ), family as (
      insert into token_families (id, user_id, session_id, created_at, client_id, grant_id, scopes, resources, claims, dpop_jkt,
        expires_at, authenticated_at, acr, amr, proofs, organization_id)
      select used.family_id, used.user_id, case when i.offline then null else used.session_id end, used.at, used.client_id,
        used.grant_id, used.scopes, used.resources, used.claims, used.refresh_jkt,
        case when i.offline then used.offline_until end, used.authenticated_at, used.acr, used.amr,
        case when i.offline then used.proofs end, used.organization_id
      from used cross join lateral (select 'offline_access' = any(used.scopes) as offline) i
    ), token as (
      insert into refresh_tokens (token_hash, family_id, created_at)
      select decode(used.refresh_hash, 'hex'), used.family_id, used.at from used where used.refresh_hash is not null
    )
    select used.ordinality, used.session_id, used.user_id, used.username, used.roles, used.proofs, used.session_amr as amr,
      used.session_acr as acr, used.session_authenticated_at as authenticated_at, used.session_expires_at as expires_at,
      used.acr as code_acr, used.amr as code_amr, used.authenticated_at as code_authenticated_at, used.scopes,
      used.resources, used.nonce, used.claims, ${ACTING}
    from used ${actingJoins('used')}`,
)

/**
 * Uses each code up where everything fits it and its session is open, and starts the family of tokens; the session is locked, so that
 * its end waits and covers the family, or there is none. A code with a challenge requires its verifier, and one without refuses any
 * (RFC 9700 §4.8.2). Sessions are locked before codes, both in the order of their keys.
 * @param uses each the JSON of a `CodeUse` @returns what each was exchanged for; undefined: nothing
 */
export async function exchangeCodes(
  db: Pick<Db, 'commit'>,
  uses: readonly string[],
  wait: LockWait,
): Promise<(ExchangedRow | undefined)[]> {
  const rows = await db.commit(exchange({ uses: `[${uses.join()}]` }), wait)
  const exchanged = new Map(rows.map((row) => [row.ordinality, row]))
  return uses.map((_, n) => exchanged.get(n + 1))
}

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
