/** The JSON API of the audit log: the server's, and an organization's own. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { Flag, Instant, optional } from '../../../base/fields.ts'
import { type Download, download, type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { exportEvents, getEvent, listEvents, typesOf } from './events.ts'
import { FORMATS, type Format, headOf, TYPES, textOf } from './formats.ts'
import { auditLogOperations } from './operations.ts'
import type { EventFilter } from './sql.ts'
import { EventView, eventView } from './view.ts'

const TAG = 'Audit log'
const OWN = 'An organization’s own events, and no others.'

const Exact = optional(z.string().min(1).max(320))

const Filter = z.object({
  event_type: optional(
    z
      .string()
      .max(1000)
      .regex(/^[a-z0-9_.]+(?:\.\*)?(?:,[a-z0-9_.]+(?:\.\*)?){0,49}$/),
  ).describe('One or several with commas; `auth.*` for all that begin so'),
  user_id: Exact.describe('Whom it is about'),
  username: Exact.describe('As it was written then'),
  ip_address: Exact,
  session_id: Exact,
  request_id: Exact,
  from: optional(Instant).describe('From then on'),
  to: optional(Instant).describe('Before then'),
})
const OfAll = Filter.extend({ organization_id: Exact })
const OfOne = Filter.extend({ id: z.string().max(64).describe('`org_…`') })
const Exporting = z.object({
  format: z.enum(FORMATS).default('jsonl'),
  bom: Flag.describe('Begin a CSV with a byte order mark, which some spreadsheets need'),
})
// a position in time and an id stand in it
const Page = PageInput.extend({ cursor: z.string().max(1024).optional() })

function filterOf(asked: z.infer<typeof Filter> & { organization_id?: string | undefined }): EventFilter {
  const { event_type, user_id, username, ip_address, session_id, organization_id, request_id, from, to } =
    asked
  const types = event_type === undefined ? undefined : typesOf(event_type.split(','))
  return { types, user_id, username, ip_address, session_id, organization_id, request_id, from, to }
}

function fileOf(
  tools: Pick<Tools, 'db'>,
  call: Call,
  filter: EventFilter,
  { format, bom }: { format: Format; bom: boolean },
): Download {
  async function* pieces(): AsyncGenerator<string> {
    let head = headOf(format, bom)
    for await (const rows of exportEvents(tools, call, filter, format)) {
      yield head + textOf(format, rows.map(eventView))
      head = ''
    }
    if (head !== '') yield head
  }
  const day = call.now.toISOString().slice(0, 10)
  return { type: TYPES[format], name: `audit-log-${day}.${format}`, pieces: pieces() }
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
      description: 'The newest first. Filters are exact, and `details` cannot be searched.',
      tag: TAG,
      input: OfAll.extend(Page.shape),
      output: z.array(EventView),
      run: (call, { limit, cursor, ...asked }) => list(call, filterOf(asked), { limit, cursor }),
    }),
    download({
      of: auditLogOperations.export,
      path: '/api/v1/audit-logs/export',
      description:
        'As JSON lines, or as CSV that is safe for spreadsheets, the newest first, without an end in number. A file that was broken off ends without its last chunk.',
      tag: TAG,
      types: Object.values(TYPES),
      input: OfAll.extend(Exporting.shape),
      output: z.string(),
      run: async (call, { format, bom, ...asked }) => fileOf(tools, call, filterOf(asked), { format, bom }),
    }),
    route({
      of: auditLogOperations.get,
      method: 'GET',
      path: '/api/v1/audit-logs/:id',
      tag: TAG,
      input: z.object({ id: z.string().max(64).describe('`aud_…`') }),
      output: EventView,
      run: async (call, { id }) => ({ data: eventView(await getEvent(tools, call, id)) }),
    }),
    route({
      of: auditLogOperations.listOfOrganization,
      method: 'GET',
      path: '/api/v1/organizations/:id/audit-logs',
      description: OWN,
      tag: TAG,
      input: OfOne.extend(Page.shape),
      output: z.array(EventView),
      run: (call, { limit, cursor, id, ...asked }) =>
        list(call, filterOf({ ...asked, organization_id: id }), { limit, cursor }),
    }),
    download({
      of: auditLogOperations.exportOfOrganization,
      path: '/api/v1/organizations/:id/audit-logs/export',
      description: OWN,
      tag: TAG,
      types: Object.values(TYPES),
      input: OfOne.extend(Exporting.shape),
      output: z.string(),
      run: async (call, { format, bom, id, ...asked }) =>
        fileOf(tools, call, filterOf({ ...asked, organization_id: id }), { format, bom }),
    }),
  ]
}
