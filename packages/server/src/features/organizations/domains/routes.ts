/** The JSON API of organizations' domains. */
import { z } from 'zod'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { checkDomain } from './checks.ts'
import { addDomain, changeDomainConnection, getDomain, listDomains, removeDomain } from './domains.ts'
import { domainOperations as of } from './operations.ts'
import { ConnectionField, DomainField, DomainId, DomainView, domainView } from './view.ts'

const DOMAINS = '/api/v1/organizations/:id/domains'
const tag = 'Domains'
const OneDomain = OneOrganization.extend({ domain_id: DomainId })

export const domainRoutes = (tools: Tools): Row[] => [
  route({
    of: of.list,
    method: 'GET',
    path: DOMAINS,
    description: 'All of them, at most 100, the oldest first.',
    tag,
    input: OneOrganization,
    output: z.array(DomainView),
    message: 'Domains listed.',
    run: async (call) => ({ data: (await listDomains(tools, call)).map(domainView) }),
  }),
  route({
    of: of.add,
    method: 'POST',
    path: DOMAINS,
    description:
      'Publish the record of `dns`, then verify the domain. It is checked every hour for 7 days too. Several organizations may have added a domain; the first one that proves it owns it. The user who adds a domain answers for the roles of sign-ins by its addresses, also where another user or the recurring check verifies it: beyond `member` they give none that this user could not grant at that time.',
    tag,
    status: 201,
    alsoAnswers: {
      status: 200,
      when: 'the organization has the domain already. The caller answers for it from then on, where they may do all that the user may who did before; nothing else is changed.',
    },
    input: OneOrganization.extend({ domain: DomainField }),
    output: DomainView,
    message: 'Domain added.',
    run: async (call, { domain }) => {
      const { row, isNew } = await addDomain(tools, call, domain)
      const data = domainView(row)
      return isNew
        ? { data, status: 201 }
        : { data, status: 200, message: 'The organization has the domain already.' }
    },
  }),
  route({
    of: of.show,
    method: 'GET',
    path: `${DOMAINS}/:domain_id`,
    tag,
    input: OneDomain,
    output: DomainView,
    message: 'Domain retrieved.',
    run: async (call, { domain_id }) => ({ data: domainView(await getDomain(tools, call, domain_id)) }),
  }),
  route({
    of: of.verify,
    method: 'POST',
    path: `${DOMAINS}/:domain_id/verify`,
    description:
      'Asks the name servers now, which takes up to 5 seconds; `check` in the answer says what they answered. A check that fails is no error, and takes nothing from a domain that is verified.',
    tag,
    input: OneDomain,
    output: DomainView,
    message: 'Domain checked.',
    run: async (call, { domain_id }) => ({ data: domainView(await checkDomain(tools, call, domain_id)) }),
  }),
  route({
    of: of.change,
    method: 'PATCH',
    path: `${DOMAINS}/:domain_id`,
    description:
      'Requires a sign-in within the last 10 minutes. The roles that the connection gives have to be within what the caller may grant.',
    tag,
    input: OneDomain.extend({ connection_id: ConnectionField.optional() }),
    output: DomainView,
    message: 'Domain changed.',
    run: async (call, { domain_id, connection_id }) => ({
      data: domainView(
        connection_id === undefined
          ? await getDomain(tools, call, domain_id)
          : await changeDomainConnection(tools, call, domain_id, connection_id),
      ),
    }),
  }),
  route({
    of: of.remove,
    method: 'DELETE',
    path: `${DOMAINS}/:domain_id`,
    description:
      'Requires a sign-in within the last 10 minutes. From then on no sign-in is routed by the domain, and another organization may prove it. Accounts and memberships stay.',
    tag,
    input: OneDomain,
    output: z.null(),
    message: 'Domain removed.',
    run: async (call, { domain_id }) => {
      await removeDomain(tools, call, domain_id)
      return { data: null }
    },
  }),
]
