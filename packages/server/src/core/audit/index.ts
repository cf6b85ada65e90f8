/**
 * Writing the audit log: an event is a row written in the transaction of the change that it records.
 * The table lists every event type with the sentence that docs/reference/audit-events.md shows.
 */
import { type CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { Call } from '../../base/call.ts'
import { later } from '../../base/clock.ts'
import { compiledOnce, type NewRow, runTogether } from '../../base/db/compiled.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Config } from '../../config.ts'
import { recurs, type Work } from '../jobs/index.ts'
import type { AuditEventsTable } from './tables.ts'

export type { AuditEventsTable } from './tables.ts'

export const AUDIT_EVENTS = {
  'auth.login.attempt':
    'A credential was presented to sign in; `details.identifier` is what was typed, and `details.next` names the further step that the sign-in requires.',
  'auth.login.success':
    'A user signed in; `details` has `login_method`, `mfa_used`, `remember_me` and `new_device`.',
  'auth.login.failure': 'A sign-in or the confirmation of a password failed; `details.reason` says why.',
  'auth.login.locked': 'Too many sign-ins failed: further ones are refused until the lock-out ends.',
  'auth.logout': 'A user signed out.',
  'auth.session.expired': 'A session passed its idle or absolute limit.',
  'auth.session.revoked': 'A session was ended by its owner, an administrator or a security rule.',
  'auth.password.changed': 'A user changed their password.',
  'auth.password.reset': 'A password was reset through an e-mail or by an administrator.',
  'auth.password.reset_requested': 'An e-mail to reset the password was requested.',
  'auth.email.verified': 'An e-mail address was verified.',
  'auth.email.change_requested':
    'A user requested a change of their address; it counts once the link in the e-mail is followed.',
  'auth.email.change_cancelled': 'A user withdrew a change of address that was not yet confirmed.',
  'auth.email.changed': 'A user confirmed a new address; `details` has `from` and `to`.',
  'auth.email.change_undone':
    'A change of address was undone through the e-mail to the earlier address; `details` has `from`, `to`, the number of `api_keys` and the kinds of the `factors` that ended. All sessions ended.',
  'auth.email.verification_requested': 'An e-mail to verify an address was requested.',
  'auth.mfa.enabled': 'A second factor was set up; `details` has its `kind` and `factor_id`.',
  'auth.mfa.renamed': 'An authenticator app was renamed; `details` has `from` and `to`.',
  'auth.mfa.disabled':
    'Second factors were removed, by their owner, by an administrator or by the operator; `details.kinds` names them.',
  'auth.mfa.backup_codes_created': 'New backup codes were created; earlier ones are void.',
  'auth.mfa.backup_code_used': 'A backup code was used; `details.remaining` counts the unused ones.',
  'auth.passkey.added': 'A passkey was added; `details` has its `factor_id`.',
  'auth.passkey.renamed': 'A passkey was renamed.',
  'auth.passkey.removed': 'A passkey was removed.',
  'auth.passkey.counter_regressed':
    'The signature counter of a passkey did not advance, so that it may have been copied; the sign-in was refused.',
  'auth.identity.linked':
    'An account at an identity provider was connected to a user; `details` has its `provider`, `issuer` and `subject`.',
  'auth.identity.unlinked':
    'An account at an identity provider was disconnected from a user; `details` has its `provider`, `issuer` and `subject`.',
  'auth.magic_link.requested': 'A link to sign in was requested by e-mail.',
  'auth.email_code.requested': 'A code to sign in was requested by e-mail.',
  'auth.step_up.success':
    'A signed-in user confirmed their identity; `details` has the `methods` and the `acr` that they reach.',
  'auth.device.remembered': 'A browser was remembered, so that it is accepted as a second factor.',
  'auth.device.forgotten': 'Remembered browsers were forgotten.',
  'auth.lockout.lifted': 'A lock-out after failed sign-ins was lifted by a link in an e-mail.',
  'auth.sign_in.disowned':
    'A user reported that a sign-in was not theirs: all sessions ended, and the password must be reset; `details` has the number of `api_keys` and the kinds of the `factors` that ended.',
  'auth.api_key.created': 'A user created an API key, or the operator created one for the user.',
  'auth.api_key.revoked': 'An API key was revoked.',
  'auth.api_key.rotated': 'An API key was replaced by a new one; `details.rotated_from` is the old one.',
  'auth.revoked_before':
    'The operator ended every credential that was issued until `details.before`, as after a restored backup; `details` counts them.',
  'auth.token.issued':
    'Access and refresh tokens, or an access token alone, were issued for a session, or the operator issued an access token.',
  'auth.token.reuse':
    'A refresh token was used a second time: it was stolen, or its client is broken. Its family and session ended.',
  'auth.token.revoked': 'A token, or every token of a user, was revoked before it expired.',
  'user.registered': 'A user signed up.',
  'user.created': 'An administrator or the operator created an account.',
  'user.imported':
    'The operator imported an account from another system; `details.source` and `details.external_id` name the record, `details.outcome` is `created` or `updated`, and `details.connections` are the connections of the accounts that it connected.',
  'users.exported':
    'The operator exported all accounts; `details.password_hashes` says whether with the hashes of passwords.',
  'user.updated': 'A profile was changed; `details.fields` names the fields.',
  'user.disabled': 'An account was disabled.',
  'user.enabled': 'A disabled account was enabled.',
  'user.roles.changed':
    'The roles of a user were changed from `details.from` to `details.to`, by `details.by`.',
  'user.deleted': 'An account was deleted with all personal data.',
  'user.locked': 'An administrator locked an account until `details.until`; null: until the lock is lifted.',
  'user.impersonated':
    'An administrator (`details.by`) got a token that acts as a user in an app, for the `details.reason`; `details` has the `client`, `resources`, `scopes`, `token` and `expires_in`.',
  'user.unlocked': 'An administrator or the operator lifted a lock and cleared failed sign-ins.',
  'user.email_changed': 'An administrator changed the address of an account.',
  'audit.exported': 'An export of the audit log began; `details` has its format and filters.',
  'role.created': 'A role was created.',
  'role.updated': 'A role was changed; `details.from` and `details.to` have the values before and after.',
  'role.deleted': 'A role was deleted.',
  'permission.created': 'A permission of the app was created.',
  'permission.deleted': 'A permission of the app was deleted.',
  'access.denied':
    'A caller was denied an action for lack of a permission; `details` names the action and the permission (`required`). `details.reason` is `not_permitted` where the operation’s own permission is missing, otherwise the reason why the request exceeds the caller’s permissions.',
  'organization.created': 'An organization was created.',
  'organization.updated': 'An organization was renamed; `details.fields` names what changed.',
  'organization.deleted': 'An organization was deleted; it can be restored until `details.purge_at`.',
  'organization.restored': 'A deleted organization was restored.',
  'organization.purged': 'A deleted organization was permanently removed with all its data.',
  'organization.transferred': 'The ownership of an organization was transferred to `details.user_id`.',
  'organization.switched': 'A session switched to another organization, or to none.',
  'organization.member.added': 'An administrator added `details.user_id` to an organization.',
  'organization.member.joined':
    'A sign-in by the connection `details.connection_id` of an organization made the user a member. `details.withheld` is a role that the maker of the connection could not grant at that time, or, with `details.domain_id`, the user who added the domain of the address; `member` was given for it.',
  'organization.member.removed': '`details.user_id` was removed from an organization.',
  'organization.member.left': 'A member left an organization.',
  'organization.member.role_changed':
    'The role of `details.user_id` in an organization was changed; with `details.connection_id`, by a sign-in, which may have `withheld` as above.',
  'organization.security_policy.changed':
    'The security policy of an organization was changed; `details` has `from` and `to`.',
  'organization.sso.bypassed':
    'A session of an owner acts in an organization without the connection that its security policy requires; once for each session.',
  'organization.sso.lapsed':
    'An organization requires sign-in by its connection, and has no active one with a proven domain any more: it is not enforced, and the owners got an e-mail.',
  'organization.sso.resumed':
    'The required sign-in by a connection is enforced again, or no longer required.',
  'organization.domain.added':
    'A domain was added to an organization; it counts once it is verified. `details` has `domain_id` and `domain`, as in the events that follow. With `before`, the user added a domain that the organization had already, and answers for it in place of that user.',
  'organization.domain.verified':
    'An organization proved a domain by its TXT record; where no user is named, the recurring check found it.',
  'organization.domain.check_failed':
    'The record of a verified domain was not found for an hour; the domain stays verified, and the owners got an e-mail. `details.outcome` says what was found. `taken`: the organization is deleted, and another one has proven the domain, which is no longer verified here.',
  'organization.domain.connection_changed':
    'Another connection was chosen for a domain; `details` has `from` and `to`, null for the first active one. Where it leads to another connection because one was enabled, disabled or deleted, `leads_to` is the one to which it leads now, null for none, and `from` the one to which it led.',
  'organization.domain.removed':
    'A domain was removed from an organization; `details.verified` says whether it was verified.',
  'organization.member.mfa_changed':
    'The second-factor rule of `details.user_id` in an organization was changed from `details.from` to `details.to`.',
  'organization.member.mfa_reminded':
    'A member was reminded that the organization will require a second factor; `details.due_at` says when.',
  'organization.member.mfa_stopped':
    'A member without the second factor that the organization requires was stopped for the first time.',
  'organization.member.mfa_enrolled': 'A member set up the second factor that the organization requires.',
  'organization.mfa_compliance.exported':
    'A list of which members comply with the security policy was exported; `details` has its format and filter.',
  'organization.role.created': 'A custom role of an organization was created.',
  'organization.role.updated': 'A custom role of an organization was changed.',
  'organization.role.deleted': 'A custom role of an organization was deleted.',
  'organization.invitation.sent': 'A person was invited to an organization.',
  'organization.invitation.resent': 'An invitation was sent again, with a new link.',
  'organization.invitation.revoked': 'An invitation was revoked.',
  'organization.invitation.accepted':
    'An invitation was accepted, and the user is a member of the organization.',
  'organization.invitation.declined': 'An invitation was declined by the holder of its link or address.',
  'organization.setup_link.created':
    'A link was made with which people without an account set up a connection or domains; `details` has its `setup_link_id`, `intent` and `provider`.',
  'organization.setup_link.used':
    'A set-up link was used to set something up for the first time. The user is its maker, in whose name it works. Every event of what was set up with it has its `details.setup_link_id`.',
  'organization.setup_link.completed':
    'The set-up of a link was completed: the connection is active, and the link changes nothing any more.',
  'organization.setup_link.revoked': 'A set-up link was revoked.',
  'connection.created':
    'A connection to an identity provider was created; `details` has its `connection_id`, `slug`, `provider` and `name`, as in all events of connections.',
  'connection.updated':
    'A connection was changed; `details.changed` names the fields, and `details.other_party` is true if it may lead to another provider now.',
  'connection.activated': 'A connection was activated.',
  'connection.disabled': 'A connection was disabled. The sessions that it alone has proven end.',
  'connection.deleted':
    'A connection was deleted; the identities that it linked stay, and no longer sign in. The sessions that it alone has proven end.',
  'client.created':
    'An app was created that signs users in here; `details` has its `client_id`, `name` and `source`, as in all events of apps, and its `settings`.',
  'client.updated':
    'An app was changed; `details.from` and `details.to` have the values before and after, by their names.',
  'client.enabled': 'An app was enabled.',
  'client.disabled': 'An app was disabled: it gets no tokens.',
  'client.deleted': 'An app was deleted with its secrets.',
  'client.secret.created':
    'A secret of an app was created; `details` has its `secret_id`, its `hint` and when it expires, never the secret.',
  'client.secret.deleted': 'A secret of an app was deleted; `details` has its `secret_id` and `hint`.',
  'resource.created':
    'An API was added that tokens are for; `details` has its `resource_id` and `identifier`, as in all events of APIs, and its other values.',
  'resource.updated': 'An API was changed; `details.from` and `details.to` have the values before and after.',
  'resource.deleted': 'An API was deleted.',
  'connection.metadata.changed':
    'The metadata of a SAML identity provider changed, and the connection with it; `details` has the `connection_id`, what `changed`, and the fingerprints of `certificates` that are new, `removed`, or `pending` until they are approved.',
  'connection.certificates.approved':
    'An administrator approved certificates of a SAML identity provider; `details` has the `connection_id` and their fingerprints in `certificates`.',
  'connection.certificate.expiring':
    'A certificate of a SAML connection expires soon, and those who administer it were informed by e-mail; `details` has the `connection_id`, the `fingerprint`, its `owner` and the `days` that are left.',
  'connection.keys.rotated':
    'The keys of this server for a SAML connection were rotated; `details.step` is `prepared` when the next ones were published, and `activated` when they are used.',
  'keys.removed': 'A signing key was unpublished, because the last token that it signed has expired.',
  'oidc.authorized':
    'A user signed in to an app, which got a code for what `details.scopes` names; `details.device` says that it is on another device.',
  'oidc.denied': 'A user did not allow an app what it asked for.',
  'oidc.withdrawn':
    'A user, or an administrator, removed the access of an app to an account; `details.client` is the app.',
  'oidc.logout.failed':
    'An app did not accept, in three attempts, the message that a session with it has ended. `details` has the `client`, and the `status` and the `error` of the last one.',
  'oidc.token.reuse': 'A refresh token or a code of an app was used twice; what it had got was revoked.',
  'keys.rotated':
    'A signing key was published; with `details.immediately` all other keys of its line were removed. `details.line` is `access_token` or `id_token`.',
  'secrets.rotated':
    'Everything that is encrypted was sealed again under a new LATCHKEY_SECRET; `details` counts signing keys, e-mails, authenticator apps and forms that wait for a step-up.',
  'system.setup_link.created': 'A single-use link for the first administrator was printed.',
  'system.clock.moved': 'The clock was moved (testing profile).',
} as const
export type AuditEventType = keyof typeof AUDIT_EVENTS

/** Events about a user that another user may cause; `details.by` has the id of that other user. */
const BY_OTHERS: ReadonlySet<AuditEventType> = new Set<AuditEventType>([
  'auth.session.revoked',
  'auth.mfa.disabled',
  'auth.passkey.removed',
  'auth.device.forgotten',
  'auth.token.revoked',
  'auth.api_key.revoked',
  'auth.identity.unlinked',
  'oidc.withdrawn',
  'auth.email.verified',
  'auth.password.reset_requested',
  'user.created',
  'user.updated',
  'user.email_changed',
  'user.disabled',
  'user.enabled',
  'user.locked',
  'user.unlocked',
  'user.deleted',
])

export interface AuditEntry {
  type: AuditEventType
  /** The user that the event is about. Another user who caused it is `details.by`. */
  userId: string | null
  username: string | null
  sessionId?: string | null
  organizationId?: string | null
  details?: Record<string, unknown>
}

/** The actor, where it is another user than the one that the event is about. */
function actorOf({ principal }: Call, { type, userId }: AuditEntry): { by?: string } {
  const isOther = principal !== null && principal.userId !== userId && BY_OTHERS.has(type)
  return isOther ? { by: principal.userId } : {}
}

/**
 * Writes events, several by one statement, in their order. Time, address, user agent and request come from the call, the
 * subject from the entry.
 */
export async function audit(tx: Tx, call: Call, ...entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length <= FEW) return await runTogether(tx, auditInserts(call, ...entries))
  for (let from = 0; from < entries.length; from += AT_ONCE) {
    const rows = entries.slice(from, from + AT_ONCE).map((entry) => rowOf(call, entry))
    await tx.insertInto('audit_events').values(rows).execute()
  }
}
/** Statements that are kept for each number of events; more of them are the rows of one. */
const FEW = 8
const AT_ONCE = 500

