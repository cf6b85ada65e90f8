/** The hosted pages of an organization's domains: the list, one domain with the record to publish, its removal. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Above, again, frameOf, PageNotice, placeOf, questionRows, titleOf } from '../frame/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { isLastRequiredDomain } from '../sso/index.ts'
import { checkDomain } from './checks.ts'
import {
  addDomain,
  changeDomainConnection,
  getDomain,
  listConnectionChoices,
  listDomains,
  removeDomain,
} from './domains.ts'
import { domainOperations as of } from './operations.ts'
import { domainText as t } from './texts.ts'
import { DomainField, DomainId } from './view.ts'
import { Domain, Domains, RemoveDomain } from './views.tsx'

const DOMAINS = '/account/organizations/:id/domains'
const DOMAIN = `${DOMAINS}/:domain_id`
const OneDomain = OneOrganization.extend({ domain_id: DomainId })
type OneDomain = z.infer<typeof OneDomain>

const toDomain = ({ id, domain_id }: OneDomain, done: string): { redirect: string } => ({
  redirect: `${placeOf(id, `/domains/${domain_id}`)}?done=${done}`,
})

const removed = (id: string): { redirect: string } => ({
  redirect: `${placeOf(id, '/domains')}?done=domain_removed`,
})

async function showDomains(
  tools: Tools,
  call: Call,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const domains = await listDomains(tools, call)
  const mayChange = can(shell, 'connections:write')
  return {
    page: <Domains shell={shell} domains={domains} mayChange={mayChange} {...form} />,
    title: titleOf(t(call.locale, 'list.title'), shell),
  }
}

async function showDomain(
  tools: Tools,
  call: Call,
  domainId: string,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const domain = await getDomain(tools, call, domainId)
  const mayChange = can(shell, 'connections:write')
  const connections = mayChange ? await listConnectionChoices(tools, call) : []
  const contents = { shell, domain, mayChange, connections, now: call.now }
  return { page: <Domain {...contents} {...form} />, title: titleOf(domain.domain, shell) }
}

async function showRemoval(tools: Tools, call: Call, domainId: string, form: FormState): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call)
  const domain = await getDomain(tools, call, domainId)
  const endsSso = await tools.db.tx('system', (tx) => isLastRequiredDomain(tx, domain.id))
  return {
    page: <RemoveDomain shell={shell} domain={domain} endsSso={endsSso} {...form} />,
    title: t(call.locale, 'remove.title', domain),
  }
}

const listRows = (tools: Tools): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations.domains',
    method: 'GET',
    path: DOMAINS,
    input: OneOrganization.extend({ done: PageNotice }),
    run: (call, { done }) => showDomains(tools, call, { done }),
  }),
  page({
    of: of.add,
    name: 'pages.organizations.domains.submit',
    method: 'POST',
    path: DOMAINS,
    input: OneOrganization.extend({ domain: DomainField }),
    run: async (call, { id, domain }) => {
      const { row, isNew } = await addDomain(tools, call, domain)
      const place = placeOf(id, `/domains/${row.id}`)
      return { redirect: isNew || row.checked_at === null ? `${place}?done=domain_added` : place }
    },
    redisplay: again(
      (call, _typed, { form }) => showDomains(tools, call, {}, form),
      ({ locale }) => t(locale, 'refused.too_many'),
    ),
  }),
]

const domainRows = (tools: Tools): Row[] => [
  page({
    of: of.show,
    name: 'pages.organizations.domain',
    method: 'GET',
    path: DOMAIN,
    input: OneDomain.extend({ done: PageNotice }),
    run: (call, { domain_id, done }) => showDomain(tools, call, domain_id, { done }),
  }),
  page({
    of: of.verify,
    name: 'pages.organizations.domain.verify',
    method: 'POST',
    path: `${DOMAIN}/verify`,
    formAt: DOMAIN,
    input: OneDomain,
    run: async (call, input) => {
      const { outcome } = await checkDomain(tools, call, input.domain_id)
      return toDomain(input, outcome === 'verified' ? 'domain_verified' : 'domain_checked')
    },
    redisplay: again((call, { domain_id = '' }, { above }) => showDomain(tools, call, domain_id, above)),
  }),
  page({
    of: of.change,
    name: 'pages.organizations.domain.submit',
    method: 'POST',
    path: DOMAIN,
    input: OneDomain.extend({
      connection_id: z
        .string()
        .max(64)
        .transform((id) => id || null),
    }),
    run: async (call, { connection_id, ...input }) => {
      await changeDomainConnection(tools, call, input.domain_id, connection_id)
      return toDomain(input, 'saved')
    },
    redisplay: again((call, { domain_id = '' }, { form }) => showDomain(tools, call, domain_id, {}, form)),
  }),
]

const removalRows = (tools: Tools): Row[] =>
  questionRows({
    confirm: of.confirmRemoval,
    of: of.remove,
    name: 'pages.organizations.domain.remove.submit',
    path: `${DOMAIN}/remove`,
    input: OneDomain,
    show: (call, { domain_id = '' }, form) => showRemoval(tools, call, domain_id, form),
    run: async (call, { id, domain_id }) => {
      await removeDomain(tools, call, domain_id)
      return removed(id)
    },
    removes: { resource: 'domain', removed: ({ id = '' }) => removed(id) },
  })

export const domainPages = (tools: Tools): Row[] => [
  ...listRows(tools),
  ...domainRows(tools),
  ...removalRows(tools),
]
