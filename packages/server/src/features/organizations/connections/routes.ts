/** The JSON API of connections: of the server, and of an organization. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { METADATA_BODY } from '../../../core/connections/fields.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import {
  changeConnection,
  createConnection,
  deleteConnection,
  getConnection,
  listConnections,
} from './connections.ts'
import { MOST_CONNECTIONS } from './fields.ts'
import { connectionOperations, serverConnectionOperations } from './operations.ts'
import { asCaller, type Side } from './owners.ts'
import { approvePending, listDiagnoses, refreshMetadata, rotateKeys } from './upkeep.ts'
import {
  ApprovalFields,
  ConnectionChangeFields,
  ConnectionEventView,
  ConnectionId,
  ConnectionView,
  changeIn,
  connectionEventView,
  connectionView,
  NewConnectionFields,
  NewServerConnectionFields,
  newIn,
  RotationFields,
} from './view.ts'

const tag = 'Connections'
const SERVER = '/api/v1/connections'
const ORGANIZATION = '/api/v1/organizations/:id/connections'

const ABOUT_LIST = 'The oldest first. `missing` says what a draft still needs.'
const ABOUT_NEW =
  'Register `callback_url`, or of SAML the addresses in `saml`, at the provider. A connection that lacks something stays a draft; activating it is then a 400 that names the fields.'
const ABOUT_CHANGE =
  'Changes only the fields that are sent; the provider and the slug never change. A change of the client or of the settings clears `tested_at`. Identities belong to an issuer: if the settings name another one, they no longer sign in. Disabling ends the sessions that the connection alone has proven, with their tokens; without `keeps_tokens`, tokens that were kept are revoked at the provider.'
const ABOUT_DELETION =
  'Identities stay linked to their users and can no longer sign in by it; a later connection of the same owner to the same issuer signs them in again. Sessions that it alone has proven end with their tokens, also where it is only disabled; sessions with another proof stay. Tokens of the provider that were kept are revoked there. Domains that led to it lead to the first active connection of the organization.'
const ABOUT_EVENTS =
  'The newest first: at most the last 50 that name a user, the last 50 others, and the last 25 that anyone could have sent, such as an answer that was used before. `claims` is null for callers without the permission `connections:write`.'
const DELETED = 'Connection deleted. The identities that it linked can no longer sign in.'

const ABOUT_REFRESH =
  'It is fetched every day as well. Over https, what it says is taken; over http, new certificates wait for approval. A document that cannot be fetched or read changes nothing: 400, or 503 where the provider does not answer, with the reason.'
const ABOUT_APPROVAL =
  'Certificates of metadata that came over http are trusted only after this. Compare the fingerprints with the provider first.'
const ABOUT_ROTATION =
  'In two steps: `prepare` publishes new keys in the metadata of the connection; after the identity provider has read it, `activate` uses them. Keys that expire are rotated without it.'

/** What both sides answer, once. */
const answersOf = (tools: Tools, side: Side) => ({
  list: async (call: Call) => ({
    data: (await listConnections(tools, call, side)).map((one) =>
      connectionView(tools.config, one, call.now),
    ),
  }),
  show: async (call: Call, id: string) => ({
    data: connectionView(tools.config, await getConnection(tools, call, side, id), call.now),
  }),
  create: async (call: Call, input: Parameters<typeof createConnection>[3]) => ({
    data: connectionView(tools.config, await createConnection(tools, call, side, input), call.now),
  }),
  update: async (call: Call, id: string, { version, ...input }: z.infer<typeof ConnectionChangeFields>) => ({
    data: connectionView(
      tools.config,
      await changeConnection(tools, call, side, id, changeIn(input), version),
      call.now,
    ),
  }),
  delete: async (call: Call, id: string) => {
    await deleteConnection(tools, call, side, id)
    return { data: null }
  },
  refreshMetadata: async (call: Call, id: string) => ({
    data: connectionView(
      tools.config,
      await refreshMetadata(tools, asCaller(tools, call, side), async () => id),
      call.now,
    ),
  }),
  approveCertificates: async (call: Call, id: string, { fingerprints }: z.infer<typeof ApprovalFields>) => ({
    data: connectionView(
      tools.config,
      await approvePending(tools, asCaller(tools, call, side), async () => id, fingerprints),
      call.now,
    ),
  }),
  rotateKeys: async (call: Call, id: string, { step }: z.infer<typeof RotationFields>) => ({
    data: connectionView(
      tools.config,
      await rotateKeys(tools, asCaller(tools, call, side), async () => id, step),
      call.now,
    ),
  }),
  diagnose: async (call: Call, id: string) => ({
    data: (await listDiagnoses(tools, call, side, id)).map(connectionEventView),
  }),
})

