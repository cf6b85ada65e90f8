/**
 * The ways in: what a user can begin a sign-in with, of which the last one is not removed. That is the password, a passkey
 * that verifies its user and is not refused, the verified mailbox where the server offers sign-in by e-mail, and an identity
 * whose connection is active: of the server, or one that is an authority for the account. By another one of an
 * organization the user signs in too, and can then change nothing of the account.
 */
import { sql } from 'kysely'
import type { Tx } from '../../base/db/types.ts'
import { findRelyingParty, type RelyingPartyConfig } from '../../base/relying-party.ts'
import type { Config } from '../../config.ts'
import { authoritiesOf } from '../authorities.ts'

interface WaysIn {
  hasPassword: boolean
  hasMailbox: boolean
  /** The passkeys that are accepted, by the ids of their factors, and whether one signs in without another method. */
  passkeys: ReadonlyMap<string, { signsIn: boolean }>
  /** The ids of the identities by which the user signs in. */
  identities: readonly string[]
}

interface WaysInRow {
  has_password: boolean
  is_verified: boolean
  passkeys: { id: string; verified: boolean }[]
  identities: string[]
}

/** The user's ways in. The caller holds the user's row where it removes one. */
export async function findWaysIn(
  config: RelyingPartyConfig & Pick<Config, 'emailSignIn'>,
  tx: Tx,
  userId: string,
): Promise<WaysIn> {
  const rpId = findRelyingParty(config)?.id ?? null
  const { rows } = await sql<WaysInRow>`
    select exists (select from passwords where user_id = ${userId}) as has_password,
      exists (select from emails where user_id = ${userId} and is_primary and verified_at is not null) as is_verified,
      coalesce((
        select jsonb_agg(jsonb_build_object('id', factor_id, 'verified', user_verified)) from passkey_credentials
        where user_id = ${userId} and flagged_at is null and rp_id = ${rpId}), '[]') as passkeys,
      array(
        select i.id from identities i join connections c on c.id = i.connection_id
        where i.user_id = ${userId} and c.status = 'active'
          and (c.organization_id is null or c.id in (${authoritiesOf('i.user_id')}))) as identities`.execute(
    tx,
  )
  const [row] = rows
  return {
    hasPassword: row?.has_password ?? false,
    hasMailbox: (row?.is_verified ?? false) && config.emailSignIn.length > 0,
    passkeys: new Map(row?.passkeys.map(({ id, verified }) => [id, { signsIn: verified }])),
    identities: row?.identities ?? [],
  }
}

/** How many ways in are left without these factors and identities. */
export function countWaysIn(
  { hasPassword, hasMailbox, passkeys, identities }: WaysIn,
  without: readonly string[],
): number {
  const signingIn = [...passkeys].filter(([id, { signsIn }]) => signsIn && !without.includes(id))
  const known = identities.filter((id) => !without.includes(id))
  return Number(hasPassword) + Number(hasMailbox) + signingIn.length + known.length
}
