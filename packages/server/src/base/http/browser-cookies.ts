/**
 * The cookies of a browser that belong to its user: that of the session, and that of an identity which waits for a decision of
 * the user (signin/round-trips). Owns their names, and that of the language in which an app wants its pages.
 *
 * Invariant: those of the user end together, with every sign-out and where the session is found to have ended.
 */
import type { CookieChange } from './row/route.ts'

export const SESSION_COOKIE = 'session'
export const QUESTION_COOKIE = 'question'
/** For visitors, and users who have chosen no language: before what the browser prefers. */
export const LOCALE_COOKIE = 'locale'

/** Nothing of its user is left for the next one. */
export const SIGNED_OUT_COOKIES: readonly CookieChange[] = [SESSION_COOKIE, QUESTION_COOKIE].map((name) => ({
  name,
  value: null,
}))
