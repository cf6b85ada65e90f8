/** The operator's reads and changes on the command line: `latchkey connections …`, of the server or of an organization. */
import type { z } from 'zod'
import { systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { domainChanges } from '../domains/index.ts'
import { checkedFields } from '../named/index.ts'
import { isLastRequiredConnection } from '../sso/index.ts'
import {
  assertChangeable,
  type ConnectionTools,
  changeFor,
  createFor,
  deleteFor,
  fetchForChange,
  getConnectionOf,
  readConnections,
  type ShownConnection,
} from './connections.ts'
import { asOperator, type Changing, type Owner, readAsOperator } from './owners.ts'
import { findConnectionIdNamed } from './sql.ts'
import {
  approvePending,
  type Diagnosis,
  type NamedConnection,
  readDiagnoses,
  refreshMetadata,
  rotateKeys,
} from './upkeep.ts'
import {
  ConnectionChangeFields,
  type ConnectionView,
  changeIn,
  connectionEventView,
  connectionView,
  NewConnectionFields,
  NewServerConnectionFields,
  newIn,
} from './view.ts'

/** Whose connections: an organization's by its id or short name, or the server's (null). */
export type Organization = string | null

type Fields = Readonly<Record<string, unknown>>

type Named = Pick<Owner, 'organizationId'>

/** @throws Problem NOT_FOUND */
async function idOf(tx: Tx, { organizationId }: Named, name: string): Promise<string> {
  const id = await findConnectionIdNamed(tx, organizationId, name)
  if (id === null)
    throw problem('NOT_FOUND', {
      message:
        organizationId === null
          ? 'There is no server-wide connection with this id or short name.'
          : 'The organization has no connection with this id.',
      details: { resource: 'connection' },
    })
  return id
}

/** @throws Problem NOT_FOUND */
const getNamed = async (tx: Tx, owner: Named, name: string): Promise<ShownConnection> =>
  await getConnectionOf(tx, owner, await idOf(tx, owner, name))

export const listConnectionsByOperator = (
  tools: ConnectionTools,
  organization: Organization,
): Promise<ConnectionView[]> =>
  readAsOperator(tools, organization, async (tx, { organizationId }) =>
    (await readConnections(tx, organizationId)).map((one) =>
      connectionView(tools.config, one, tools.clock.now()),
    ),
  )

/** @param name its id or slug. @throws Problem NOT_FOUND */
export const showConnectionByOperator = (
  tools: ConnectionTools,
  organization: Organization,
  name: string,
): Promise<ConnectionView> =>
  readAsOperator(tools, organization, async (tx, owner) =>
    connectionView(tools.config, await getNamed(tx, owner, name), tools.clock.now()),
  )

/** @param fields as the API takes them. @throws Problem VALIDATION_ERROR, CONFLICT, NOT_FOUND */
export async function createConnectionByOperator(
  tools: ConnectionTools,
  organization: Organization,
  fields: Fields,
): Promise<ConnectionView> {
  const input =
    organization === null
      ? sluggedIn(checkedFields(NewServerConnectionFields, fields))
      : newIn(checkedFields(NewConnectionFields, fields))
  const by = systemCall(tools.clock.now())
  const organizationId = await readAsOperator(tools, organization, async (_tx, owner) => owner.organizationId)
  const fetched = await fetchForChange(tools, by, { ...input, organizationId, settings: {} }, input)
  return await asOperator(tools, organization, by, async (tx, owner, call) =>
    connectionView(tools.config, await createFor(tools, tx, call, owner, { ...input, fetched }), call.now),
  )
}

const sluggedIn = ({ slug, ...fields }: z.infer<typeof NewServerConnectionFields>) => ({
  ...newIn(fields),
  slug,
})

/** @param fields as the API takes them. @throws Problem VALIDATION_ERROR, CONFLICT, NOT_FOUND */
export async function changeConnectionByOperator(
  tools: ConnectionTools,
  organization: Organization,
  name: string,
  fields: Fields,
): Promise<ConnectionView> {
  const { version, ...input } = checkedFields(ConnectionChangeFields, fields)
  const change = changeIn(input)
  const by = systemCall(tools.clock.now())
  const before = await readAsOperator(tools, organization, (tx, owner) => getNamed(tx, owner, name))
  const fetched = await fetchForChange(tools, by, before, change)
  return await asOperator(tools, organization, by, async (tx, owner, call) => {
    const changed = await changeFor(tools, tx, call, owner, before.id, { ...change, fetched }, version)
    return connectionView(tools.config, changed, call.now)
  })
}

/**
 * Disables it. `requirement_lapsed`: whether it was the last connection of a required sign-in, which lapses without it.
 * @throws Problem CONFLICT, NOT_FOUND
 */
const disableConnection = (
  tools: ConnectionTools,
  organization: Organization,
  name: string,
): Promise<ConnectionView & { requirement_lapsed: boolean }> =>
  asOperator(tools, organization, systemCall(tools.clock.now()), async (tx, owner, call) => {
    const id = await idOf(tx, owner, name)
    const requirement_lapsed = await isLastRequiredConnection(tx, id, 'disabled')
    const disabled = await changeFor(tools, tx, call, owner, id, { status: 'disabled' })
    return { ...connectionView(tools.config, disabled, call.now), requirement_lapsed }
  })

/** What administrators of a SAML connection do besides changing it. */
const samlByOperator =
  <More extends unknown[]>(
    run: (
      tools: ConnectionTools,
      changing: Changing,
      named: NamedConnection,
      ...more: More
    ) => Promise<ShownConnection>,
  ) =>
  async (
    tools: ConnectionTools,
    organization: Organization,
    name: string,
    ...more: More
  ): Promise<ConnectionView> => {
    const by = systemCall(tools.clock.now())
    const shown = await run(
      tools,
      (work) => asOperator(tools, organization, by, work),
      (tx, owner) => idOf(tx, owner, name),
      ...more,
    )
    return connectionView(tools.config, shown, by.now)
  }

/** @returns what was deleted, and whether a required sign-in lapses without it. @throws Problem CONFLICT, NOT_FOUND */
const deleteConnection = (
  tools: ConnectionTools,
  organization: Organization,
  name: string,
): Promise<{ id: string; slug: string; name: string; requirement_lapsed: boolean }> =>
  asOperator(tools, organization, systemCall(tools.clock.now()), async (tx, owner, call) => {
    const named = await idOf(tx, owner, name)
    const requirement_lapsed = await isLastRequiredConnection(tx, named, 'deleted')
    const { id, slug, name: title } = await deleteFor(tools, tx, call, owner, named)
    return { id, slug, name: title, requirement_lapsed }
  })

interface DeletionPreview {
  id: string
  slug: string
  name: string
  has_identities: boolean
  /** Those that lead to it. */
  domains: string[]
  /** The name of the connection that they lead to afterwards; null: to none. */
  leads_to: string | null
  /** Whether it is the last connection of a required sign-in, which lapses without it. */
  requirement_lapses: boolean
}

/** What a deletion would end. @throws Problem NOT_FOUND, and CONFLICT where the deletion is refused */
const previewDeletion = (
  tools: ConnectionTools,
  organization: Organization,
  name: string,
): Promise<DeletionPreview> =>
  readAsOperator(tools, organization, async (tx, owner) => {
    const connection = await getNamed(tx, owner, name)
    assertChangeable(tools, connection)
    const { id, slug, name: title, hasIdentities, status } = connection
    const { organizationId } = owner
    const leading = organizationId === null ? null : await domainChanges.listLeading(tx, organizationId, id)
    return {
      id,
      slug,
      name: title,
      has_identities: hasIdentities,
      domains: leading?.domains.map(({ domain }) => domain) ?? [],
      leads_to: leading?.next?.name ?? null,
      requirement_lapses: status === 'active' && (await isLastRequiredConnection(tx, id, 'deleted')),
    }
  })

/** The newest first. @throws Problem NOT_FOUND */
export const listConnectionEventsByOperator = (
  tools: ConnectionTools,
  organization: Organization,
  name: string,
): Promise<ReturnType<typeof connectionEventView>[]> =>
  readAsOperator(tools, organization, async (tx, owner) =>
    (await readDiagnoses(tx, await idOf(tx, owner, name))).map((one: Diagnosis) => connectionEventView(one)),
  )

/** The actions on one connection besides a change of its fields. */
export const connectionActionsByOperator = {
  disable: disableConnection,
  delete: deleteConnection,
  previewDeletion,
  refreshMetadata: samlByOperator(refreshMetadata),
  approveCertificates: samlByOperator(approvePending),
  rotateKeys: samlByOperator(rotateKeys),
}
