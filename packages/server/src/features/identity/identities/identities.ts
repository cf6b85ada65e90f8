/**
 * Identities: accounts at providers that are linked to users. Invariant: the key is (issuer, subject) within a scope, which
 * is the organization whose connection asserts it or '' for the server's; no identity moves to another user (authentik
 * CVE-2026-49448): it is unlinked and linked again.
 *
 * Within its scope another connection may assert it too, so that an owner can replace one: never of another protocol, where
 * the same issuer is another party's name, and never a connection that a set-up link has made, whose settings are those of
 * the link's reader.
 */
import { type Selectable, sql } from 'kysely'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
import { ownConnectionEvents } from '../../../core/connection-events.ts'
import type { ProviderConnection } from '../../../core/connections/index.ts'
import {
  type ExternalIdentity,
  FederationFault,
  type ProviderId,
  providerOf,
} from '../../../core/providers/index.ts'
import type { IdentitiesTable } from './tables.ts'

export type Identity = Selectable<IdentitiesTable>

/** The connection that asserts an identity. */
type Asserting = Pick<ProviderConnection, 'id' | 'organizationId' | 'origin' | 'provider' | 'settings'>

/** What is kept with an identity, and when it came by which connection. */
export type KeptTokens = Pick<Identity, 'connection_id' | 'tokens' | 'linked_at' | 'last_used_at'>

/** The key of an identity, within the scope of its connection. */
type IdentityKey = Pick<ExternalIdentity, 'issuer' | 'subject'>

const scopeOf = ({ organizationId }: Pick<ProviderConnection, 'organizationId'>): string =>
  organizationId ?? ''

/** An identity that is linked. */
interface LinkedIdentity extends Identity {
  /** Whether its user is a registration whose address was never verified. */
  is_pending: boolean
}

/**
 * The identity that a connection asserts, of whichever user; null where it is not linked.
 * @throws FederationFault taken, where it is linked by another connection for which this one does not speak
 */
export async function findIdentity(
  db: Statements,
  by: Asserting,
  { issuer, subject }: IdentityKey,
): Promise<LinkedIdentity | null> {
  const row = await db
    .selectFrom('identities')
    .innerJoin('users', 'users.id', 'identities.user_id')
    .selectAll('identities')
    .select(({ eb }) => eb('users.status', '=', 'pending').as('is_pending'))
    .where('scope', '=', scopeOf(by))
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .executeTakeFirst()
  if (!row) return null
  assertSpeaksFor(by, row)
  return { ...row, is_pending: row.is_pending === true }
}

const isSaml = (provider: string): boolean => providerOf(provider as ProviderId).kind === 'saml'

function assertSpeaksFor(by: Asserting, { connection_id, provider }: Identity): void {
  if (isSaml(provider) !== isSaml(by.provider))
    throw new FederationFault(
      'taken',
      'The identity was linked by a connection of the same issuer and of another protocol. Its user disconnects it there first.',
    )
  if (by.origin === 'setup_link' && connection_id !== by.id)
    throw new FederationFault(
      'taken',
      'The identity was linked by another connection. A connection that was made through a set-up link signs in those alone that it has linked.',
    )
}

