/** The hosted pages of an organization's connections: the list, one connection with its form, its deletion, its diagnostics. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { FieldError, Problem } from '../../../base/errors.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import { advisedOf } from '../../../core/connection-advice.tsx'
import { METADATA_BODY } from '../../../core/connections/fields.ts'
import type { Tools } from '../../../core/tools.ts'
import { domainChanges } from '../domains/index.ts'
import { type Above, again, frameOf, PageNotice, placeOf, questionRows, titleOf } from '../frame/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { listGrantableRoles } from '../roles/index.ts'
import { isLastRequiredConnection } from '../sso/index.ts'
import {
  changeConnection,
  createConnection,
  deleteConnection,
  getConnection,
  listConnections,
  type ShownConnection,
} from './connections.ts'
import { ProviderField } from './fields.ts'
import { ConnectionForm, changeOfForm, formFieldOf, rolesByGroup } from './form.ts'
import { connectionOperations as of } from './operations.ts'
import { differingSettings, isRecord, mergedSettings, sentSettings } from './settings.ts'
import { fieldNames } from './settings-views.tsx'
import { connectionText as t } from './texts.ts'
import { listDiagnoses } from './upkeep.ts'
import { ConnectionId, connectionView } from './view.ts'
import { ConnectionDetails, ConnectionEvents, Connections, DeleteConnection } from './views.tsx'

const CONNECTIONS = '/account/organizations/:id/connections'
export const CONNECTION = `${CONNECTIONS}/:connection_id`
export const OneConnection = OneOrganization.extend({ connection_id: ConnectionId })
export type OneConnection = z.infer<typeof OneConnection>

export const toConnection = ({ id, connection_id }: OneConnection, done: string): { redirect: string } => ({
  redirect: `${placeOf(id, `/connections/${encodeURIComponent(connection_id)}`)}?done=${done}`,
})
const toList = (id: string, done: string): { redirect: string } => ({
  redirect: `${placeOf(id, '/connections')}?done=${done}`,
})

async function showConnections(
  tools: Tools,
  call: Call,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const connections = await listConnections(tools, call, 'organization')
  const mayChange = can(shell, 'connections:write')
  return {
    page: <Connections shell={shell} connections={connections} mayChange={mayChange} {...form} />,
    title: titleOf(t(call.locale, 'list.title'), shell),
  }
}

export async function showConnection(
  tools: Tools,
  call: Call,
  connectionId: string,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const connection = await getConnection(tools, call, 'organization', connectionId)
  const mayChange = can(shell, 'connections:write')
  const isRequired = mayChange && (await isLastRequired(tools, connection, 'disabled'))
  const roles = mayChange ? (await listGrantableRoles(tools, call)).grantable : []
  const {
    callback_url: callbackUrl,
    saml,
    certificates,
    metadata,
    missing,
  } = connectionView(tools.config, connection, call.now)
  return {
    page: (
      <ConnectionDetails
        shell={shell}
        connection={connection}
        addresses={{ callbackUrl, saml }}
        certificates={certificates}
        metadata={metadata}
        missing={missing}
        roles={roles}
        isRequired={isRequired}
        mayChange={mayChange}
        {...form}
      />
    ),
    title: titleOf(connection.name, shell),
  }
}

const stale = ({ locale }: Call): string => t(locale, 'refused.stale')

/** Whether members have to sign in by a connection of the organization, of which this is the last one. */
const isLastRequired = (
  { db }: Pick<Tools, 'db'>,
  { id, status }: ShownConnection,
  how: 'disabled' | 'deleted',
): Promise<boolean> =>
  status === 'active'
    ? db.tx('system', (tx) => isLastRequiredConnection(tx, id, how))
    : Promise.resolve(false)

