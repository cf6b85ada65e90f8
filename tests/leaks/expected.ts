/**
 * The expected result of the row-level security policies: which rows each caller reads and writes, the granted columns,
 * and the foreign keys that a caller can write. A new table, grant or key requires a line here.
 */
import { membersOf, PEOPLE, type Who } from './tenants.ts'

/** Everything granted to `latchkey_request`; a table without columns means all of them. */
export const GRANTS: readonly string[] = [
  'api_keys insert',
  'api_keys select',
  'api_keys update(description expires_at name revoked_at rotated_at)',
  'audit_events insert',
  'audit_events select',
  'client_secrets select(client_id created_at expires_at hint id last_used_at)',
  'clients select',
  'client_sessions select',
  'connection_events select',
  'connections select(by_operator client_id created_at id made_by name organization_id origin provider settings slug status tested_at unreadable_since updated_at version)',
  'emails select',
  'identities select(connection_id email email_verified id issuer last_used_at linked_at name organization_id provider scope subject user_id)',
  'invitations insert',
  'invitations select',
  'invitations update(address expires_at invited_by revoked_at role secret_hash sent_at sent_count sent_times)',
  'jobs insert',
  'letters insert',
  'logout_deliveries insert(client_id created_at id next_at session_id sid user_id)',
  'memberships delete',
  'memberships select',
  'memberships update(role)',
  'organization_domains delete',
  'organization_domains insert(added_by created_at domain id next_check_at organization_id token)',
  'organization_domains select',
  'organization_domains update(connection_id)',
  'organization_roles delete',
  'organization_roles insert',
  'organization_roles select',
  'organization_roles update',
  'organizations select',
  'organizations update(deleted_at description logo_url name purge_at slug updated_at)',
  'permissions select',
  'resources select',
  'revocations insert',
  'role_holders select',
  'roles select',
  'security_policies insert',
  'security_policies select',
  'security_policies update(allowed_methods grace_days mode notify_days_before password_profile session_absolute_seconds sign_in since updated_at updated_by version)',
  'sessions select',
  'sessions update(end_reason ended_at)',
  'setup_links select(choice completed_at connection_id created_at domain_ids expires_at id intent last_used_at made_by organization_id provider revoked_at)',
  'user_profiles insert(claims user_id)',
  'user_profiles select',
  'user_profiles update(claims)',
  'users select',
  'users update(full_name locale name_key updated_at username username_key)',
]

/**
 * Foreign keys whose columns a caller may write. They reference rows that the caller does not see, so a policy restricts
 * each (or, for `letters`, they disclose only whether an id of 128 random bits exists).
 */
export const WRITABLE_KEYS: readonly string[] = [
  'api_keys(organization_id)',
  'api_keys(user_id)',
  'invitations(accepted_by)',
  'invitations(invited_by)',
  'invitations(organization_id)',
  'letters(user_id)',
  'organization_domains(added_by)',
  'organization_domains(connection_id)',
  'organization_domains(organization_id)',
  'organization_roles(organization_id)',
  'security_policies(organization_id)',
  'security_policies(updated_by)',
  'user_profiles(user_id)',
]

/** The column that identifies a row in the tables below. */
export const KEYS = {
  users: 'id',
  user_profiles: 'user_id',
  emails: 'user_id',
  sessions: 'user_id',
  client_sessions: 'session_id',
  api_keys: 'user_id',
  audit_events: 'user_id',
  role_holders: 'user_id',
  memberships: 'user_id',
  organizations: 'id',
  organization_roles: 'organization_id',
  invitations: 'id',
  security_policies: 'organization_id',
  organization_domains: 'id',
  connections: 'id',
  clients: 'id',
  client_secrets: 'id',
  resources: 'id',
  connection_events: 'id',
  identities: 'id',
  setup_links: 'id',
  roles: 'name',
  permissions: 'name',
} as const
export type Readable = keyof typeof KEYS
export type Rows = Partial<Record<Readable, readonly string[]>>
export type Caller = Who | 'anonymous'