/** Whether identities of one of these issuers are linked in the scope of a connection, by others than it. */
export async function hasIdentitiesOfOthers(
  db: Statements,
  by: Pick<ProviderConnection, 'id' | 'organizationId'>,
  issuers: readonly string[],
): Promise<boolean> {
  const row = await db
    .selectFrom('identities')
    .select('id')
    .where('scope', '=', scopeOf(by))
    .where('issuer', 'in', issuers)
    .where('connection_id', 'is distinct from', by.id)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Whether tokens are kept with the identity `i` that new ones by a connection do not take the place of: they came by another one, by what
 * this one was before it was released (released-connections.ts), or it keeps none. They are revoked by what they came by.
 */
const hasFormerTokens = ({ id, settings }: Pick<Asserting, 'id' | 'settings'>) => sql<boolean>`(
  i.tokens is not null and (not ${settings.keeps_tokens === true}::bool or coalesce(i.connection_id, '') <> ${id} or exists (
    select from released_connections r
    where (r.id = ${id} or r.former_of = ${id}) and r.released_at >= coalesce(i.last_used_at, i.linked_at))))`

/** The registration that had an identity. */
interface TakenIdentity {
  user_id: string
  /** To be revoked. */
  former: KeptTokens | null
}

/**
 * Unlinks an identity from a registration whose address was never verified. Locks the row of its user: what is verified
 * meanwhile keeps it. @returns that registration; null where the identity is not linked, or belongs to an account
 */
async function deletePendingIdentity(
  tx: Tx,
  by: Asserting,
  { issuer, subject }: IdentityKey,
): Promise<TakenIdentity | null> {
  const { rows } = await sql<KeptTokens & { user_id: string; is_former: boolean }>`
    with pending as (
      select u.id from users u join identities i on i.user_id = u.id
      where i.scope = ${scopeOf(by)} and i.issuer = ${issuer} and i.subject = ${subject} and u.status = 'pending'
      for no key update of u)
    delete from identities i
    where scope = ${scopeOf(by)} and issuer = ${issuer} and subject = ${subject} and user_id in (select id from pending)
    returning user_id, connection_id, tokens, linked_at, last_used_at, ${hasFormerTokens(by)} as is_former`.execute(
    tx,
  )
  const [row] = rows
  return row ? { user_id: row.user_id, former: row.is_former ? row : null } : null
}

/** The user's identities, oldest first. */
export const listIdentities = (db: Statements, userId: string): Promise<Identity[]> =>
  db.selectFrom('identities').selectAll().where('user_id', '=', userId).orderBy('id').limit(200).execute()

/**
 * Links an identity to a user, also one of a registration whose address was never verified. The caller holds the user's row.
 * @returns it, with the registration that had it; null where an account has it
 */
export async function linkIdentity(
  tx: Tx,
  userId: string,
  by: Asserting,
  identity: ExternalIdentity,
  tokens: string | null,
  now: Date,
): Promise<(Identity & { takenFrom: TakenIdentity | null }) | null> {
  const takenFrom = await deletePendingIdentity(tx, by, identity)
  const row = {
    id: newId('idn'),
    user_id: userId,
    connection_id: by.id,
    organization_id: by.organizationId,
    scope: scopeOf(by),
    issuer: identity.issuer,
    subject: identity.subject,
    provider: by.provider,
    ...saidOf(identity),
    tokens,
    tokens_from: null,
    linked_at: now,
    last_used_at: now,
    kept_at: null,
  }
  const linked = await tx
    .insertInto('identities')
    .values(row)
    .onConflict((on) => on.columns(['scope', 'issuer', 'subject']).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!linked) return null
  await ownConnectionEvents(tx, by.id, identity, userId)
  return { ...row, takenFrom }
}

/**
 * What the provider says at a further sign-in. The connection is the one that it was used by. The caller holds the user's row. What is
 * kept is judged as it is under the lock of the row: another sign-in, or the job that clears tokens, may have changed it.
 * @param tokens null: there are none, so that what is kept stays, unless it is to be revoked
 * @returns null where it was unlinked meanwhile; `former`: to be revoked
 */
export async function updateIdentityUse(
  tx: Tx,
  id: string,
  by: Asserting,
  identity: ExternalIdentity,
  tokens: string | null,
  now: Date,
): Promise<{ former: KeptTokens | null } | null> {
  const { email, email_verified, name } = saidOf(identity)
  const { rows } = await sql<KeptTokens & { is_former: boolean }>`
    with kept as materialized (
      select i.id, i.connection_id, i.tokens, i.linked_at, i.last_used_at, ${hasFormerTokens(by)} as is_former
      from identities i where i.id = ${id} for no key update)
    update identities i set connection_id = ${by.id}, provider = ${by.provider}, email = ${email}, email_verified = ${email_verified},
      name = ${name}, last_used_at = ${now}, tokens_from = null,
      tokens = case when kept.is_former then ${tokens}::text else coalesce(${tokens}::text, i.tokens) end
    from kept where i.id = kept.id
    returning kept.is_former, kept.connection_id, kept.tokens, kept.linked_at, kept.last_used_at`.execute(tx)
  const [row] = rows
  return row ? { former: row.is_former ? row : null } : null
}

const saidOf = ({ email, emailVerified, fullName, username }: ExternalIdentity) => ({
  email,
  email_verified: emailVerified,
  name: fullName ?? username,
})

/** Unlinks an identity of the user. @returns it; null where the user has no such identity (any more) */
export async function deleteIdentity(tx: Tx, userId: string, id: string): Promise<Identity | null> {
  const row = await tx
    .deleteFrom('identities')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** Unlinks the identities of a user that were linked since a time, or all of them. @returns them */
export async function deleteIdentitiesSince(tx: Tx, userId: string, since: Date | null): Promise<Identity[]> {
  const own = tx.deleteFrom('identities').where('user_id', '=', userId)
  return await (since === null ? own : own.where('linked_at', '>=', since)).returningAll().execute()
}
