/**
 * The page on which a user chooses an organization after a first sign-in by an identity provider of the server, where
 * LATCHKEY_EXTERNAL_ORGANIZATION is `choose`. It is passed once; what it offers is on the page of organizations too.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { optional, ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser } from '../../identity/users/index.ts'
import { type Above, again } from '../frame/index.ts'
import {
  createOrganization,
  mayCreateOrganization,
  OrganizationName,
  OrganizationSlug,
  organizationOperations,
} from '../organization/index.ts'
import { myOrganizationOperations as of } from './operations.ts'
import { listInvitationItems } from './pages.tsx'
import { myOrganizationsText as t } from './texts.ts'
import { Start } from './views.tsx'

const START = '/account/organizations/start'

export async function showStart(
  tools: Tools,
  call: Call,
  returnTo: string | undefined,
  form: FormState = {},
  { refused = null }: Above = {},
): Promise<PageAnswer> {
  const { principal } = call
  const user = await tools.db.tx('system', (tx) => getUser(tx, principal?.userId ?? ''))
  return {
    page: (
      <Start
        email={user.email}
        invitations={await listInvitationItems(tools, call)}
        mayCreate={principal !== null && mayCreateOrganization(tools, principal)}
        returnTo={safeReturnTo(tools.config, returnTo) ?? '/account'}
        refused={refused}
        {...form}
      />
    ),
    title: t(call.locale, 'start.title'),
  }
}

export const startPages = (tools: Tools): Row[] => [
  page({
    of: of.start,
    method: 'GET',
    path: START,
    input: z.object({ return_to: ReturnTo }),
    run: (call, { return_to }) => showStart(tools, call, return_to),
  }),
  page({
    of: organizationOperations.create,
    name: 'pages.organizations.start.submit',
    method: 'POST',
    path: START,
    input: z.object({ name: OrganizationName, slug: optional(OrganizationSlug), return_to: ReturnTo }),
    run: async (call, { return_to, ...input }) => {
      await createOrganization(tools, call, input)
      return { redirect: safeReturnTo(tools.config, return_to) ?? '/account' }
    },
    redisplay: again(
      (call, { return_to }, { form }) => showStart(tools, call, return_to, form),
      ({ locale }) => t(locale, 'refused.too_many'),
    ),
  }),
]
