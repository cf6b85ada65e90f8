/**
 * Demands that no user can meet, because no factor that would can be set up on this server: such a demand is refused where
 * it is made, and reported where it exists already, after `LATCHKEY_MFA_METHODS` or the public URL was changed.
 */
import { sql } from 'kysely'
import { type Demand, enrollableFor } from '../base/assurance.ts'
import type { Statements } from '../base/db/types.ts'
import { invalid } from '../base/errors.ts'
import { offeredKinds, type RelyingPartyConfig } from '../base/relying-party.ts'

const ANY = { mode: 'require_any', accepts: ['totp', 'passkey'] } as const

/**
 * @param field where the request makes the demand. @param demand default: any second factor
 * @throws Problem VALIDATION_ERROR where no user could meet the demand by what this server offers
 */
export function assertCanBeMet(
  config: RelyingPartyConfig,
  field: string,
  demand: Pick<Demand, 'mode' | 'accepts'> = ANY,
): void {
  if (demand.mode === 'none' || enrollableFor(demand, offeredKinds(config)).length > 0) return
  throw invalid(
    field,
    'unavailable',
    'This server offers no second factor that would meet the requirement. Name `totp` or `passkey` in LATCHKEY_MFA_METHODS first.',
  )
}

/** Whose sign-ins require a second factor, by others than the server. */
export interface StoredDemands {
  users: number
  /** The names of roles. */
  roles: string[]
  organizations: number
}

/** System scope. */
export async function findStoredDemands(db: Statements): Promise<StoredDemands> {
  const { rows } = await sql<StoredDemands>`
    select (select count(*)::int from users where mfa_required) as users,
      array(select name from roles where requires_mfa order by name) as roles,
      (select count(*)::int from security_policies sp
        join organizations o on o.id = sp.organization_id and o.deleted_at is null
        where sp.mode not in ('disabled', 'optional')) as organizations`.execute(db)
  return rows[0] ?? { users: 0, roles: [], organizations: 0 }
}

/** A sentence for the operator; null where each demand can be met. */
export function unmeetableText(
  config: RelyingPartyConfig,
  { users, roles, organizations }: StoredDemands,
): string | null {
  if (offeredKinds(config).length > 0) return null
  const whose = [
    ...(users > 0 ? [`${users} ${users === 1 ? 'user' : 'users'}`] : []),
    ...(roles.length > 0 ? [`the ${roles.length === 1 ? 'role' : 'roles'} ${roles.join(', ')}`] : []),
    ...(organizations > 0
      ? [`${organizations} ${organizations === 1 ? 'organization' : 'organizations'}`]
      : []),
  ]
  if (whose.length === 0) return null
  return `a second factor is required for ${whose.join(', ')}, and this server lets users set up neither an authenticator app nor a passkey: name \`totp\` or \`passkey\` in LATCHKEY_MFA_METHODS`
}
