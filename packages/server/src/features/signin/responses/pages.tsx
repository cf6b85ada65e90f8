/** The hosted pages of signing out. */
import { z } from 'zod'
import { ReturnTo } from '../../../base/fields.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { findConnection } from '../../../core/connections/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { logouts } from '../round-trips/index.ts'
import { signOutOperations } from './operations.ts'
import { signOutOfBrowser } from './sign-out.ts'
import { signOutText } from './texts.ts'
import { SignedOut, SignOut } from './views.tsx'

export const signOutPages = (tools: Pick<Tools, 'config' | 'db' | 'keyring' | 'log'>): Row[] => [
  page({
    of: signOutOperations.signOutForm,
    method: 'GET',
    path: '/sign-out',
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => {
      const returnTo = safeReturnTo(tools.config, input.return_to)
      if (call.principal)
        return { page: <SignOut returnTo={returnTo} />, title: signOutText(call.locale, 'sign_out.title') }
      if (returnTo) return { redirect: returnTo }
      const open = await logouts.findUnconfirmed(tools.db.hot, call)
      const provider = open && (await findConnection(tools.db.hot, open.connectionId))
      return {
        page: <SignedOut provider={provider?.name ?? null} returnTo={open?.returnTo ?? null} />,
        title: signOutText(call.locale, 'signed_out.title'),
      }
    },
  }),
  page({
    of: signOutOperations.signOutByForm,
    method: 'POST',
    path: '/sign-out',
    input: z.object({ return_to: ReturnTo }),
    run: async (call, input) => {
      const returnTo = safeReturnTo(tools.config, input.return_to)
      const atProvider = call.principal ? await signOutOfBrowser(tools, call, returnTo) : null
      return atProvider ?? { redirect: returnTo ?? '/sign-out', cookies: SIGNED_OUT_COOKIES }
    },
    // sent twice: the session that the form's token belongs to has ended
    reached: (call, sent) =>
      call.principal ? null : { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/sign-out' },
  }),
]
