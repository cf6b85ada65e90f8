/** What a completed sign-in looks like to a client: one shape for every method, with its cookies. */
import type { z } from 'zod'
import type { Answer, CookieChange } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { SessionStarted, sessionCookie, sessionStarted } from '../../identity/sessions/index.ts'
import { UserView, userView } from '../../identity/users/index.ts'
import type { SignedIn } from './advance.ts'

export const SignedInView = SessionStarted.extend({ user: UserView }).meta({ id: 'SignedIn' })
export type SignedInView = z.infer<typeof SignedInView>

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
