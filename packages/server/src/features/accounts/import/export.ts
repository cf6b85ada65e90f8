/**
 * Exports all users, by pages, as records that an import reads back. Without hashes of passwords unless they are
 * wanted.
 */
import { systemCall } from '../../../base/call.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type ExportedUser, selectExported } from './sql.ts'

/** A record as JSON: times are text, and what does not exist is null. */
export type ExportedRecord = Record<string, unknown>

/** Records that an export of all users began. */
export async function beginExport(
  tools: Pick<Tools, 'db' | 'clock'>,
  details: { format: string; password_hashes: boolean },
): Promise<void> {
  const call = systemCall(tools.clock.now())
  await tools.db.tx('system', (tx) =>
    audit(tx, call, {
      type: 'users.exported',
      userId: null,
      username: null,
      details: { ...details, by: 'operator' },
    }),
  )
}

/** @param after the id of the last record of the page before; '' for the first page */
export async function exportUsers(
  tools: Pick<Tools, 'db'>,
  page: { after: string; limit: number; hashes: boolean },
): Promise<ExportedRecord[]> {
  const rows = await tools.db.tx('system', (tx) => selectExported(tx, page))
  return rows.map((row) => recordOf(row, page.hashes))
}

const instant = (at: Date | string | null): string | null => at && new Date(at).toISOString()

const recordOf = (row: ExportedUser, hashes: boolean): ExportedRecord => ({
  id: row.id,
  email: row.address,
  email_verified: row.verified_at !== null,
  email_verified_at: instant(row.verified_at),
  username: row.username,
  full_name: row.full_name,
  locale: row.locale,
  profile: row.claims,
  roles: row.roles,
  status: row.status,
  locked_at: instant(row.locked_at),
  locked_until: instant(row.locked_until),
  created_at: instant(row.created_at),
  updated_at: instant(row.updated_at),
  last_login_at: instant(row.last_login_at),
  ...(hashes
    ? {
        password_hash: row.hash,
        password_changed_at: instant(row.changed_at),
        password_rules: row.rules,
        password_history: row.history.map((old) => ({ ...old, replaced_at: instant(old.replaced_at) })),
      }
    : {}),
  organizations: row.memberships.map((one) => ({ ...one, joined_at: instant(one.joined_at) })),
  organization_request: row.organization_wish,
  identities: row.identities.map((one) => ({
    ...one,
    linked_at: instant(one.linked_at),
    last_used_at: instant(one.last_used_at),
  })),
})
