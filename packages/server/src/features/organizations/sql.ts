/** Every statement of the organizations room. */
import { type CompiledQuery, sql } from 'kysely'
import type { Statements } from '../../base/db/types.ts'
import type { ActingRow } from '../../base/roles/acting.ts'

/** Compiled once: the user, the organization, whether a deleted one counts. No row where there is no such organization. */
export const membershipCheck = (db: Statements): CompiledQuery<ActingRow & { id: string }> =>
  sql<ActingRow & { id: string }>`
    select o.id, m.organization_id as acting_in, m.role as acting_as, r.permissions as own_permissions,
      r.inherits as own_inherits
    from organizations o
    left join memberships m on m.organization_id = o.id and m.user_id = ${''}
    left join organization_roles r on r.organization_id = m.organization_id and r.name = m.role
    where o.id = ${''} and (o.deleted_at is null or ${false}::boolean)`.compile(db)