/** The fields of the API by those of the form. A secret that was typed is not shown again. */
function ownForm(call: Call, { typed: sent = {}, ...refused }: FormState, problem: Problem): FormState {
  const { client_secret: _, ...typed } = sent
  const form = { ...refused, typed }
  if (!form.errors) return form
  const errors = Object.fromEntries(
    Object.entries(form.errors).map(([field, text]) => [formFieldOf(field), text]),
  )
  const faults = faultsOf(problem)
  if (errors.group_roles)
    errors.group_roles = unknownRoles(call, typed, faults) ?? t(call.locale, 'refused.group_roles')
  for (const { field, code, message } of faults) {
    const name = formFieldOf(field)
    if (name === 'certificates')
      errors.certificates = t(
        call.locale,
        code === 'weak_certificate' ? 'refused.weak_certificate' : 'refused.no_certificate',
      )
    if (name === 'metadata' && code === 'invalid')
      errors.metadata = t(call.locale, 'refused.metadata', { reason: message })
  }
  return { ...form, errors }
}

/** The roles of lines that the organization does not have; null: there are none. */
function unknownRoles(
  call: Call,
  { group_roles: lines = '' }: Readonly<Record<string, string>>,
  faults: readonly FieldError[],
): string | null {
  const unknown = faults.flatMap(({ field, code }) => {
    const [, at] = /^settings\.group_roles\.(\d+)\.role$/.exec(field) ?? []
    return code === 'unknown_role' && at !== undefined ? [Number(at)] : []
  })
  if (unknown.length === 0) return null
  // lines that cannot be read are refused before their roles are looked up
  const mapped = rolesByGroup(lines) ?? []
  const roles = unknown.flatMap((at) => mapped[at]?.role ?? [])
  return t(call.locale, 'refused.unknown_roles', { roles: [...new Set(roles)].join(', ') })
}

const faultsOf = ({ details }: Problem): readonly FieldError[] => (Array.isArray(details) ? details : [])

/** Why the connection cannot be enabled, above its page. */
function whyNotEnabled(call: Call, problem: Problem, above: Above): Above {
  const faults = faultsOf(problem)
  if (faults.some(({ code }) => code === 'expired')) return { refused: t(call.locale, 'refused.expired') }
  const fields = faults.map(({ field }) => field)
  return fields.length > 0
    ? { refused: t(call.locale, 'refused.incomplete', { fields: fieldNames(call.locale, fields) }) }
    : above
}

const listRows = (tools: Tools): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations.connections',
    method: 'GET',
    path: CONNECTIONS,
    input: OneOrganization.extend({ done: PageNotice }),
    run: (call, { done }) => showConnections(tools, call, { done }),
  }),
  page({
    of: of.create,
    name: 'pages.organizations.connections.submit',
    method: 'POST',
    path: CONNECTIONS,
    input: OneOrganization.extend({ provider: ProviderField, after: z.string().max(64).optional() }),
    run: async (call, { id, provider, after }) => {
      const made = await createConnection(tools, call, 'organization', { provider, after })
      return toConnection({ id, connection_id: made.id }, 'con_added')
    },
    redisplay: again(
      (call, _typed, { form }) => showConnections(tools, call, {}, form),
      ({ locale }) => t(locale, 'refused.too_many'),
    ),
  }),
]

