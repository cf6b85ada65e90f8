/**
 * Requests to sign out that apps send (OpenID Connect RP-Initiated Logout 1.0 §2), and what they may lead to. Where the browser
 * goes afterwards has to be registered, compared as text, and named by an app that is known: without one, the browser stays here.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Keyring } from '../../../base/crypto.ts'
import { withQuery } from '../../../base/with-query.ts'
import { isUsableClient } from '../../../core/clients/index.ts'
import { userOfSubject } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { readIdTokenHint } from '../id-tokens/index.ts'

/** Bytes of a parameter: a request is sealed into an address, and its state returns in one. */
const LONGEST = 2000
const text = z
  .string()
  .max(LONGEST)
  .refine((sent) => Buffer.byteLength(sent) <= LONGEST, { error: () => `At most ${LONGEST} bytes.` })
  .optional()

/** §2; `logout_hint` and `ui_locales` are accepted and change nothing. */
export const LogoutParameters = z.object({
  id_token_hint: z.string().max(8192).optional(),
  client_id: text,
  post_logout_redirect_uri: text,
  state: text,
  logout_hint: text,
  ui_locales: text,
})
export type LogoutParameters = z.infer<typeof LogoutParameters>

/** What is wrong with a request, for the developers of the app. */
export const LOGOUT_FAULTS = [
  'id_token_hint',
  'client_id',
  'post_logout_redirect_uri',
  'no_app',
  'expired',
] as const
export type LogoutFault = (typeof LOGOUT_FAULTS)[number]

const LogoutRequest = z.object({
  /** Of an ID token that names this app. */
  hint: z
    .object({ userId: z.string().nullable(), sid: z.string().nullable(), clientId: z.string() })
    .nullable(),
  /** The registered address with the state; null: nowhere. */
  leadsTo: z.string().nullable(),
  app: z.string().nullable(),
  fault: z.enum(LOGOUT_FAULTS).nullable(),
})
/** A request that was checked. With a fault it leads nowhere, and its hint counts for nothing. */
export type LogoutRequest = z.infer<typeof LogoutRequest>

const EMPTY: LogoutRequest = { hint: null, leadsTo: null, app: null, fault: null }

export async function checkLogout(
  tools: Pick<Tools, 'clients' | 'config' | 'db' | 'keys'>,
  sent: LogoutParameters,
  now: Date,
): Promise<LogoutRequest> {
  const { id_token_hint: token, client_id: named, post_logout_redirect_uri: uri, state } = sent
  const hint = token === undefined ? null : await readIdTokenHint(tools, token)
  if (token !== undefined && hint === null) return { ...EMPTY, fault: 'id_token_hint' }
  // §2: it is the app that the ID token was issued to
  if (hint !== null && named !== undefined && hint.clientId !== named) return { ...EMPTY, fault: 'client_id' }
  const clientId = hint?.clientId ?? named
  const client = clientId === undefined ? null : await tools.clients.find(clientId)
  if (clientId !== undefined && (client === null || !isUsableClient(client, now)))
    return { ...EMPTY, fault: 'client_id' }
  const app = client?.name ?? null
  const user =
    hint && client
      ? {
          userId: await userOfSubject(tools.db.hot, client, hint.sub),
          sid: hint.sid,
          clientId: client.id,
        }
      : null
  if (uri === undefined) return { ...EMPTY, app, hint: user }
  if (client === null) return { ...EMPTY, fault: 'no_app' }
  // §3: exactly
  if (!client.settings.post_logout_redirect_uris.includes(uri))
    return { ...EMPTY, app, fault: 'post_logout_redirect_uri' }
  return { app, hint: user, leadsTo: state === undefined ? uri : withQuery(uri, { state }), fault: null }
}

/** How long a request waits for the browser, and for the user's answer. */
const LIFETIME = 15 * 60_000
const Sealed = z.object({ request: LogoutRequest, until: z.number() })

/** As a text that only this server can have made, and that does not show the ID token. */
export const sealLogout = (keyring: Keyring, request: LogoutRequest, now: Date): string =>
  keyring.encrypt('logout', JSON.stringify({ request, until: now.getTime() + LIFETIME }))

/** A request of a text that is not one of ours, or has expired, leads nowhere. */
export function openLogout(keyring: Keyring, { now }: Pick<Call, 'now'>, sealed: string): LogoutRequest {
  const expired: LogoutRequest = { ...EMPTY, fault: 'expired' }
  if (!keyring.opens('logout', sealed)) return expired
  const { data } = Sealed.safeParse(JSON.parse(keyring.decrypt('logout', sealed)))
  return data === undefined || data.until <= now.getTime() ? expired : data.request
}