/** The statements of `audit`, to be run together with those of what the events record. */
export const auditInserts = (call: Call, ...entries: readonly AuditEntry[]): CompiledQuery[] =>
  entries.map((entry) => insertEvent(rowOf(call, entry)))

/** The row of an event, to be sent as JSON with what it records (`insertionOfEvents`). */
export const eventRow = (call: Call, entry: AuditEntry): EventRow => ({
  id: newId('aud'),
  at: call.now,
  event_type: entry.type,
  user_id: entry.userId,
  username: entry.username,
  ip_address: call.ip,
  user_agent: call.userAgent,
  session_id: entry.sessionId ?? call.session?.id ?? null,
  organization_id: entry.organizationId ?? call.organization?.id ?? null,
  request_id: call.id,
  details: {
    ...actorOf(call, entry),
    ...(call.setupLink !== undefined && { setup_link_id: call.setupLink }),
    ...entry.details,
  },
})

type EventRow = Omit<NewRow<AuditEventsTable>, 'details'> & { details: Readonly<Record<string, unknown>> }

function rowOf(call: Call, entry: AuditEntry): NewRow<AuditEventsTable> {
  const { details, ...row } = eventRow(call, entry)
  return { ...row, details: JSON.stringify(details) }
}

/** As part of a statement: inserts the events in the column `event` of what `from` names, the JSON of `eventRow`. */
export const insertionOfEvents = (from: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  insert into audit_events
    (id, at, event_type, user_id, username, ip_address, user_agent, session_id, organization_id, request_id, details)
  select e.id, e.at, e.event_type, e.user_id, e.username, e.ip_address, e.user_agent, e.session_id, e.organization_id,
    e.request_id, e.details
  from ${from} cross join lateral jsonb_populate_record(null::audit_events, event) e`

const insertEvent = compiledOnce((db, event: NewRow<AuditEventsTable>) =>
  db.insertInto('audit_events').values(event),
)

/** Whether the log has an event of the type about the user in the organization. System scope. */
export async function hasEvent(
  tx: Tx,
  of: { type: AuditEventType; userId: string; organizationId: string },
): Promise<boolean> {
  const row = await tx
    .selectFrom('audit_events')
    .select('id')
    .where('user_id', '=', of.userId)
    .where('organization_id', '=', of.organizationId)
    .where('event_type', '=', of.type)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Rows that a purge deletes in one transaction: a large log must not keep one open for minutes. */
const PURGE_BATCH = 5000

/** Deletes events past their retention, oldest first. @returns how many */
export async function purgeAudit(db: Pick<Db, 'tx'>, before: Date, batch = PURGE_BATCH): Promise<number> {
  let purged = 0
  for (;;) {
    const { length } = await db.tx('system', (tx) => deleteOldest(tx, before, batch))
    purged += length
    if (length < batch) return purged
  }
}

async function deleteOldest(tx: Tx, before: Date, batch: number): Promise<readonly unknown[]> {
  const oldest = tx
    .selectFrom('audit_events')
    .select('id')
    .where('at', '<', before)
    .orderBy('at', (order) => order.asc().nullsFirst())
    .orderBy('id')
  return await tx.deleteFrom('audit_events').where('id', 'in', oldest.limit(batch)).returning('id').execute()
}

/** Deletes events that are older than the configured retention. */
export const auditJobs = ({
  db,
  config,
}: {
  db: Pick<Db, 'tx'>
  config: Pick<Config, 'auditRetention'>
}): Work[] => [
  recurs('audit.purge', '1h', async (now) => {
    await purgeAudit(db, later(now, -config.auditRetention))
  }),
]
