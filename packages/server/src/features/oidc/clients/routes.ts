/** The JSON API of clients: of the server, and of an organization. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { idInput } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../../organizations/membership/index.ts'
import {
  type ClientChange,
  changeClientOf,
  createClientOf,
  createClientSecretOf,
  deleteClientOf,
  deleteClientSecretOf,
  getClient,
  listClients,
  MOST_CLIENTS,
  MOST_SECRETS,
  type NewClient,
  prepareIdTokens,
} from './clients.ts'
import {
  ClientChangeFields,
  ClientId,
  NewClientFields,
  NewServerClientFields,
  SecretExpiry,
} from './fields.ts'
import { clientOperations, serverClientOperations } from './operations.ts'
import { type ClientSide, changingClients } from './owners.ts'
import {
  ClientView,
  CreatedClientView,
  CreatedSecretView,
  clientView,
  createdClientView,
  createdSecretView,
} from './view.ts'

const tag = 'Apps'
const SERVER = '/api/v1/oidc/clients'
const ORGANIZATION = '/api/v1/organizations/:id/clients'

const ABOUT_NEW =
  'The answer has the secret of the app, once. An app that cannot keep a secret has `token_endpoint_auth_method: "none"`, and gets none.'
const ABOUT_CHANGE =
  'Changes only the fields that are sent, and takes effect at once. A change to an authentication without a secret deletes the secrets.'
const ABOUT_SECRETS = `An app has at most ${MOST_SECRETS} that are valid. To replace one, create another, give it to the app, and delete the first.`

/** What both sides answer, once. */
const answersOf = (tools: Tools, side: ClientSide) => ({
  list: async (call: Call, input: z.infer<typeof PageInput>) => {
    const { page, nextCursor } = await listClients(tools, call, side, input)
    return { data: page.map(clientView), nextCursor }
  },
  show: async (call: Call, id: string) => ({ data: clientView(await getClient(tools, call, side, id)) }),
  create: async (call: Call, input: NewClient) => {
    const { client, secret } = await changingClients(tools, call, side, (tx, by, owner) =>
      createClientOf(tx, by, owner, input),
    )
    await prepareIdTokens(tools, client)
    return { data: createdClientView(client, secret) }
  },
  update: async (call: Call, id: string, change: ClientChange) => {
    const client = await changingClients(tools, call, side, (tx, by, owner) =>
      changeClientOf(tools, tx, by, owner, id, change),
    )
    await prepareIdTokens(tools, client)
    return { data: clientView(client) }
  },
  delete: async (call: Call, id: string) => {
    await deleteClientOf(tools, (work) => changingClients(tools, call, side, work), id)
    return { data: null }
  },
  createSecret: async (call: Call, id: string, expiresAt: Date | null | undefined) => {
    const { row, secret } = await changingClients(tools, call, side, (tx, by, owner) =>
      createClientSecretOf(tx, by, owner, id, expiresAt),
    )
    return { data: createdSecretView(row, secret) }
  },
  deleteSecret: async (call: Call, id: string, secretId: string) => {
    await changingClients(tools, call, side, (tx, by, owner) =>
      deleteClientSecretOf(tx, by, owner, id, secretId),
    )
    return { data: null }
  },
})

const SecretId = idInput('csec', 'The secret.')
const One = z.object({ id: ClientId })

