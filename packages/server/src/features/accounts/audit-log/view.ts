/** An audit event of the API. */
import { z } from 'zod'
import { described, exampleId, idField, textField, textOrNull, timeField } from '../../../base/described.ts'
import type { EventRow } from './sql.ts'

export const EventView = z
  .object({
    id: idField('aud', 'The event.'),
    timestamp: timeField('When it happened.'),
    event_type: textField(
      'What happened, one of the types of the reference of audit events.',
      'auth.login.success',
    ),
    user_id: textOrNull(
      'The user that the event is about; null if there is none. Who did it, where that is another user, is `details.by`.',
      exampleId('usr'),
    ),
    username: textOrNull(
      'The username or address of that user at the time of the event; null if there is none.',
      'ada',
    ),
    ip_address: textOrNull('The address of the client; null for an event of the server itself.', '192.0.2.1'),
    user_agent: textOrNull('The `User-Agent` of the request; null if there is none.', 'curl/8.9.0'),
    session_id: textOrNull('The session in which it happened; null for none.', exampleId('ses')),
    organization_id: textOrNull('The organization in which it happened; null for none.', null),
    request_id: textOrNull(
      'The `X-Request-Id` of the request; null for an event of the server itself.',
      exampleId('req'),
    ),
    details: described(
      z.record(z.string(), z.unknown()),
      'What else is known, by the type of the event; empty if there is nothing.',
      { login_method: 'password', mfa_used: false },
    ),
  })
  .meta({ id: 'AuditEvent' })
export type EventView = z.infer<typeof EventView>

export const eventView = (row: EventRow): EventView => ({
  id: row.id,
  timestamp: row.at.toISOString(),
  event_type: row.event_type,
  user_id: row.user_id,
  username: row.username,
  ip_address: row.ip_address,
  user_agent: row.user_agent,
  session_id: row.session_id,
  organization_id: row.organization_id,
  request_id: row.request_id,
  details: row.details,
})
