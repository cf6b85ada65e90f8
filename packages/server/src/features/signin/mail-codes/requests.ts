/**
 * Requests for a link or a code by e-mail. Every address is answered alike, after the same statements: the request stores
 * an attempt without a user, and a job decides after the answer whether an e-mail is sent, and which. A registration that is
 * not verified gets the verification e-mail instead: a link to sign in would activate an account whose password a
 * stranger may have chosen.
 */
import { randomInt } from 'node:crypto'
import { z } from 'zod'
import { type Call, findLocale, systemCall } from '../../../base/call.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { runTogether } from '../../../base/db/compiled.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import { canonical } from '../../../base/identifiers.ts'
import { emailLink } from '../../../base/return-to.ts'
import { audit } from '../../../core/audit/index.ts'
import { job, PayloadLocale, PayloadText, runs, type Work } from '../../../core/jobs/index.ts'
import { issueLink, revokeLinks } from '../../../core/links/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { mayWriteTo, requestVerification } from '../../identity/emails/index.ts'
import { findByIdentifier, findUser, type User } from '../../identity/users/index.ts'
import {
  type AfterSignIn,
  type Attempt,
  attemptInsert,
  beginAttempt,
  findOpenAttempt,
  moveAttempt,
} from '../attempts/index.ts'
import { assertOffered, findAttempt, unknownAttempt } from '../steps/index.ts'
import { codeHash, MOST_GUESSES } from './code-method.ts'
import { CODE_LIFETIME, LINK_LIFETIME } from './lifetimes.ts'
import { codeEmail, linkEmail } from './mail.tsx'
import { codesSince, findCodeAddress, hasGuessLeft, insertCode, storeCode } from './sql.ts'

/** The cookie by which a link recognizes the browser that asked for it. */
const BROWSER_COOKIE = 'email_browser'

/** Carries the id, address and device of the request, for the audit log. */
const sendJob = job(
  'mail_codes.send',
  z.object({
    what: z.enum(['link', 'code']),
    attempt_id: z.string(),
    address: z.string(),
    locale: PayloadLocale,
    ip: PayloadText,
    user_agent: PayloadText,
    request_id: z.string().optional(),
  }),
)
type Payload = z.output<typeof sendJob.payload>

type RequestTools = Pick<Tools, 'db' | 'jobs'>
type SendTools = Pick<Tools, 'config' | 'db' | 'jobs' | 'keyring' | 'mail'>

export interface EmailRequest {
  what: 'link' | 'code'
  email: string
  after: AfterSignIn
}

/** Begins a sign-in by a link or a code. @returns the attempt, and the cookie that marks the browser */
export async function requestSignInEmail(
  tools: RequestTools,
  call: Call,
  { what, email, after }: EmailRequest,
): Promise<{ attempt: Attempt; cookie: CookieChange }> {
  const lifetime = what === 'link' ? LINK_LIFETIME : CODE_LIFETIME
  const secret = browserSecret(call) ?? randomSecret()
  const attempt = { ...beginAttempt(after, call.now, lifetime), browserHash: sha256(secret) }
  await tools.db.tx('system', async (tx) => {
    await runTogether(tx, [attemptInsert(attempt, { ...attempt, isFinished: false })])
    if (what === 'code')
      await insertCode(tx, { attemptId: attempt.id, addressKey: canonical(email) }, call.now)
    await enqueue(tools, tx, call, { what, attempt_id: attempt.id, address: email })
  })
  return {
    attempt,
    cookie: { name: BROWSER_COOKIE, value: secret, maxAgeSeconds: LINK_LIFETIME / 1000 },
  }
}

function browserSecret({ cookies }: Call): string | null {
  const secret = cookies[BROWSER_COOKIE]
  return secret?.length === 43 ? secret : null
}

/** Whether the caller is the browser that began the attempt. */
export function isAskingBrowser(call: Call, { browserHash }: Pick<Attempt, 'browserHash'>): boolean {
  const secret = browserSecret(call)
  return secret !== null && browserHash !== null && sha256(secret).equals(browserHash)
}

/**
 * Sends the code of an attempt: of a sign-in by code once more, or of one that waits for a code as the second factor.
 * @throws Problem NOT_FOUND, VALIDATION_ERROR where the attempt does not offer it, CONFLICT where it has no guess left
 */
