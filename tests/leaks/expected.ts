/**
 * What the policies are to come to, written down: who sees which rows, who may touch which, which columns are granted,
 * and which foreign keys a caller can reach. A new table, grant or key is a line here, and so a decision.
 */
import { membersOf, PEOPLE, type Who } from './tenants.ts'

/** Everything granted to `latchkey_request`; a table alone is all of its columns. */
export const GRANTS: readonly string[] = [
  'api_keys insert',
  'api_keys select',
  'api_keys update(description expires_at name revoked_at rotated_at)',
  'audit_events insert',
  'audit_events select',
  'emails select',
  'invitations insert',
  'invitations select',
  'invitations update(address expires_at invited_by revoked_at role secret_hash sent_at sent_count sent_times)',
  'jobs insert',
  'letters insert',
  'memberships delete',
  'memberships select',
  'memberships update(role)',
  'organization_roles delete',
  'organization_roles insert',
  'organization_roles select',
  'organization_roles update',
  'organizations select',
  'organizations update(deleted_at name purge_at slug updated_at)',
  'permissions select',
  'revocations insert',
  'role_holders select',
  'roles select',
  'sessions select',
  'sessions update(end_reason ended_at)',
  'users select',
  'users update(full_name locale name_key updated_at username username_key)',
]

/**
 * Foreign keys whose columns a caller may write. They find rows that the caller does not see, so each is bound by a
 * policy (or, of `letters`, tells no more than whether an id of 128 random bits exists).
 */
export const WRITABLE_KEYS: readonly string[] = [
  'api_keys(organization_id)',
  'api_keys(user_id)',
  'invitations(accepted_by)',
  'invitations(invited_by)',
  'invitations(organization_id)',
  'letters(user_id)',
  'organization_roles(organization_id)',
]

/** How a row is told in the tables below. */
export const KEYS = {
  users: 'id',
  emails: 'user_id',
  sessions: 'user_id',
  api_keys: 'user_id',
  audit_events: 'user_id',
  role_holders: 'user_id',
  memberships: 'user_id',
  organizations: 'id',
  organization_roles: 'organization_id',
  invitations: 'id',
  roles: 'name',
  permissions: 'name',
} as const
export type Readable = keyof typeof KEYS
export type Rows = Partial<Record<Readable, readonly string[]>>
export type Caller = Who | 'nobody'

const own = (who: string): Rows => ({ users: [who], emails: [who], sessions: [who], api_keys: [who] })
const fellows = (organization: string): Rows => {
  const people = membersOf(organization)
  return {
    users: people,
    emails: people,
    memberships: people,
    organizations: [organization],
    organization_roles: [organization],
  }
}
const run = (organization: string): Rows => ({
  ...fellows(organization),
  audit_events: membersOf(organization),
  invitations: organization === 'org_a' ? ['inv_a', 'inv_outsider'] : ['inv_b'],
})

/** What each sees. What is not named is nothing. `*` is every row. */
export const SEES: Readonly<Record<Caller, Rows>> = {
  nobody: {},
  outsider: { ...own('outsider'), invitations: ['inv_outsider'] },
  removed: own('removed'),
  a_guest: { ...own('a_guest'), memberships: ['a_guest'], organizations: ['org_a'] },
  a_member: { ...own('a_member'), ...fellows('org_a') },
  a_admin: { ...own('a_admin'), ...run('org_a') },
  a_owner: { ...own('a_owner'), ...run('org_a') },
  b_member: { ...own('b_member'), ...fellows('org_b') },
  b_owner: { ...own('b_owner'), ...run('org_b') },
  manager: {
    ...own('manager'),
    users: PEOPLE,
    emails: PEOPLE,
    sessions: PEOPLE,
    role_holders: PEOPLE,
  },
  super: {
    ...own('super'),
    users: PEOPLE,
    emails: PEOPLE,
    sessions: PEOPLE,
    role_holders: PEOPLE,
    audit_events: PEOPLE,
    organizations: ['org_a', 'org_b'],
    roles: ['*'],
    permissions: ['*'],
  },
}

const touchesOwn = (who: string): Rows => ({ users: [who], sessions: [who], api_keys: [who] })
const leaves = (who: string): Rows => ({ ...touchesOwn(who), memberships: [who] })
const runs = (organization: string): Rows => ({
  memberships: membersOf(organization),
  organizations: [organization],
  organization_roles: [organization],
  invitations: organization === 'org_a' ? ['inv_a', 'inv_outsider'] : ['inv_b'],
})

/** Which rows each can change or delete, when their statements name no row at all. */
export const TOUCHES: Readonly<Record<Caller, Rows>> = {
  nobody: {},
  outsider: touchesOwn('outsider'),
  removed: touchesOwn('removed'),
  a_guest: leaves('a_guest'),
  a_member: leaves('a_member'),
  a_admin: { ...touchesOwn('a_admin'), ...runs('org_a') },
  a_owner: { ...touchesOwn('a_owner'), ...runs('org_a') },
  b_member: leaves('b_member'),
  b_owner: { ...touchesOwn('b_owner'), ...runs('org_b') },
  manager: touchesOwn('manager'),
  super: touchesOwn('super'),
}
// an admin may change the organization, not delete it; rules tell those apart, policies do not
