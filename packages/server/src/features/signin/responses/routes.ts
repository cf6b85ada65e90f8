/** The JSON route of signing out. */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { ReturnTo } from '../../../base/fields.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import type { Tools } from '../../../core/tools.ts'
import { signOutOperations } from './operations.ts'
import { signOut, signOutAtProvider } from './sign-out.ts'

const ProviderLogout = z.object({
  provider_logout_url: described(
    z.string(),
    'Where the browser ends the session at its SAML identity provider, within 15 minutes. The session has ended here, whether or not it goes there.',
    'https://auth.example.com/sign-out/provider?trip=rtp_01980…',
  ),
})

export const signOutRoutes = (tools: Pick<Tools, 'config' | 'db' | 'keyring' | 'log'>): Row[] => [
  route({
    of: signOutOperations.signOut,
    method: 'POST',
    path: '/api/v1/auth/logout',
    tag: 'Authentication',
    description:
      'Ends the session. `data` is null, unless the session began with a SAML identity provider that has single logout: then `provider_logout_url` is an address for the browser, which ends the session there as well. It need not be followed.',
    input: z.object({
      return_to: ReturnTo.meta({
        description:
          'Where the browser goes once the identity provider has confirmed that its session ended: a path of this server, or a URL of a registered origin. Others are ignored.',
        samples: ['/'],
      }),
    }),
    output: ProviderLogout.nullable(),
    message: 'Signed out.',
    run: async (call, { return_to }) => {
      await signOut(tools, call)
      const begun = await signOutAtProvider(tools, call, safeReturnTo(tools.config, return_to))
      return {
        data: begun && { provider_logout_url: begun.url },
        cookies: [...SIGNED_OUT_COOKIES, ...(begun?.cookies ?? [])],
      }
    },
  }),
]
