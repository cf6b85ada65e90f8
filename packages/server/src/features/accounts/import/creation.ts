/** Creates the users of a batch: the bulk counterpart of `createUser`, with the times and states of the records. */

import type { Tx } from '../../../base/db/types.ts'
import { canonical } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import { type AuditEntry, audit } from '../../../core/audit/index.ts'
import { insertIdentities, type ReadIdentity } from '../import-identities/index.ts'
import type { ImportContext, ReadRecord } from './records.ts'
import { insertAll } from './sql.ts'

export async function createUsers(
  tx: Tx,
  context: ImportContext,
  records: readonly ReadRecord[],
  role: string,
): Promise<void> {
  if (records.length === 0) return
  const made = records.map((read) => ({ read, id: read.record.id ?? newId('usr') }))
  const { now } = context.call
  await insertAll(tx, {
    users: made.map(({ read, id }) => userRow(read, id, role, now)),
    emails: made.map(({ read, id }) => emailRow(read, id, now)),
    profiles: made.flatMap(({ read: { profile }, id }) =>
      Object.keys(profile).length === 0 ? [] : { user_id: id, claims: JSON.stringify(profile) },
    ),
    passwords: made.flatMap(({ read: { record }, id }) =>
      record.password_hash === undefined
        ? []
        : {
            user_id: id,
            hash: record.password_hash,
            changed_at: record.password_changed_at ?? now,
            profile: record.password_rules ?? null,
          },
    ),
    history: made.flatMap(({ read: { record }, id }) =>
      (record.password_history ?? []).map(({ hash, replaced_at }) => ({ user_id: id, hash, replaced_at })),
    ),
    memberships: made.flatMap(({ read, id }) => membershipRows(context, read, id)),
    imported: made.map(({ read, id }) => importedRow(context, read, id)),
  })
  const identities = made.flatMap(({ read, id: userId }) =>
    read.identities.map((identity) => ({ userId, identity })),
  )
  await insertIdentities(tx, identities, now)
  await audit(
    tx,
    context.call,
    ...made.flatMap(({ read, id }) => [
      importEvent(context, read, id, 'created', read.identities),
      ...membershipRows(context, read, id).map((row) => joinEvent(row)),
    ]),
  )
}

const userRow = (
  { record, username, fullName, locale, roles }: ReadRecord,
  id: string,
  role: string,
  now: Date,
) => ({
  id,
  username,
  username_key: username && canonical(username),
  full_name: fullName,
  name_key: fullName && canonical(fullName),
  locale,
  status: record.status ?? ('active' as const),
  roles: roles ?? [role],
  created_at: record.created_at ?? now,
  updated_at: record.updated_at ?? now,
  last_login_at: record.last_login_at ?? null,
  organization_wish: record.organization_request ?? null,
  locked_at: record.locked_at ?? null,
  locked_until: record.locked_until ?? null,
})

/** A pending user owns no address. */
function emailRow({ record, addressKey }: ReadRecord, userId: string, now: Date) {
  const createdAt = record.created_at ?? now
  return {
    id: newId('eml'),
    user_id: userId,
    address: record.email,
    address_key: addressKey,
    is_primary: true,
    claimed_at: record.status === 'pending' ? null : createdAt,
    verified_at: record.email_verified_at ?? (record.email_verified ? createdAt : null),
    created_at: createdAt,
  }
}

export const membershipRows = ({ call, organizations }: ImportContext, read: ReadRecord, userId: string) =>
  read.organizations.flatMap(({ slug, role, joinedAt }) => {
    const organization = organizations.get(slug)
    return organization
      ? { organization_id: organization.id, user_id: userId, role, joined_at: joinedAt ?? call.now }
      : []
  })

export const importedRow = ({ source, call }: ImportContext, read: ReadRecord, userId: string) => ({
  source,
  external_id: read.externalId,
  user_id: userId,
  digest: read.digest,
  imported_at: call.now,
})

export const importEvent = (
  { source }: Pick<ImportContext, 'source'>,
  { externalId, username }: Pick<ReadRecord, 'externalId' | 'username'>,
  userId: string,
  outcome: 'created' | 'updated',
  connected: readonly ReadIdentity[],
): AuditEntry => ({
  type: 'user.imported',
  userId,
  username,
  details: {
    by: 'operator',
    source,
    external_id: externalId,
    outcome,
    ...(connected.length > 0 && {
      connections: [...new Set(connected.map(({ connection }) => connection.slug))],
    }),
  },
})

export const joinEvent = (row: { organization_id: string; user_id: string; role: string }): AuditEntry => ({
  type: 'organization.member.added',
  userId: null,
  username: null,
  organizationId: row.organization_id,
  details: { user_id: row.user_id, role: row.role, by: 'operator' },
})
