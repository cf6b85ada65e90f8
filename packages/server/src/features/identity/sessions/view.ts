/** How sessions are shown: in lists, and a started one to its client, as JSON and as the session cookie. */
import { z } from 'zod'
import { csrfToken } from '../../../base/http/request/csrf.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { StartedSession } from './sessions.ts'

export const SessionView = z
  .object({
    id: z.string(),
    current: z.boolean(),
    device: z.object({ browser: z.string().nullable(), system: z.string().nullable() }),
    ip_address: z.string().nullable(),
    user_agent: z.string().nullable(),
    created_at: z.string(),
    last_seen_at: z.string(),
    expires_at: z.string(),
    remember_me: z.boolean(),
  })
  .meta({ id: 'Session' })
export type SessionView = z.infer<typeof SessionView>

const SESSION_COOKIE = 'session'

export const SessionStarted = z.object({
  session: z.object({
    id: z.string(),
    expires_at: z.string(),
    csrf_token: z.string(),
  }),
  token: z.string(),
  expires_at: z.string(),
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
  token: session.token,
  expires_at: session.expiresAt.toISOString(),
})

/** The session cookie; without `remember` it ends with the browser. Null clears it. */
export function sessionCookie(session: StartedSession | null, now: Date): CookieChange {
  if (session === null) return { name: SESSION_COOKIE, value: null }
  const { token: value, remember, expiresAt } = session
  if (!remember) return { name: SESSION_COOKIE, value }
  const maxAgeSeconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000)
  return { name: SESSION_COOKIE, value, maxAgeSeconds }
}