export async function requestCodeAgain(
  tools: RequestTools & Pick<Tools, 'config'>,
  call: Call,
  token: string,
): Promise<Attempt> {
  const attempt = await findAttempt(tools, call, token)
  if (!attempt) throw unknownAttempt()
  const address = await addressOf(tools, call, attempt)
  if (!(await hasGuessLeft(tools.db.hot, attempt.id, MOST_GUESSES)))
    throw problem('CONFLICT', {
      message: 'Too many codes were wrong. Sign in again to get a new one.',
      details: { reason: 'no_guess_left' },
    })
  await tools.db.tx('system', async (tx) => {
    await insertCode(tx, { attemptId: attempt.id, addressKey: canonical(address) }, call.now)
    await enqueue(tools, tx, call, { what: 'code', attempt_id: attempt.id, address })
  })
  return attempt
}

async function addressOf(tools: Pick<Tools, 'config' | 'db'>, call: Call, attempt: Attempt): Promise<string> {
  const { userId, step } = attempt
  if (step === 'identify') {
    const address = await findCodeAddress(tools.db.hot, attempt.id)
    if (address !== null) return address
  } else if (userId !== null && (step === 'prove' || step === 'second_factor'))
    return (await assertOffered(tools, call, { ...attempt, userId }, 'email_code')).email
  throw problem('CONFLICT', { message: 'This sign-in does not wait for a code by e-mail.' })
}

const enqueue = (
  tools: Pick<Tools, 'jobs'>,
  tx: Tx,
  call: Call,
  what: Pick<Payload, 'what' | 'attempt_id' | 'address'>,
): Promise<void> => {
  const from = { locale: call.locale, ip: call.ip, user_agent: call.userAgent, request_id: call.id }
  return tools.jobs.enqueue(tx, sendJob, { ...what, ...from }, { now: call.now })
}

/** The job that decides about the e-mail after the answer was sent. */
export const mailCodeJobs = (tools: SendTools): Work[] => [
  runs(sendJob, (payload, now) => tools.db.tx('system', (tx) => send(tools, tx, payload, now))),
]

async function send(tools: SendTools, tx: Tx, payload: Payload, now: Date): Promise<void> {
  const { what, attempt_id: attemptId, address, locale } = payload
  const [attempt, found] = [await findOpenAttempt(tx, attemptId, now), await findByIdentifier(tx, address)]
  if (!attempt || !found || found.status === 'disabled') return
  if (attempt.userId !== null && attempt.userId !== found.id) return
  if (mustVerify(tools, found))
    return await requestVerification(tools, tx, { locale, now }, { address }, attempt.after.returnTo)
  const kind = what === 'link' ? 'magic_link' : (since: Date) => codesSince(tx, found.id, since)
  if (!(await mayWriteTo(tx, found, kind, now))) return
  // read again: the locks may have waited for a change of the address
  const user = await findUser(tx, found.id)
  if (user?.status !== 'active' || canonical(user.email) !== canonical(address)) return
  // what ends the user's attempts ends this one too
  const progress = { ...attempt, userId: user.id, isFinished: false }
  if (attempt.userId === null && !(await moveAttempt(tx, attempt, progress, now))) return
  const recipient = { to: user.email, locale: findLocale(user.locale) ?? locale }
  await tools.mail.write(
    tx,
    what === 'link'
      ? linkEmail(tools.config, { ...recipient, href: await issue(tools, tx, user, attempt.id, now) })
      : codeEmail(tools.config, { ...recipient, code: await newCode(tools, tx, user, attempt.id, now) }),
    now,
    user.id,
  )
  const system = systemCall(now)
  const { request_id: id = system.id, ip, user_agent: userAgent } = payload
  const type = what === 'link' ? 'auth.magic_link.requested' : 'auth.email_code.requested'
  await audit(tx, { ...system, id, ip, userAgent }, { type, userId: user.id, username: user.username })
}

/** That the address does not count as the user's yet. */
const mustVerify = ({ config }: Pick<Tools, 'config'>, user: User): boolean =>
  user.status === 'pending' || (config.emailVerification === 'required' && user.email_verified_at === null)

/** The URL of a link, which replaces earlier ones. */
async function issue(
  tools: Pick<Tools, 'config' | 'keyring'>,
  tx: Tx,
  user: User,
  attemptId: string,
  now: Date,
): Promise<string> {
  await revokeLinks(tx, 'magic_link', user.id, now)
  const link = { purpose: 'magic_link', userId: user.id, emailId: user.email_id, attemptId } as const
  return emailLink(tools, '/sign-in/link', {
    token: await issueLink(tx, { ...link, lifetime: LINK_LIFETIME }, now),
  })
}

/** A code for the attempt, which replaces its earlier one. */
async function newCode(
  { keyring }: Pick<Tools, 'keyring'>,
  tx: Tx,
  user: User,
  attemptId: string,
  now: Date,
): Promise<string> {
  const code = String(randomInt(1_000_000)).padStart(6, '0')
  await storeCode(tx, { attemptId, userId: user.id, hash: codeHash(keyring, attemptId, code) }, now)
  return code
}
