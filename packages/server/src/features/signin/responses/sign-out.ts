/** Signing out: ends the session that the request comes under. */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { SIGNED_OUT_COOKIES } from '../../../base/http/browser-cookies.ts'
import type { PageAnswer } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from '../../identity/sessions/index.ts'
import { beginProviderLogout, type ProviderLogout, signedOutPage } from '../saml/index.ts'

/** A session that has ended meanwhile is no error. */
export async function signOut(tools: Pick<Tools, 'db'>, call: Call): Promise<void> {
  const scope = callerScope(call)
  if (!call.session) return
  const only = call.session.id
  const username = call.principal?.username ?? null
  await tools.db.tx(scope, (tx) =>
    endSessions(tx, call, { userId: scope.userId, username, reason: 'signed_out', only }),
  )
}

/**
 * Where the session that SAML began ends at its identity provider, after it has ended here. Null for none: a fault of the
 * connection does not keep anyone signed in.
 */
export async function signOutAtProvider(
  tools: Pick<Tools, 'config' | 'db' | 'keyring' | 'log'>,
  call: Call,
  returnTo: string | null,
): Promise<ProviderLogout | null> {
  if (!call.session) return null
  try {
    return await beginProviderLogout(tools, call, call.session.id, returnTo)
  } catch (err) {
    tools.log.warn({ err }, 'a session could not be ended at its identity provider')
    return null
  }
}

/**
 * Ends the session of this browser, here and where SAML began it. @param returnTo was judged by the caller
 * @returns the page that leads to its provider; null: it has ended
 */
export async function signOutOfBrowser(
  tools: Pick<Tools, 'config' | 'db' | 'keyring' | 'log'>,
  call: Call,
  returnTo: string | null,
): Promise<PageAnswer | null> {
  await signOut(tools, call)
  const begun = await signOutAtProvider(tools, call, returnTo)
  if (!begun) return null
  const page = signedOutPage(call, begun)
  return { ...page, cookies: [...SIGNED_OUT_COOKIES, ...page.cookies] }
}
