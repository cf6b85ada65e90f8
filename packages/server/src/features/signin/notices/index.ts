/**
 * What the links in e-mails about sign-ins do: end a lock-out, or disown a sign-in from a new device. Owns their pages.
 * Leaves the e-mails and the counters to `guesses`. Invariant: opening a link changes nothing, its form does, once.
 */
export { noticeFeature } from './feature.ts'
