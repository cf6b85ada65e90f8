/** The hosted pages of routing by domain: the step after the identifier, and the sign-in page of an organization. */
import { z } from 'zod'
import { Flag, Prefilled, ReturnTo } from '../../../base/fields.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import { Identifier } from '../../../base/identifiers.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import { safeReturnTo } from '../../../base/return-to.ts'
import { authorizePath } from '../../../core/connection-buttons.tsx'
import type { Tools } from '../../../core/tools.ts'
import { passwordPath, showSignIn, signInPage } from '../form/index.ts'
import { questions } from '../round-trips/index.ts'
import { routingOperations } from './operations.ts'
import { findOrganizationSignIn, findRoute } from './route-of.ts'
import { routingText as t } from './texts.ts'
import { RoutedSignIn } from './views.tsx'

const CONTINUE = '/sign-in/organization'

/** The page about the route of an identifier, which is found again there. */
function continuePath(identifier: string, remember: boolean, returnTo: string | null): string {
  const query = new URLSearchParams({ email: identifier })
  if (remember) query.set('remember_me', 'true')
  return withReturnTo(`${CONTINUE}?${query}`, returnTo)
}

export const routingPages = (tools: Pick<Tools, 'config' | 'db' | 'keyring' | 'routedDomains'>): Row[] => [
  page({
    of: routingOperations.discover,
    name: 'pages.sign_in.identifier',
    method: 'POST',
    path: '/sign-in/identifier',
    formAt: '/sign-in',
    input: z.object({ identifier: Identifier, remember_me: Flag, return_to: ReturnTo }),
    run: async (call, { identifier, remember_me: remember, return_to }) => {
      const returnTo = safeReturnTo(tools.config, return_to)
      const route = await findRoute(tools.db.hot, identifier)
      const waiting = route && (await questions.findAt(tools, tools.db.hot, call, returnTo))
      // of a connection that is to be connected, the provider has answered already
      const isFollowed = route !== null && waiting?.trip.connectionId !== route.slug
      return isFollowed
        ? { redirect: continuePath(identifier, remember, returnTo) }
        : { redirect: passwordPath({ identifier, remember, returnTo }) }
    },
    // the page has been open for long, and the user has signed in in another tab
    reached: ({ principal }, sent, { code }) =>
      code === 'CSRF_FAILED' && principal
        ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
        : null,
    redisplay: (call, typed, problem) => showSignIn(tools, call, typed, problem, 'identifier'),
  }),
  page({
    of: routingOperations.continue,
    method: 'GET',
    path: CONTINUE,
    input: z.object({ email: Prefilled, remember_me: Prefilled, return_to: ReturnTo }),
    run: async (call, { email: identifier = '', remember_me, return_to }) => {
      const returnTo = safeReturnTo(tools.config, return_to)
      if (call.principal) return { redirect: returnTo ?? '/account' }
      const remember = remember_me === 'true'
      const route = await findRoute(tools.db.hot, identifier)
      const passwordHref = passwordPath({ identifier, remember, returnTo })
      if (!route) return { redirect: passwordHref }
      const { domain, slug, name, organization, isRequired } = route
      const parameters = {
        login_hint: identifier,
        remember_me: remember ? 'true' : null,
        return_to: returnTo,
      }
      return {
        page: (
          <RoutedSignIn
            domain={domain}
            organization={organization.name}
            connection={name}
            isRequired={isRequired}
            href={authorizePath(slug, parameters)}
            passwordHref={passwordHref}
            changeHref={withReturnTo(`/sign-in?${new URLSearchParams({ email: identifier })}`, returnTo)}
          />
        ),
        title: t(call.locale, 'route.title', { organization: organization.name }),
      }
    },
  }),
  page({
    of: routingOperations.organization,
    method: 'GET',
    path: '/sign-in/o/:organization',
    description: 'Without an organization of this name, the page is that of every other sign-in.',
    input: z.object({ organization: z.string().max(64), email: Prefilled, return_to: ReturnTo }),
    run: async (call, { organization: slug, email, return_to }) => {
      const returnTo = safeReturnTo(tools.config, return_to)
      if (call.principal) return { redirect: returnTo ?? '/account' }
      return await signInPage(tools, call, {
        organization: await findOrganizationSignIn(tools.db.hot, slug),
        returnTo,
        ...(email && { typed: { identifier: email } }),
      })
    },
  }),
]