const One = z.object({ id: ConnectionId })

function serverRows(tools: Tools): Row[] {
  const of = serverConnectionOperations
  const answers = answersOf(tools, 'server')
  return [
    route({
      of: of.list,
      method: 'GET',
      path: SERVER,
      description: ABOUT_LIST,
      tag,
      input: z.object({}),
      output: z.array(ConnectionView),
      message: 'Connections listed.',
      run: answers.list,
    }),
    route({
      of: of.create,
      method: 'POST',
      path: SERVER,
      bodyLimit: METADATA_BODY,
      description: `${ABOUT_NEW} The server has at most ${MOST_CONNECTIONS.server} connections. Not for API keys.`,
      tag,
      status: 201,
      input: NewServerConnectionFields,
      output: ConnectionView,
      message: 'Connection created.',
      run: (call, { slug, ...input }) => answers.create(call, { ...newIn(input), slug }),
    }),
    route({
      of: of.show,
      method: 'GET',
      path: `${SERVER}/:id`,
      tag,
      input: One,
      output: ConnectionView,
      message: 'Connection retrieved.',
      run: (call, { id }) => answers.show(call, id),
    }),
    route({
      of: of.update,
      method: 'PATCH',
      path: `${SERVER}/:id`,
      bodyLimit: METADATA_BODY,
      description: `${ABOUT_CHANGE} One that the environment sets is changed there: 409 with \`reason: "environment"\`. Not for API keys.`,
      tag,
      input: One.extend(ConnectionChangeFields.shape),
      output: ConnectionView,
      message: 'Connection changed.',
      run: (call, { id, ...input }) => answers.update(call, id, input),
    }),
    route({
      of: of.delete,
      method: 'DELETE',
      path: `${SERVER}/:id`,
      description: `${ABOUT_DELETION} Not for API keys.`,
      tag,
      input: One,
      output: z.null(),
      message: DELETED,
      run: (call, { id }) => answers.delete(call, id),
    }),
    route({
      of: of.refreshMetadata,
      method: 'POST',
      path: `${SERVER}/:id/metadata/refresh`,
      description: `${ABOUT_REFRESH} Not for API keys.`,
      tag,
      input: One,
      output: ConnectionView,
      message: 'Metadata fetched.',
      run: (call, { id }) => answers.refreshMetadata(call, id),
    }),
    route({
      of: of.approveCertificates,
      method: 'POST',
      path: `${SERVER}/:id/certificates/approve`,
      description: `${ABOUT_APPROVAL} Not for API keys.`,
      tag,
      input: One.extend(ApprovalFields.shape),
      output: ConnectionView,
      message: 'Certificates approved.',
      run: (call, { id, ...input }) => answers.approveCertificates(call, id, input),
    }),
    route({
      of: of.rotateKeys,
      method: 'POST',
      path: `${SERVER}/:id/keys/rotate`,
      description: `${ABOUT_ROTATION} Not for API keys.`,
      tag,
      input: One.extend(RotationFields.shape),
      output: ConnectionView,
      message: 'Keys renewed.',
      run: (call, { id, ...input }) => answers.rotateKeys(call, id, input),
    }),
    route({
      of: of.diagnose,
      method: 'GET',
      path: `${SERVER}/:id/events`,
      description: ABOUT_EVENTS,
      tag,
      input: One,
      output: z.array(ConnectionEventView),
      message: 'Events listed.',
      run: (call, { id }) => answers.diagnose(call, id),
    }),
  ]
}

const OneOfOrganization = OneOrganization.extend({ connection_id: ConnectionId })

