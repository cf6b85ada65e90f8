/** The attempt of a browser: its token is in a cookie, and a form names the attempt that it was shown for. */
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import type { CookieChange, PageAnswer } from '../../../base/http/row/route.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import type { Tools } from '../../../core/tools.ts'
import { type Attempt, findReturnTo } from '../attempts/index.ts'

/**
 * The cookie in which a browser keeps the token of an attempt that waits: of a sign-in, and beside it, so that it does not
 * replace a sign-in or a registration, of a step-up.
 */
export type AttemptCookie = 'attempt' | 'step_up'
export const ATTEMPT_COOKIE = 'attempt' satisfies AttemptCookie

export const attemptOf = (call: Call, cookie: AttemptCookie = ATTEMPT_COOKIE): string =>
  call.cookies[cookie] ?? ''

/** The public part of the token: another tab may have replaced the attempt that a form was shown for. */
export const attemptId = (call: Call, cookie?: AttemptCookie): string =>
  attemptOf(call, cookie).split('.')[0] ?? ''

export const isAttemptGone = ({ code }: Problem): boolean => code === 'NOT_FOUND' || code === 'CONFLICT'

/** The sign-in form, which says that the attempt has ended, and leads to where the attempt was going. */
export const attemptEndedPath = async (tools: Pick<Tools, 'db'>, call: Call): Promise<string> =>
  withReturnTo('/sign-in?notice=attempt_ended', await findReturnTo(tools.db.hot, attemptOf(call)))

export const startOver = async (tools: Pick<Tools, 'db'>, call: Call): Promise<PageAnswer> => ({
  redirect: await attemptEndedPath(tools, call),
  cookies: [{ name: ATTEMPT_COOKIE, value: null }],
})

/**
 * How long the cookie of an attempt outlives it, in seconds. That of a step-up as long as its row, so that a form which was
 * lost with it is reported.
 */
const OUTLIVES: Readonly<Record<AttemptCookie, number>> = { attempt: 0, step_up: 86_400 }

export const attemptCookie = (
  { token, expiresAt }: Pick<Attempt, 'token' | 'expiresAt'>,
  now: Date,
  name: AttemptCookie = ATTEMPT_COOKIE,
): CookieChange => ({
  name,
  value: token,
  maxAgeSeconds: Math.ceil((expiresAt.getTime() - now.getTime()) / 1000) + OUTLIVES[name],
})