const own = (who: string): Rows => ({
  users: [who],
  user_profiles: [who],
  emails: [who],
  sessions: [who],
  client_sessions: [`ses_${who}`],
  api_keys: [who],
  identities: [`idn_${who}`],
})
const colleagues = (organization: string): Rows => {
  const people = membersOf(organization)
  return {
    users: people,
    emails: people,
    memberships: people,
    organizations: [organization],
    organization_roles: [organization],
    security_policies: [organization],
  }
}
const administers = (organization: string): Rows => ({
  ...colleagues(organization),
  audit_events: membersOf(organization),
  organization_domains: [`dom_${organization}`],
  connections: [`con_${organization}`],
  clients: [`cli_${organization}`],
  client_secrets: [`csec_${organization}`],
  resources: [`res_${organization}`],
  connection_events: [`cev_${organization}`],
  setup_links: [`lnk_${organization}`],
  invitations: organization === 'org_a' ? ['inv_a', 'inv_outsider'] : ['inv_b'],
})

/** The rows that each caller reads; of a table without an entry, none. `*` is every row. */
export const SEES: Readonly<Record<Caller, Rows>> = {
  anonymous: {},
  outsider: { ...own('outsider'), invitations: ['inv_outsider'] },
  removed: own('removed'),
  a_guest: {
    ...own('a_guest'),
    memberships: ['a_guest'],
    organizations: ['org_a'],
    security_policies: ['org_a'],
  },
  a_member: { ...own('a_member'), ...colleagues('org_a') },
  a_admin: { ...own('a_admin'), ...administers('org_a') },
  a_owner: { ...own('a_owner'), ...administers('org_a') },
  b_member: { ...own('b_member'), ...colleagues('org_b') },
  b_owner: { ...own('b_owner'), ...administers('org_b') },
  manager: {
    ...own('manager'),
    users: PEOPLE,
    user_profiles: PEOPLE,
    emails: PEOPLE,
    sessions: PEOPLE,
    role_holders: PEOPLE,
  },
  super: {
    ...own('super'),
    users: PEOPLE,
    user_profiles: PEOPLE,
    emails: PEOPLE,
    sessions: PEOPLE,
    role_holders: PEOPLE,
    audit_events: PEOPLE,
    organizations: ['org_a', 'org_b'],
    connections: ['con_server'],
    clients: ['cli_server'],
    client_secrets: ['csec_server'],
    resources: ['res_server'],
    connection_events: ['cev_server'],
    roles: ['*'],
    permissions: ['*'],
  },
}

const writesOwn = (who: string): Rows => ({
  users: [who],
  user_profiles: [who],
  sessions: [who],
  api_keys: [who],
})
const leaves = (who: string): Rows => ({ ...writesOwn(who), memberships: [who] })
const runs = (organization: string): Rows => ({
  memberships: membersOf(organization),
  organizations: [organization],
  organization_roles: [organization],
  security_policies: [organization],
  invitations: organization === 'org_a' ? ['inv_a', 'inv_outsider'] : ['inv_b'],
})

/** The rows that each caller can change or delete by statements without a WHERE. */
export const WRITES: Readonly<Record<Caller, Rows>> = {
  anonymous: {},
  outsider: writesOwn('outsider'),
  removed: writesOwn('removed'),
  a_guest: leaves('a_guest'),
  a_member: leaves('a_member'),
  a_admin: { ...writesOwn('a_admin'), ...runs('org_a') },
  a_owner: { ...writesOwn('a_owner'), ...runs('org_a'), organization_domains: ['dom_org_a'] },
  b_member: leaves('b_member'),
  b_owner: { ...writesOwn('b_owner'), ...runs('org_b'), organization_domains: ['dom_org_b'] },
  manager: writesOwn('manager'),
  super: writesOwn('super'),
}
// an admin may update but not delete the organization; the code distinguishes the two, the policies do not
