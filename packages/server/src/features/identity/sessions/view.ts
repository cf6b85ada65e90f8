/** How sessions are shown: in lists, and a started one to its client, as JSON and as the session cookie. */
import { z } from 'zod'
import { ACRS } from '../../../base/assurance.ts'
import {
  described,
  EXAMPLE_CSRF_TOKEN,
  EXAMPLE_LATER,
  EXAMPLE_SESSION_TOKEN,
  flagField,
  idField,
  textField,
  textList,
  textOrNull,
  timeField,
} from '../../../base/described.ts'
import { SESSION_COOKIE } from '../../../base/http/browser-cookies.ts'
import { csrfToken } from '../../../base/http/request/csrf.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { StartedSession } from './sessions.ts'

export const SessionView = z
  .object({
    id: idField('ses', 'The session.'),
    current: flagField('Whether it is the session of this request.', true),
    device: described(
      z.object({
        browser: textOrNull('The name of the browser; null if it is not recognized.', 'Firefox'),
        system: textOrNull('The operating system; null if it is not recognized.', 'Linux'),
      }),
      'The browser of the sign-in, as its `User-Agent` names it.',
    ),
    ip_address: textOrNull('The address of the sign-in; null if it is not known.', '192.0.2.1'),
    user_agent: textOrNull(
      'The `User-Agent` of the sign-in; null if none was sent.',
      'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    ),
    created_at: timeField('When the session was started.'),
    last_seen_at: timeField('The latest request, to within some seconds.'),
    expires_at: timeField('When the session ends, unless it is used before its idle limit.', EXAMPLE_LATER),
    remember_me: flagField('Whether the session outlives the browser.'),
    acr: described(
      z.enum(ACRS),
      'The level of what was proven in it: `aal1` one factor, `aal2` two, `aal2-phr` two of which one resists phishing.',
      'aal2',
    ),
    methods: textList('The methods of which something was proven in it.', 'password', 'totp'),
  })
  .meta({ id: 'Session' })
export type SessionView = z.infer<typeof SessionView>

export const SessionStarted = z.object({
  session: described(
    z.object({
      id: idField('ses', 'The session.'),
      expires_at: timeField('When the session ends, unless it is used before its idle limit.', EXAMPLE_LATER),
      csrf_token: textField(
        'The CSRF token of the session, for unsafe requests with its cookie.',
        EXAMPLE_CSRF_TOKEN,
      ),
    }),
    'The session that was started or continued.',
  ),
  token: textField(
    'The session as a credential: `Authorization: Bearer st_…`. Absent after a step-up by an access token: refresh that instead.',
    EXAMPLE_SESSION_TOKEN,
  ).optional(),
  expires_at: timeField('The same as `session.expires_at`.', EXAMPLE_LATER),
})

export const sessionStarted = (
  tools: Pick<Tools, 'keyring'>,
  session: StartedSession,
): z.infer<typeof SessionStarted> => ({
  session: {
    id: session.id,
    expires_at: session.expiresAt.toISOString(),
    csrf_token: csrfToken(tools.keyring, session.id),
  },
  ...(session.token !== null && { token: session.token }),
  expires_at: session.expiresAt.toISOString(),
})

/** The session cookie; without `remember` it ends with the browser. */
export function sessionCookie(session: StartedSession, now: Date): CookieChange {
  const { token: value, remember, expiresAt } = session
  if (!remember) return { name: SESSION_COOKIE, value }
  const maxAgeSeconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000)
  return { name: SESSION_COOKIE, value, maxAgeSeconds }
}
