/** The JSON API of resources. */
import { z } from 'zod'
import { PageInput } from '../../../base/cursor.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { NewResourceFields, ResourceChangeFields, ResourceId, ResourceView, resourceView } from './fields.ts'
import { resourceOperations as of } from './operations.ts'
import { changeResource, createResource, deleteResource, getResource, listResources } from './resources.ts'

const RESOURCES = '/api/v1/oidc/resources'
const tag = 'Apps'
const One = z.object({ id: ResourceId })

export const resourceRoutes = (tools: Tools): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: RESOURCES,
    tag,
    input: PageInput,
    output: z.array(ResourceView),
    message: 'APIs listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listResources(tools, call, input)
      return { data: page.map(resourceView), nextCursor }
    },
  }),
  route({
    of: of.create,
    method: 'POST',
    path: RESOURCES,
    description:
      'Apps request tokens for the API with the parameter `resource`, and its scopes with `scope`. Not for API keys.',
    tag,
    status: 201,
    input: NewResourceFields,
    output: ResourceView,
    message: 'API added.',
    run: async (call, { token_lifetime: tokenLifetime, ...input }) => ({
      data: resourceView(await createResource(tools, call, { ...input, tokenLifetime })),
    }),
  }),
  route({
    of: of.show,
    method: 'GET',
    path: `${RESOURCES}/:id`,
    tag,
    input: One,
    output: ResourceView,
    message: 'API retrieved.',
    run: async (call, { id }) => ({ data: resourceView(await getResource(tools, call, id)) }),
  }),
  route({
    of: of.update,
    method: 'PATCH',
    path: `${RESOURCES}/:id`,
    description:
      'Changes only the fields that are sent; the identifier never changes. Tokens that were issued before stay as they are. Not for API keys.',
    tag,
    input: One.extend(ResourceChangeFields.shape),
    output: ResourceView,
    message: 'API changed.',
    run: async (call, { id, name, scopes, claims, token_lifetime: tokenLifetime }) => ({
      data: resourceView(await changeResource(tools, call, id, { name, scopes, claims, tokenLifetime })),
    }),
  }),
  route({
    of: of.delete,
    method: 'DELETE',
    path: `${RESOURCES}/:id`,
    description: 'No tokens are issued for it any more. Not for API keys.',
    tag,
    input: One,
    output: z.null(),
    message: 'API deleted.',
    run: async (call, { id }) => {
      await deleteResource(tools, call, id)
      return { data: null }
    },
  }),
]
