/** What a completed sign-in looks like to a client: one shape for every method, with its cookies. */
import { z } from 'zod'
import { csrfToken } from '../../../base/http/request/csrf.ts'
import type { Answer, CookieChange } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { StartedSession } from '../../identity/sessions/index.ts'
import { UserView, userView } from '../../identity/users/index.ts'
import type { SignedIn } from './advance.ts'

export const SESSION_COOKIE = 'session'

export const SessionStarted = z.object({
  session: z.object({
    id: z.string(),
    expires_at: z.string(),
    csrf_token: z.string(),
    /** Set where the session is good for one thing only. */
    limited_to: z.enum(['password_change']).nullable(),
  }),
  token: z.string(),
  expires_at: z.string(),
})
export const SignedInView = SessionStarted.extend({ user: UserView }).meta({ id: 'SignedIn' })
export type SignedInView = z.infer<typeof SignedInView>

export const sessionStarted = (
  tools: Pick<Tools, 'keyring'>,
  session: StartedSession,
  limitedTo: 'password_change' | null = null,
): z.infer<typeof SessionStarted> => ({
  session: {
    id: session.id,
    expires_at: session.expiresAt.toISOString(),
    csrf_token: csrfToken(tools.keyring, session.id),
    limited_to: limitedTo,
  },
  token: session.token,
  expires_at: session.expiresAt.toISOString(),
})

/** The session's cookie; without `remember` it ends with the browser. */
export const sessionCookie = (session: StartedSession, now: Date): CookieChange => ({
  name: SESSION_COOKIE,
  value: session.token,
  ...(session.remember
    ? { maxAgeSeconds: Math.floor((session.expiresAt.getTime() - now.getTime()) / 1000) }
    : {}),
})

export const signInCookies = (signedIn: SignedIn, now: Date): CookieChange[] => [
  sessionCookie(signedIn.session, now),
  ...(signedIn.deviceCookie ? [signedIn.deviceCookie] : []),
]

export const signedInAnswer = (
  tools: Pick<Tools, 'keyring' | 'roles'>,
  signedIn: SignedIn,
  now: Date,
): Answer<SignedInView> => ({
  data: {
    user: userView(tools.roles, signedIn.user),
    ...sessionStarted(tools, signedIn.session, signedIn.limitedTo),
  },
  message: signedIn.limitedTo
    ? 'Your password has expired. Choose a new one to continue.'
    : 'You are signed in.',
  cookies: signInCookies(signedIn, now),
})
