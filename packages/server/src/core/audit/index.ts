/**
 * The audit log's writing side: an event is a row written in the same transaction as what it records.
 * Every event type stands in this table with the sentence that docs/reference/audit-events.md shows.
 */
import type { Call } from '../../base/call.ts'
import { later } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { newId } from '../../base/ids.ts'
import type { Config } from '../../config.ts'
import { recurs, type Work } from '../jobs/index.ts'

export type { AuditEventsTable } from './tables.ts'

export const AUDIT_EVENTS = {
  'auth.login.attempt': 'A sign-in was begun that has to go on with a further step.',
  'auth.login.success': 'Somebody signed in.',
  'auth.login.failure': 'A sign-in failed; `details.reason` says why.',
  'auth.login.locked': 'Too many failures: further attempts are refused for a while.',
  'auth.logout': 'Somebody signed out.',
  'auth.session.expired': 'A session passed its idle or absolute limit.',
  'auth.session.revoked': 'A session was ended by its owner, an administrator or a security rule.',
  'auth.password.changed': 'Somebody changed their password.',
  'auth.password.reset': 'A password was reset through an e-mail or by an administrator.',
  'auth.password.reset_requested': 'An e-mail to reset the password was asked for.',
  'auth.email.verified': 'An e-mail address was verified.',
  'auth.email.verification_requested': 'An e-mail to verify an address was asked for.',
  'auth.api_key.created': 'Somebody made an API key, or the operator made one for them.',
  'auth.api_key.revoked': 'An API key was revoked.',
  'auth.api_key.rotated': 'An API key was replaced by a new one; `details.rotated_from` is the old one.',
  'auth.token.issued':
    'Access and refresh tokens were issued for a session, or an access token by the operator.',
  'auth.token.reuse':
    'A refresh token was used a second time: it was stolen, or its client is broken. Its family and session ended.',
  'auth.token.revoked': 'A token, or all of a user’s, was revoked before its time.',
  'user.registered': 'Somebody signed up.',
  'user.created': 'An account was made by an administrator or the CLI.',
  'user.updated': 'A profile was changed; `details.fields` names what.',
  'user.disabled': 'An account was disabled.',
  'user.enabled': 'An account was enabled again.',
  'user.roles.changed':
    'Somebody was given other roles; `details.from`, `details.to`, and `details.by` whom.',
  'user.deleted': 'An account was deleted with everything personal.',
  'user.locked':
    'An administrator locked an account; `details.until` says until when, null: until it is unlocked.',
  'user.unlocked': 'An administrator lifted a lock and forgot the failures that were counted.',
  'user.email_changed': 'An administrator changed the address of an account.',
  'audit.exported': 'Somebody began to export the audit log; `details` says what of it.',
  'role.created': 'A role was made.',
  'role.updated': 'A role was changed; `details.from` and `details.to` name what.',
  'role.deleted': 'A role was deleted.',
  'permission.created': 'A permission of the app was added.',
  'permission.deleted': 'A permission of the app was deleted.',
  'access.denied':
    'Somebody lacked a permission for what they tried; `details` says for what, and which (`required`). `details.reason`: `not_permitted` where the permission to ask at all is lacking, otherwise how it reached beyond them.',
  'organization.created': 'Somebody made an organization.',
  'organization.updated': 'An organization was renamed; `details.fields` names what changed.',
  'organization.deleted': 'An organization was deleted; it can be restored until `details.purge_at`.',
  'organization.restored': 'A deleted organization was restored.',
  'organization.purged': 'A deleted organization went for good, with all that was in it.',
  'organization.transferred': 'An organization was handed over to `details.user_id`.',
  'organization.switched': 'A session acts in another organization from then on, or in none.',
  'organization.member.added': 'An administrator added `details.user_id` to an organization.',
  'organization.member.removed': '`details.user_id` was removed from an organization.',
  'organization.member.left': 'Somebody left an organization.',
  'organization.member.role_changed': '`details.user_id` has another role in an organization.',
  'organization.role.created': 'An organization made a role of its own.',
  'organization.role.updated': 'A role of an organization’s own was changed.',
  'organization.role.deleted': 'A role of an organization’s own was deleted.',
  'organization.invitation.sent': 'Somebody was invited to an organization.',
  'organization.invitation.resent': 'An invitation was sent again, with a new link.',
  'organization.invitation.revoked': 'An invitation was revoked.',
  'organization.invitation.accepted': 'Somebody accepted an invitation and belongs to the organization.',
  'organization.invitation.declined': 'An invitation was declined by whoever holds its link or address.',
  'keys.removed': 'A signing key is published no more, because the last token it signed is dead.',
  'keys.rotated': 'A signing key was published; `details.immediately` removed all others at once.',
  'system.setup_link.created': 'A one-time link for the first administrator was printed.',
  'system.clock.moved': 'The clock was moved (testing profile).',
} as const
export type AuditEventType = keyof typeof AUDIT_EVENTS

/** Events about a person that somebody else may bring about; `details.by` names that other person. */
const BY_OTHERS: ReadonlySet<AuditEventType> = new Set<AuditEventType>([
  'auth.session.revoked',
  'auth.token.revoked',
  'auth.api_key.revoked',
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
  /** Whom it is about. Who did it, where that is somebody else, goes into `details.by`. */
  userId: string | null
  username: string | null
  sessionId?: string | null
  organizationId?: string | null
  details?: Record<string, unknown>
}

/** Who did it, where that is another than whom it is about. */
function actorOf({ principal }: Call, { type, userId }: AuditEntry): { by?: string } {
  const isOther = principal !== null && principal.userId !== userId && BY_OTHERS.has(type)
  return isOther ? { by: principal.userId } : {}
}

/** Writes one event. Time, address, agent and request come from the call; who it is about from the entry. */
export async function audit(tx: Tx, call: Call, entry: AuditEntry): Promise<void> {
  await tx
    .insertInto('audit_events')
    .values({
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
      details: JSON.stringify({ ...actorOf(call, entry), ...entry.details }),
    })
    .execute()
}

/** Rows a purge deletes in one transaction: a log of years must not hold one for minutes. */
const PURGED_AT_ONCE = 5000

/** Forgets what is older than the configured time, the oldest first. @returns how many events that were */
export async function purgeAudit(db: Pick<Db, 'tx'>, before: Date, batch = PURGED_AT_ONCE): Promise<number> {
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