const connectionRows = (tools: Tools): Row[] => [
  page({
    of: of.show,
    name: 'pages.organizations.connection',
    method: 'GET',
    path: CONNECTION,
    input: OneConnection.extend({ done: PageNotice }),
    run: (call, { connection_id, done }) => showConnection(tools, call, connection_id, { done }),
  }),
  page({
    of: of.update,
    name: 'pages.organizations.connection.submit',
    method: 'POST',
    path: CONNECTION,
    bodyLimit: METADATA_BODY,
    input: OneConnection.extend(ConnectionForm.shape),
    run: async (call, input) => {
      const { connection_id } = input
      const connection = await getConnection(tools, call, 'organization', connection_id)
      const change = changeOfForm(connection, input)
      await changeConnection(tools, call, 'organization', connection_id, change, input.version)
      return toConnection(input, 'saved')
    },
    // the form was sent twice: what it asks for is stored
    reached: async (call, sent, { code }) => {
      const form = OneConnection.extend(ConnectionForm.shape).safeParse(sent)
      if (code !== 'CONFLICT' || !form.success || call.organization === null) return null
      return (await isStored(tools, call, form.data)) ? toConnection(form.data, 'saved') : null
    },
    redisplay: again(
      (call, { connection_id = '' }, { form, problem }) =>
        showConnection(tools, call, connection_id, {}, ownForm(call, form, problem)),
      stale,
    ),
  }),
  ...(['active', 'disabled'] as const).map((status) =>
    page({
      of: of.update,
      name: `pages.organizations.connection.${status === 'active' ? 'enable' : 'disable'}`,
      method: 'POST',
      path: `${CONNECTION}/${status === 'active' ? 'enable' : 'disable'}`,
      formAt: CONNECTION,
      input: OneConnection,
      run: async (call, input) => {
        await changeConnection(tools, call, 'organization', input.connection_id, { status })
        return toConnection(input, status === 'active' ? 'con_on' : 'con_off')
      },
      redisplay: again(
        (call, { connection_id = '' }, { above, problem }) =>
          showConnection(tools, call, connection_id, whyNotEnabled(call, problem, above)),
        stale,
      ),
    }),
  ),
  page({
    of: of.diagnose,
    name: 'pages.organizations.connection.events',
    method: 'GET',
    path: `${CONNECTION}/events`,
    input: OneConnection,
    run: async (call, { connection_id }) => {
      const { shell } = await frameOf(tools, call)
      const connection = await getConnection(tools, call, 'organization', connection_id)
      const events = await listDiagnoses(tools, call, 'organization', connection_id)
      return {
        page: (
          <ConnectionEvents
            shell={shell}
            connection={connection}
            events={events}
            of={advisedOf(tools.config, connection)}
          />
        ),
        title: t(call.locale, 'events.title', connection),
      }
    },
  }),
]

/** Whether the form has made the last change. What it says of the secret cannot be compared, and is not shown either. */
async function isStored(tools: Tools, call: Call, form: OneConnection & ConnectionForm): Promise<boolean> {
  const connection = await getConnection(tools, call, 'organization', form.connection_id)
  const change = changeOfForm(connection, form)
  const { name, clientId } = change
  const settings = { ...sentSettings(change, call.now) }
  // what the form left empty was fetched from the metadata URL
  if (isRecord(settings.saml) && settings.saml.metadata_url)
    settings.saml = Object.fromEntries(Object.entries(settings.saml).filter(([, value]) => value !== null))
  return (
    connection.version === form.version + 1 &&
    name === connection.name &&
    (clientId === undefined || clientId === connection.clientId) &&
    differingSettings(connection.settings, mergedSettings(connection.settings, settings)).length === 0
  )
}

async function showDeletion(
  tools: Tools,
  call: Call,
  connectionId: string,
  form: FormState,
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call)
  const connection = await getConnection(tools, call, 'organization', connectionId)
  const leading = await tools.db.tx('system', (tx) => domainChanges.listLeading(tx, shell.id, connection.id))
  const isRequired = await isLastRequired(tools, connection, 'deleted')
  return {
    page: (
      <DeleteConnection
        shell={shell}
        connection={connection}
        leading={leading}
        isRequired={isRequired}
        {...form}
      />
    ),
    title: t(call.locale, 'delete.title', connection),
  }
}

const deletionRows = (tools: Tools): Row[] =>
  questionRows({
    confirm: of.confirmDeletion,
    of: of.delete,
    name: 'pages.organizations.connection.delete.submit',
    path: `${CONNECTION}/delete`,
    input: OneConnection,
    show: (call, { connection_id = '' }, form) => showDeletion(tools, call, connection_id, form),
    run: async (call, { id, connection_id }) => {
      await deleteConnection(tools, call, 'organization', connection_id)
      return toList(id, 'con_deleted')
    },
    removes: { resource: 'connection', removed: ({ id = '' }) => toList(id, 'con_deleted') },
  })

export const connectionPages = (tools: Tools): Row[] => [
  ...listRows(tools),
  ...connectionRows(tools),
  ...deletionRows(tools),
]
