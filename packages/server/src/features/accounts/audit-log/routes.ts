/** The JSON API of the audit log: the server's, and an organization's. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { cursorField, PageInput } from '../../../base/cursor.ts'
import { described, idInput } from '../../../base/described.ts'
import { Flag, Instant, optional } from '../../../base/fields.ts'
import { type Download, download, type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { exportEvents, getEvent, listEvents, typesOf } from './events.ts'
import { FORMATS, type Format, headOf, TYPES, textOf } from './formats.ts'
import { auditLogOperations } from './operations.ts'
import type { EventFilter } from './sql.ts'
import { EventView, eventView } from './view.ts'

const TAG = 'Audit log'
const ORGANIZATION_ONLY = 'Only events of the organization.'

const Exact = optional(z.string().min(1).max(320))

const Filter = z.object({
  event_type: optional(
    z
      .string()
      .max(1000)
      .regex(/^[a-z0-9_.]+(?:\.\*)?(?:,[a-z0-9_.]+(?:\.\*)?){0,49}$/, {
        error: () => 'Use types such as `auth.login.failure` or `auth.*`, separated by commas, at most 50.',
      }),
  ).describe('One or several types, separated by commas; `auth.*` for all with this prefix.'),
  user_id: Exact.describe('The user that the event is about. Form: `usr_…`.'),
  username: Exact.describe('The username at the time of the event, exactly.'),
  ip_address: Exact.describe('The address of the client, exactly.'),
  session_id: Exact.describe('The session in which it happened. Form: `ses_…`.'),
  request_id: Exact.describe('The request in which it happened: the `X-Request-Id` of its answer.'),
  from: optional(Instant).describe('At this time or later. ISO 8601 with a zone.'),
  to: optional(Instant).describe('Before this time. ISO 8601 with a zone.'),
})
const OfAll = Filter.extend({
  organization_id: Exact.describe('The organization in which it happened. Form: `org_…`.'),
})
const OfOne = Filter.extend({ id: idInput('org', 'The organization.') })
const Exporting = z.object({
  format: z
    .enum(FORMATS)
    .default('jsonl')
    .describe('The form of the file: `jsonl` has one JSON object a line, `csv` one event a row.'),
  bom: Flag.describe(
    'Whether a CSV begins with a byte order mark, which some spreadsheets require. Default: false.',
  ),
})
const EXPORTED = described(
  z.string(),
  'The events of the filter, newest first, with the fields of `AuditEvent`.',
  '{"id":"aud_0198c0de5a7b7e11b4c2d3e4f5a6b7c8","timestamp":"2030-06-01T12:00:00.000Z","event_type":"auth.login.success"}\n',
)
// the cursor contains a time and an id
const Page = PageInput.extend({
  cursor: cursorField(1024),
})

function filterOf(query: z.infer<typeof Filter> & { organization_id?: string | undefined }): EventFilter {
  const { event_type, user_id, username, ip_address, session_id, organization_id, request_id, from, to } =
    query
  const types = event_type === undefined ? undefined : typesOf(event_type.split(','))
  return { types, user_id, username, ip_address, session_id, organization_id, request_id, from, to }
}

function fileOf(
  tools: Pick<Tools, 'db'>,
  call: Call,
  filter: EventFilter,
  { format, bom }: { format: Format; bom: boolean },
): Download {
  async function* chunks(): AsyncGenerator<string> {
    let head = headOf(format, bom)
    for await (const rows of exportEvents(tools, call, filter, format)) {
      yield head + textOf(format, rows.map(eventView))
      head = ''
    }
    if (head !== '') yield head
  }
  const day = call.now.toISOString().slice(0, 10)
  return { type: TYPES[format], name: `audit-log-${day}.${format}`, pieces: chunks() }
}

export function auditLogRoutes(tools: Tools): Row[] {
  const list = async (call: Call, filter: EventFilter, page: z.infer<typeof Page>) => {
    const { page: rows, nextCursor } = await listEvents(tools, call, filter, page)
    return { data: rows.map(eventView), nextCursor }
  }
  return [
    route({
      of: auditLogOperations.list,
      method: 'GET',
      path: '/api/v1/audit-logs',
      description: 'Newest first. Filters match exactly, and `details` cannot be searched.',
      tag: TAG,
      message: 'Audit events listed.',
      input: OfAll.extend(Page.shape),
      output: z.array(EventView),
      run: (call, { limit, cursor, ...query }) => list(call, filterOf(query), { limit, cursor }),
    }),
    download({
      of: auditLogOperations.export,
      path: '/api/v1/audit-logs/export',
      description:
        'As JSON lines, or as CSV that is safe for spreadsheets, newest first, without a limit on the number of events. An aborted download ends without the final chunk of its transfer encoding.',
      tag: TAG,
      types: Object.values(TYPES),
      input: OfAll.extend(Exporting.shape),
      output: EXPORTED,
      run: async (call, { format, bom, ...query }) => fileOf(tools, call, filterOf(query), { format, bom }),
    }),
    route({
      of: auditLogOperations.get,
      method: 'GET',
      path: '/api/v1/audit-logs/:id',
      tag: TAG,
      message: 'Audit event retrieved.',
      input: z.object({ id: idInput('aud', 'The event.') }),
      output: EventView,
      run: async (call, { id }) => ({ data: eventView(await getEvent(tools, call, id)) }),
    }),
    route({
      of: auditLogOperations.listOfOrganization,
      method: 'GET',
      path: '/api/v1/organizations/:id/audit-logs',
      description: ORGANIZATION_ONLY,
      tag: TAG,
      message: 'Audit events listed.',
      input: OfOne.extend(Page.shape),
      output: z.array(EventView),
      run: (call, { limit, cursor, id, ...query }) =>
        list(call, filterOf({ ...query, organization_id: id }), { limit, cursor }),
    }),
    download({
      of: auditLogOperations.exportOfOrganization,
      path: '/api/v1/organizations/:id/audit-logs/export',
      description: ORGANIZATION_ONLY,
      tag: TAG,
      types: Object.values(TYPES),
      input: OfOne.extend(Exporting.shape),
      output: EXPORTED,
      run: async (call, { format, bom, id, ...query }) =>
        fileOf(tools, call, filterOf({ ...query, organization_id: id }), { format, bom }),
    }),
  ]
}
