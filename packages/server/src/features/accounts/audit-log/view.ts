/** An audit event of the API. */
import { z } from 'zod'
import type { EventRow } from './sql.ts'

export const EventView = z
  .object({
    id: z.string(),
    timestamp: z.string(),
    event_type: z.string(),
    user_id: z.string().nullable(),
    username: z.string().nullable(),
    ip_address: z.string().nullable(),
    user_agent: z.string().nullable(),
    session_id: z.string().nullable(),
    organization_id: z.string().nullable(),
    request_id: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
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
