/** The JSON API of set-up links. */
import { z } from 'zod'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { setupLinkOperations as of } from './operations.ts'
import { issueSetupLink, listSetupLinks, revokeSetupLink } from './setup-links.ts'
import {
  IssuedSetupLinkView,
  issuedSetupLinkView,
  NewSetupLinkFields,
  newSetupLinkIn,
  SetupLinkId,
  SetupLinkView,
  setupLinkView,
} from './view.ts'

const LINKS = '/api/v1/organizations/:id/connections/setup-links'
const tag = 'Connections'

export const setupLinkRoutes = (tools: Tools): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: LINKS,
    description: 'Those that are neither revoked nor expired: open ones first, then completed ones.',
    tag,
    input: OneOrganization,
    output: z.array(SetupLinkView),
    message: 'Set-up links listed.',
    run: async (call) => ({ data: (await listSetupLinks(tools, call)).map(setupLinkView) }),
  }),
  route({
    of: of.issue,
    method: 'POST',
    path: LINKS,
    description:
      'With the link, the IT of a customer sets up domain and connection without an account: page by page, with a test sign-in before the connection is activated. It works until it is completed or revoked, or expires, and only while you may change connections of the organization. What it sets up is yours: it gives no roles, and trusts nothing.',
    tag,
    status: 201,
    input: OneOrganization.extend(NewSetupLinkFields.shape),
    output: IssuedSetupLinkView,
    message: 'Set-up link created.',
    run: async (call, { id: _, ...input }) => ({
      data: issuedSetupLinkView(await issueSetupLink(tools, call, newSetupLinkIn(input, call.locale))),
    }),
  }),
  route({
    of: of.revoke,
    method: 'DELETE',
    path: `${LINKS}/:link_id`,
    description: 'It stops working at once, also one that is completed. What was set up with it stays.',
    tag,
    input: OneOrganization.extend({ link_id: SetupLinkId }),
    output: z.null(),
    message: 'Set-up link revoked.',
    run: async (call, { link_id }) => {
      await revokeSetupLink(tools, call, link_id)
      return { data: null }
    },
  }),
]