function serverRows(tools: Tools): Row[] {
  const of = serverClientOperations
  const answers = answersOf(tools, 'server')
  return [
    route({
      of: of.list,
      method: 'GET',
      path: SERVER,
      description: 'In the order of their ids. Those of organizations are listed there.',
      tag,
      input: PageInput,
      output: z.array(ClientView),
      message: 'Apps listed.',
      run: answers.list,
    }),
    route({
      of: of.create,
      method: 'POST',
      path: SERVER,
      description: `${ABOUT_NEW} The server has at most ${MOST_CLIENTS.server}. Not for API keys.`,
      tag,
      status: 201,
      input: NewServerClientFields,
      output: CreatedClientView,
      message: 'App created.',
      run: (call, { client_id: id, secret_expires_at: secretExpiresAt, ...input }) =>
        answers.create(call, { ...input, id, secretExpiresAt }),
    }),
    route({
      of: of.show,
      method: 'GET',
      path: `${SERVER}/:id`,
      tag,
      input: One,
      output: ClientView,
      message: 'App retrieved.',
      run: (call, { id }) => answers.show(call, id),
    }),
    route({
      of: of.update,
      method: 'PATCH',
      path: `${SERVER}/:id`,
      description: `${ABOUT_CHANGE} Not for API keys.`,
      tag,
      input: One.extend(ClientChangeFields.shape),
      output: ClientView,
      message: 'App changed.',
      run: (call, { id, ...change }) => answers.update(call, id, change),
    }),
    route({
      of: of.delete,
      method: 'DELETE',
      path: `${SERVER}/:id`,
      description: 'With its secrets: it gets no tokens from then on. Not for API keys.',
      tag,
      input: One,
      output: z.null(),
      message: 'App deleted.',
      run: (call, { id }) => answers.delete(call, id),
    }),
    route({
      of: of.createSecret,
      method: 'POST',
      path: `${SERVER}/:id/secrets`,
      description: `${ABOUT_SECRETS} Not for API keys.`,
      tag,
      status: 201,
      input: One.extend({ expires_at: SecretExpiry }),
      output: CreatedSecretView,
      message: 'Secret created.',
      run: (call, { id, expires_at }) => answers.createSecret(call, id, expires_at),
    }),
    route({
      of: of.deleteSecret,
      method: 'DELETE',
      path: `${SERVER}/:id/secrets/:secret_id`,
      description: 'It is refused from then on. Not for API keys.',
      tag,
      input: One.extend({ secret_id: SecretId }),
      output: z.null(),
      message: 'Secret deleted.',
      run: (call, { id, secret_id }) => answers.deleteSecret(call, id, secret_id),
    }),
  ]
}

const OneOfOrganization = OneOrganization.extend({ client_id: ClientId })

function organizationRows(tools: Tools): Row[] {
  const of = clientOperations
  const answers = answersOf(tools, 'organization')
  return [
    route({
      of: of.list,
      method: 'GET',
      path: ORGANIZATION,
      description: 'In the order of their ids, which is that of their creation.',
      tag,
      input: PageInput.extend(OneOrganization.shape),
      output: z.array(ClientView),
      message: 'Apps listed.',
      run: answers.list,
    }),
    route({
      of: of.create,
      method: 'POST',
      path: ORGANIZATION,
      description: `${ABOUT_NEW} It is for the members of the organization, who consent to what it requests. An organization has at most ${MOST_CLIENTS.organization}.`,
      tag,
      status: 201,
      input: OneOrganization.extend(NewClientFields.shape),
      output: CreatedClientView,
      message: 'App created.',
      run: (call, { id: _, secret_expires_at: secretExpiresAt, ...input }) =>
        answers.create(call, { ...input, secretExpiresAt }),
    }),
    route({
      of: of.show,
      method: 'GET',
      path: `${ORGANIZATION}/:client_id`,
      tag,
      input: OneOfOrganization,
      output: ClientView,
      message: 'App retrieved.',
      run: (call, { client_id }) => answers.show(call, client_id),
    }),
    route({
      of: of.update,
      method: 'PATCH',
      path: `${ORGANIZATION}/:client_id`,
      description: ABOUT_CHANGE,
      tag,
      input: OneOfOrganization.extend(ClientChangeFields.shape),
      output: ClientView,
      message: 'App changed.',
      run: (call, { id: _, client_id, ...change }) => answers.update(call, client_id, change),
    }),
    route({
      of: of.delete,
      method: 'DELETE',
      path: `${ORGANIZATION}/:client_id`,
      description: 'With its secrets: it gets no tokens from then on.',
      tag,
      input: OneOfOrganization,
      output: z.null(),
      message: 'App deleted.',
      run: (call, { client_id }) => answers.delete(call, client_id),
    }),
    route({
      of: of.createSecret,
      method: 'POST',
      path: `${ORGANIZATION}/:client_id/secrets`,
      description: ABOUT_SECRETS,
      tag,
      status: 201,
      input: OneOfOrganization.extend({ expires_at: SecretExpiry }),
      output: CreatedSecretView,
      message: 'Secret created.',
      run: (call, { client_id, expires_at }) => answers.createSecret(call, client_id, expires_at),
    }),
    route({
      of: of.deleteSecret,
      method: 'DELETE',
      path: `${ORGANIZATION}/:client_id/secrets/:secret_id`,
      description: 'It is refused from then on.',
      tag,
      input: OneOfOrganization.extend({ secret_id: SecretId }),
      output: z.null(),
      message: 'Secret deleted.',
      run: (call, { client_id, secret_id }) => answers.deleteSecret(call, client_id, secret_id),
    }),
  ]
}

export const clientRoutes = (tools: Tools): Row[] => [...serverRows(tools), ...organizationRows(tools)]
