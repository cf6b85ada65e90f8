/** The operator's reads and changes on the command line: `latchkey clients …`, of the server or of an organization. */
import type { z } from 'zod'
import { later } from '../../../base/clock.ts'
import type { Tools } from '../../../core/tools.ts'
import { checkedFields } from '../../organizations/named/index.ts'
import {
  changeClientOf,
  createClientOf,
  createClientSecretOf,
  deleteClientOf,
  deleteClientSecretOf,
  prepareIdTokens,
  readClient,
  withSecrets,
} from './clients.ts'
import { ClientChangeFields, NewClientFields, NewServerClientFields } from './fields.ts'
import { changingAsOperator, readingAsOperator } from './owners.ts'
import { type ClientRow, selectClients } from './sql.ts'
import {
  type ClientView,
  type CreatedClientView,
  type CreatedSecretView,
  clientView,
  createdClientView,
  createdSecretView,
} from './view.ts'

type OperatorTools = Pick<Tools, 'clock' | 'db' | 'jobs' | 'keys' | 'log' | 'roles'>
/** Whose clients: an organization's by its id or short name, or the server's (null). */
type Organization = string | null
type Fields = Readonly<Record<string, unknown>>

/** Of one statement. */
const LISTED = 1000

const list = (tools: OperatorTools, organization: Organization): Promise<ClientView[]> =>
  readingAsOperator(tools, organization, async (tx, organizationId) => {
    const views: ClientView[] = []
    for (let after: string | null = null; ; ) {
      const rows: ClientRow[] = await selectClients(tx, organizationId, after, LISTED)
      views.push(...(await withSecrets(tx, rows)).map(clientView))
      if (rows.length < LISTED) return views
      after = rows.at(-1)?.id ?? null
    }
  })

/** @throws Problem NOT_FOUND */
const show = (tools: OperatorTools, organization: Organization, id: string): Promise<ClientView> =>
  readingAsOperator(tools, organization, async (tx, organizationId) =>
    clientView(await readClient(tx, organizationId, id)),
  )

/** @param fields as the API takes them. @throws Problem VALIDATION_ERROR, CONFLICT, NOT_FOUND */
async function create(
  tools: OperatorTools,
  organization: Organization,
  fields: Fields,
): Promise<z.infer<typeof CreatedClientView>> {
  const { secret_expires_at: secretExpiresAt, ...input } =
    organization === null ? namedIn(fields) : checkedFields(NewClientFields, fields)
  const { client, secret } = await changingAsOperator(tools, organization, (tx, call, owner) =>
    createClientOf(tx, call, owner, { ...input, secretExpiresAt }),
  )
  await prepareIdTokens(tools, client)
  return createdClientView(client, secret)
}

function namedIn(fields: Fields) {
  const { client_id: id, ...input } = checkedFields(NewServerClientFields, fields)
  return { ...input, id }
}

/** @param fields as the API takes them. @throws Problem VALIDATION_ERROR, NOT_FOUND */
async function change(
  tools: OperatorTools,
  organization: Organization,
  id: string,
  fields: Fields,
): Promise<ClientView> {
  const input = checkedFields(ClientChangeFields, fields)
  const client = await changingAsOperator(tools, organization, (tx, call, owner) =>
    changeClientOf(tools, tx, call, owner, id, input),
  )
  await prepareIdTokens(tools, client)
  return clientView(client)
}

/** @throws Problem NOT_FOUND */
const remove = async (
  tools: OperatorTools,
  organization: Organization,
  id: string,
): Promise<{ client_id: string; name: string }> => {
  const { name } = await deleteClientOf(tools, (work) => changingAsOperator(tools, organization, work), id)
  return { client_id: id, name }
}

/** @param lifetime milliseconds; null: it does not expire. @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR */
const createSecret = (
  tools: OperatorTools,
  organization: Organization,
  id: string,
  lifetime: number | null,
): Promise<z.infer<typeof CreatedSecretView>> =>
  changingAsOperator(tools, organization, async (tx, call, owner) => {
    const until = lifetime === null ? null : later(call.now, lifetime)
    const { row, secret } = await createClientSecretOf(tx, call, owner, id, until)
    return createdSecretView(row, secret)
  })

/** @throws Problem NOT_FOUND */
const deleteSecret = (
  tools: OperatorTools,
  organization: Organization,
  id: string,
  secretId: string,
): Promise<void> =>
  changingAsOperator(tools, organization, (tx, call, owner) =>
    deleteClientSecretOf(tx, call, owner, id, secretId),
  )

export const clientsByOperator = { list, show, create, change, remove, createSecret, deleteSecret } as const