function organizationRows(tools: Tools): Row[] {
  const of = connectionOperations
  const answers = answersOf(tools, 'organization')
  return [
    route({
      of: of.list,
      method: 'GET',
      path: ORGANIZATION,
      description: ABOUT_LIST,
      tag,
      input: OneOrganization,
      output: z.array(ConnectionView),
      message: 'Connections listed.',
      run: answers.list,
    }),
    route({
      of: of.create,
      method: 'POST',
      path: ORGANIZATION,
      bodyLimit: METADATA_BODY,
      description: `${ABOUT_NEW} Its members sign in by it once the organization has proven a domain. An organization has at most ${MOST_CONNECTIONS.organization} connections.`,
      tag,
      status: 201,
      input: OneOrganization.extend(NewConnectionFields.shape),
      output: ConnectionView,
      message: 'Connection created.',
      run: (call, { id: _, ...input }) => answers.create(call, newIn(input)),
    }),
    route({
      of: of.show,
      method: 'GET',
      path: `${ORGANIZATION}/:connection_id`,
      tag,
      input: OneOfOrganization,
      output: ConnectionView,
      message: 'Connection retrieved.',
      run: (call, { connection_id }) => answers.show(call, connection_id),
    }),
    route({
      of: of.update,
      method: 'PATCH',
      path: `${ORGANIZATION}/:connection_id`,
      bodyLimit: METADATA_BODY,
      description: `${ABOUT_CHANGE} A change of the settings or of the client, and enabling, is one of a member who may grant all roles that the connection gives, and who answers for them from then on; the name, the secret and disabling are changed by all who may change connections. Where members have to sign in by a connection, that requirement lapses while none is active.`,
      tag,
      input: OneOfOrganization.extend(ConnectionChangeFields.shape),
      output: ConnectionView,
      message: 'Connection changed.',
      run: (call, { id: _, connection_id, ...input }) => answers.update(call, connection_id, input),
    }),
    route({
      of: of.delete,
      method: 'DELETE',
      path: `${ORGANIZATION}/:connection_id`,
      description: `${ABOUT_DELETION} Where members have to sign in by a connection, that requirement lapses with the last active one.`,
      tag,
      input: OneOfOrganization,
      output: z.null(),
      message: DELETED,
      run: (call, { connection_id }) => answers.delete(call, connection_id),
    }),
    route({
      of: of.refreshMetadata,
      method: 'POST',
      path: `${ORGANIZATION}/:connection_id/metadata/refresh`,
      description: ABOUT_REFRESH,
      tag,
      input: OneOfOrganization,
      output: ConnectionView,
      message: 'Metadata fetched.',
      run: (call, { connection_id }) => answers.refreshMetadata(call, connection_id),
    }),
    route({
      of: of.approveCertificates,
      method: 'POST',
      path: `${ORGANIZATION}/:connection_id/certificates/approve`,
      description: ABOUT_APPROVAL,
      tag,
      input: OneOfOrganization.extend(ApprovalFields.shape),
      output: ConnectionView,
      message: 'Certificates approved.',
      run: (call, { id: _, connection_id, ...input }) =>
        answers.approveCertificates(call, connection_id, input),
    }),
    route({
      of: of.rotateKeys,
      method: 'POST',
      path: `${ORGANIZATION}/:connection_id/keys/rotate`,
      description: ABOUT_ROTATION,
      tag,
      input: OneOfOrganization.extend(RotationFields.shape),
      output: ConnectionView,
      message: 'Keys renewed.',
      run: (call, { id: _, connection_id, ...input }) => answers.rotateKeys(call, connection_id, input),
    }),
    route({
      of: of.diagnose,
      method: 'GET',
      path: `${ORGANIZATION}/:connection_id/events`,
      description: ABOUT_EVENTS,
      tag,
      input: OneOfOrganization,
      output: z.array(ConnectionEventView),
      message: 'Events listed.',
      run: (call, { connection_id }) => answers.diagnose(call, connection_id),
    }),
  ]
}

export const connectionRoutes = (tools: Tools): Row[] => [...serverRows(tools), ...organizationRows(tools)]
