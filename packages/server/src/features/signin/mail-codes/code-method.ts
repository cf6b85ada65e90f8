/**
 * The method of six-digit codes by e-mail (door/method.ts), as the first proof of a sign-in and as a further one. A code
 * is of one attempt, which has five guesses in all, however often a code is sent for it; each is counted before it is
 * compared, for known and unknown addresses alike. It is used up under the lock of its user.
 */
import { timingSafeEqual } from 'node:crypto'
import { kindOf } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Keyring } from '../../../base/crypto.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockAddress } from '../../identity/emails/index.ts'
import { findNamed, getUser, lockUserRow } from '../../identity/users/index.ts'
import { type Attempt, endAttempts, resumeAttempt } from '../attempts/index.ts'
import { type Method, type Outcome, proveAttempt, signInWith } from '../door/index.ts'
import { resetLinks } from '../passwords/index.ts'
import { isUnproven, proveMailbox } from '../planted/index.ts'
import { attemptEnded, unknownAttempt } from '../steps/index.ts'
import { CODE_LIFETIME } from './lifetimes.ts'
import { type CodeToGuess, consumeCode, countCodeGuess, findCodeAddress } from './sql.ts'

/** At the codes of an attempt together: a code that is sent again brings no further guess, and so reveals no account. */
export const MOST_GUESSES = 5

type CodeTools = Pick<Tools, 'clock' | 'config' | 'counts' | 'db' | 'jobs' | 'keyring' | 'mail'>

/** Of the code and its attempt: six digits alone could be found from their hash. */
export const codeHash = (keyring: Pick<Keyring, 'mac'>, attemptId: string, code: string): Buffer =>
  keyring.mac('email_codes', `${attemptId} ${code}`)

const codeSpent = (): Problem =>
  problem('TOKEN_EXPIRED', { message: 'This code can no longer be used. Sign in again to get a new one.' })

/** @param begins the code is the first proof: the attempt that asked for it ends, and a sign-in begins with it */
function codeMethod(
  tools: Pick<Tools, 'clock' | 'config' | 'jobs' | 'keyring' | 'mail'>,
  call: Call,
  attemptId: string,
  begins: boolean,
): Method<string, CodeToGuess | null> {
  const { keyring } = tools
  return {
    name: 'email_code',
    proof: kindOf('email_code'),
    failure: 'wrong_code',
    async identify(db) {
      const identifier = (await findCodeAddress(db, attemptId)) ?? ''
      return { identifier, ...(await findNamed(db, identifier)) }
    },
    read: (db) =>
      countCodeGuess(db, attemptId, { most: MOST_GUESSES, since: later(call.now, -CODE_LIFETIME) }),
    async verify(_call, { owner }, stored, code) {
      if (!stored) throw codeSpent()
      const { hash, userId, addressKey } = stored
      const isRight = keyring
        .macs('email_codes', `${attemptId} ${code}`)
        .some((mac) => hash !== null && timingSafeEqual(mac, hash))
      if (!isRight || !hash || !owner || owner.id !== userId) return null
      return {
        user: owner,
        requires: [],
        changesFacts: isUnproven(owner),
        async recheck(tx) {
          if (isUnproven(owner)) await lockAddress(tx, canonical(owner.email))
          await lockUserRow(tx, owner.id)
          const user = await getUser(tx, owner.id)
          if (canonical(user.email) !== addressKey || !(await consumeCode(tx, attemptId, hash)))
            throw attemptEnded()
          if (begins && (await endAttempts(tx, { id: attemptId }, call.now)) === 0) throw attemptEnded()
          if (!isUnproven(owner)) return user
          const endPassword = () => resetLinks.removePassword(tools, tx, user, call.now)
          await proveMailbox(tools, tx, call, user, { endPassword })
          return await getUser(tx, owner.id)
        },
      }
    },
  }
}

/** As digits alone: spaces and hyphens may be typed. @throws Problem VALIDATION_ERROR for anything but six digits */
function readCode(typed: string): string {
  const code = typed.normalize('NFKC').replaceAll(/[\s-]/g, '')
  if (/^[0-9]{6}$/.test(code)) return code
  throw problem('VALIDATION_ERROR', {
    details: [{ field: 'code', code: 'six_digits', message: 'Enter the six digits of the code.' }],
  })
}

/**
 * Signs in by the code of an attempt that asked for one.
 * @throws Problem NOT_FOUND, CONFLICT, TOKEN_EXPIRED where no guess is left, VALIDATION_ERROR, ACCOUNT_LOCKED
 */
export async function signInByCode(
  tools: CodeTools,
  call: Call,
  token: string,
  typed: string,
): Promise<Outcome> {
  const code = readCode(typed)
  const attempt = await getAskingAttempt(tools, call, token)
  return await signInWith(tools, call, codeMethod(tools, call, attempt.id, true), code, attempt.after)
}

/** The attempt that asked for a code to sign in with. @throws Problem NOT_FOUND */
export async function getAskingAttempt(
  { db }: Pick<Tools, 'db'>,
  call: Call,
  token: string,
): Promise<Attempt> {
  const attempt = await resumeAttempt(db.hot, token, call.now)
  if (attempt?.step !== 'identify') throw unknownAttempt()
  return attempt
}

/** Continues an attempt by a code that was sent for it. @throws Problem as proveAttempt; TOKEN_EXPIRED, VALIDATION_ERROR */
export async function proveByCode(
  tools: CodeTools,
  call: Call,
  token: string,
  typed: string,
  chosen: { remember_device?: boolean | undefined } = {},
): Promise<Outcome> {
  const code = readCode(typed)
  const id = token.split('.')[0] ?? ''
  return await proveAttempt(tools, call, token, codeMethod(tools, call, id, false), code, chosen)
}
