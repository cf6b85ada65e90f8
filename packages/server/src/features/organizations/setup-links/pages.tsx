/** The hosted page of an organization's set-up links. A new link is on one page, once. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import { type Call, LOCALES } from '../../../base/call.ts'
import { duration } from '../../../base/clock.ts'
import { type Problem, reasonOf } from '../../../base/errors.ts'
import { optional } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { newId } from '../../../base/ids.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Above, again, frameOf, PageNotice, titleOf } from '../frame/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { SETUP_PROVIDERS } from './choices.ts'
import { setupLinkOperations as of } from './operations.ts'
import { issueSetupLink, listSetupLinks, revokeSetupLink } from './setup-links.ts'
import { setupLinkText as t } from './texts.ts'
import { INTENTS, SetupLinkId } from './view.ts'
import { LIFETIMES, NewSetupLinkPage, SetupLinks, setupLinksPage } from './views.tsx'

const LINKS = '/account/organizations/:id/connections/setup-links'

async function showLinks(tools: Tools, call: Call, above: Above, form: FormState = {}): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const links = await listSetupLinks(tools, call)
  const mayChange = can(shell, 'connections:write')
  const contents = { shell, links, mayChange, newLinkId: newId('lnk') }
  return {
    page: <SetupLinks {...contents} {...form} />,
    title: titleOf(t(call.locale, 'list.title'), shell),
  }
}

const toList = (id: string): { redirect: string } => ({ redirect: setupLinksPage(id) })

/** The form was sent twice: the link was created, and its address was shown. */
const exists = (problem: Problem): boolean => reasonOf(problem) === 'exists'

export const setupLinkPages = (tools: Tools): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations.setup_links',
    method: 'GET',
    path: LINKS,
    input: OneOrganization.extend({ done: PageNotice }),
    run: (call, { done }) => showLinks(tools, call, { done }),
  }),
  page({
    of: of.issue,
    name: 'pages.organizations.setup_links.submit',
    method: 'POST',
    path: LINKS,
    input: OneOrganization.extend({
      link_id: optional(z.string().max(64)),
      intent: z.enum(INTENTS),
      provider: optional(z.enum(SETUP_PROVIDERS)),
      expires_in: z.enum(LIFETIMES),
      email: optional(EmailAddress),
      locale: optional(z.enum(LOCALES)),
    }),
    run: async (call, { link_id: id, intent, provider = null, expires_in, email = null, locale }) => {
      const { shell } = await frameOf(tools, call)
      const issued = await issueSetupLink(tools, call, {
        id,
        intent,
        provider,
        email,
        locale: locale ?? call.locale,
        lifetime: duration(expires_in),
      })
      return {
        page: <NewSetupLinkPage shell={shell} issued={issued} email={email} />,
        title: titleOf(t(call.locale, 'made.title'), shell),
      }
    },
    reached: async (call, { link_id }, problem) => {
      const { organization } = call
      if (!exists(problem) || organization === null) return null
      const isListed = (await listSetupLinks(tools, call)).some(({ id }) => id === link_id)
      return isListed ? toList(organization.id) : null
    },
    redisplay: again(
      (call, _typed, { form }) => showLinks(tools, call, {}, form),
      ({ locale }, problem) => t(locale, exists(problem) ? 'refused.exists' : 'refused.too_many'),
    ),
  }),
  page({
    of: of.revoke,
    name: 'pages.organizations.setup_links.revoke',
    method: 'POST',
    path: `${LINKS}/:link_id/revoke`,
    formAt: LINKS,
    input: OneOrganization.extend({ link_id: SetupLinkId }),
    run: async (call, { id, link_id }) => {
      await revokeSetupLink(tools, call, link_id)
      return { redirect: `${setupLinksPage(id)}?done=setup_revoked` }
    },
    reached: ({ organization }, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && organization?.id === id ? toList(id) : null,
    redisplay: again(
      (call, _typed, { above }) => showLinks(tools, call, above),
      ({ locale }) => t(locale, 'refused.gone'),
    ),
  }),
]
