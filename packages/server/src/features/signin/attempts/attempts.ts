/**
 * Attempts: sign-ins under way, stored with their proofs, their open requirements and what follows them, and resumed by
 * token on any node, in any style, after a restart. An attempt is written with its first step, so a sign-in of one step
 * is one statement. An attempt of the purpose `step_up` raises a session that exists.
 * Invariant: a step is taken by one conditional statement that compares the step and the number of steps before it; of
 * several answers to one step exactly one succeeds, and a finished attempt stays finished.
 */
import { type CompiledQuery, type Selectable, sql } from 'kysely'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { isId, newId } from '../../../base/ids.ts'
import { hasLostAuthority, type JudgedAuthority } from '../../../core/authority-ended.ts'
import { type EndedUse, hasEndedProof } from '../../../core/connection-ended.ts'
import type { ConnectedSession, ProviderSessions } from '../../../core/providers/index.ts'
import { isNamedIn } from '../../../core/saml/named-sessions.ts'
import { lockUserRow } from '../../identity/users/index.ts'
import type { Proof, Requirement, Step, StepUpDemand } from './steps.ts'
import type { AttemptsTable } from './tables.ts'

const LIFETIME = 15 * 60_000
/** Enrolling a second factor may need another device. */
const ENROL_LIFETIME = 30 * 60_000
const SECRET_LENGTH = 43

/** What follows a completed sign-in. */
export interface AfterSignIn {
  /** A session that outlives the browser. */
  remember: boolean
  /** Where the browser goes; judged by `safeReturnTo`. */
  returnTo: string | null
  /** Whether an access and a refresh token are issued as well. */
  tokens: boolean
  /** The lifetime of a session for a program, without an idle limit, in milliseconds. */
  programLifetime?: number
}

/** The session that an attempt raises, and what it must reach. */
export interface StepUp {
  sessionId: string
  demand: StepUpDemand
}

export interface Attempt {
  id: string
  /** `sgn_….secret`, for the browser or client that continues the sign-in. */
  token: string
  /** null before anyone is identified. */
  userId: string | null
  step: Step
  /** How many steps were taken. */
  version: number
  proofs: readonly Proof[]
  requirements: readonly Requirement[]
  after: AfterSignIn
  /** null for a sign-in. */
  stepUp: StepUp | null
  /** Of the browser that asked for a link or a code; null where any may continue with the token. */
  browserHash: Buffer | null
  /** What the session is called at the provider that has proven the user; null for another method. */
  providerSession: ConnectedSession | null
  createdAt: Date
  expiresAt: Date
  /** Whether it is in the database: an attempt that is not cannot have been answered elsewhere. */
  isStored: boolean
}

/** @param lifetime milliseconds; the default suits a step that is taken at once */
export function beginAttempt(after: AfterSignIn, now: Date, lifetime = LIFETIME): Attempt {
  const id = newId('sgn')
  return {
    id,
    token: `${id}.${randomSecret()}`,
    userId: null,
    step: 'identify',
    version: 0,
    proofs: [],
    requirements: [],
    after,
    stepUp: null,
    browserHash: null,
    providerSession: null,
    createdAt: now,
    expiresAt: later(now, lifetime),
    isStored: false,
  }
}

/** What a step makes of an attempt. */
export interface AttemptProgress {
  step: Step
  /** null before anyone is identified. */
  userId: string | null
  proofs: readonly Proof[]
  requirements: readonly Requirement[]
  providerSession: ConnectedSession | null
  isFinished: boolean
}

/** The statement that writes a new attempt with its first step taken. */
export const attemptInsert = (attempt: Attempt, first: AttemptProgress): CompiledQuery =>
  insertAttempt({
    id: attempt.id,
    secret_hash: sha256(attempt.token.slice(attempt.id.length + 1)),
    user_id: first.userId,
    step: first.step,
    version: attempt.version,
    proofs: JSON.stringify(first.proofs),
    requirements: JSON.stringify(first.requirements),
    remember: attempt.after.remember,
    return_to: attempt.after.returnTo,
    tokens: attempt.after.tokens,
    program_seconds:
      attempt.after.programLifetime === undefined ? null : Math.round(attempt.after.programLifetime / 1000),
    purpose: attempt.stepUp ? 'step_up' : 'sign_in',
    session_id: attempt.stepUp?.sessionId ?? null,
    demand: JSON.stringify(attempt.stepUp?.demand ?? {}),
    held_form: null,
    browser_hash: attempt.browserHash,
    provider_session: providerSessionOf(first),
    created_at: attempt.createdAt,
    expires_at: attempt.expiresAt,
    finished_at: first.isFinished ? attempt.createdAt : null,
  })

/** It is of no use to an attempt that has ended. */
const providerSessionOf = ({ isFinished, providerSession }: AttemptProgress): string | null =>
  isFinished || providerSession === null ? null : JSON.stringify(providerSession)

const insertAttempt = compiledOnce((db, attempt: NewRow<AttemptsTable>) =>
  db.insertInto('attempts').values(attempt),
)

/** Takes the step of a stored attempt. @returns false where it is finished, expired, or its step was taken already */
export async function moveAttempt(
  tx: Tx,
  attempt: Pick<Attempt, 'id' | 'step' | 'version'>,
  to: AttemptProgress,
  now: Date,
): Promise<boolean> {
  const enrols = to.step === 'enrol' && attempt.step !== 'enrol'
  const row = await tx
    .updateTable('attempts')
    .set({
      step: to.step,
      version: attempt.version + 1,
      user_id: to.userId,
      proofs: JSON.stringify(to.proofs),
      requirements: JSON.stringify(to.requirements),
      provider_session: providerSessionOf(to),
      finished_at: to.isFinished ? now : null,
      ...(enrols && { expires_at: later(now, ENROL_LIFETIME) }),
    })
    .where('id', '=', attempt.id)
    .where('step', '=', attempt.step)
    .where('version', '=', attempt.version)
    .where('finished_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** The id and the secret of a token; null for a text of another form. */
export function splitToken(token: string): { id: string; secret: string } | null {
  const [id = '', secret = '', ...more] = token.split('.')
  return isId('sgn', id) && secret.length === SECRET_LENGTH && more.length === 0 ? { id, secret } : null
}

/** The attempt that the token names; null for a wrong token and for an attempt that is finished or has expired. */
export async function resumeAttempt(db: Statements, token: string, now: Date): Promise<Attempt | null> {
  const named = splitToken(token)
  if (!named) return null
  const row = await db
    .selectFrom('attempts')
    .selectAll()
    .where('id', '=', named.id)
    .where('secret_hash', '=', sha256(named.secret))
    .where('finished_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row ? { ...attemptOf(row), token } : null
}

/** The attempt that an e-mail belongs to, which does not contain its token; null where it is finished or has expired. */
export async function findOpenAttempt(
  db: Statements,
  id: string,
  now: Date,
): Promise<Omit<Attempt, 'token'> | null> {
  const row = await db
    .selectFrom('attempts')
    .selectAll()
    .where('id', '=', id)
    .where('finished_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row ? attemptOf(row) : null
}

function attemptOf(row: Selectable<AttemptsTable>): Omit<Attempt, 'token'> {
  const program = row.program_seconds === null ? {} : { programLifetime: row.program_seconds * 1000 }
  return {
    id: row.id,
    userId: row.user_id,
    step: row.step as Step,
    version: row.version,
    proofs: row.proofs as unknown as Proof[],
    requirements: row.requirements as unknown as Requirement[],
    after: { remember: row.remember, returnTo: row.return_to, tokens: row.tokens, ...program },
    stepUp:
      row.purpose === 'step_up' && row.session_id !== null
        ? { sessionId: row.session_id, demand: row.demand as StepUpDemand }
        : null,
    browserHash: row.browser_hash,
    providerSession: row.provider_session,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    isStored: true,
  }
}

/** Where the browser of an attempt was going, also after it was finished or has expired; null for a wrong token. */
export async function findReturnTo(db: Statements, token: string): Promise<string | null> {
  const named = splitToken(token)
  if (!named) return null
  const row = await db
    .selectFrom('attempts')
    .select('return_to')
    .where('id', '=', named.id)
    .where('secret_hash', '=', sha256(named.secret))
    .executeTakeFirst()
  return row?.return_to ?? null
}

/**
 * Ends open attempts: those of a user, because what they prove is void once a credential is replaced, all that began until a
 * time, one, whose e-mail was used, those with a proof by a connection that has ended, or by an
 * authority for the account that is none any more, or those whose provider has ended the session. The caller holds the user's row, except where
 * a provider names it. Never a row that `purgeAttempts` deletes, so that the two do not lock the same rows in different orders.
 * @returns how many
 */
export async function endAttempts(
  tx: Tx,
  which:
    | { userId: string }
    | { until: Date }
    | { id: string }
    | { provenBy: EndedUse }
    | { authorityOf: JudgedAuthority }
    | { providerSessions: ProviderSessions },
  now: Date,
): Promise<number> {
  if ('providerSessions' in which) return await endOfProvider(tx, which.providerSessions, now)
  const open = tx
    .updateTable('attempts')
    .set({ finished_at: now, provider_session: null })
    .where('finished_at', 'is', null)
    .where('expires_at', '>', now)
  const named =
    'userId' in which
      ? open.where('user_id', '=', which.userId)
      : 'id' in which
        ? open.where('id', '=', which.id)
        : 'provenBy' in which
          ? open.where(hasEndedProof(which.provenBy))
          : 'authorityOf' in which
            ? open.where(hasLostAuthority('attempts', which.authorityOf))
            : open.where('created_at', '<=', which.until)
  const { numUpdatedRows } = await named.executeTakeFirst()
  return Number(numUpdatedRows)
}

/**
 * The users are locked first, as a sign-in does: an attempt that is completed meanwhile is a session afterwards, which the caller
 * finds.
 */
async function endOfProvider(tx: Tx, which: ProviderSessions, now: Date): Promise<number> {
  const rows = await tx
    .selectFrom('attempts')
    .select('user_id')
    .distinct()
    .where(isNamed(which))
    .where('finished_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('user_id')
    .execute()
  let count = 0
  for (const { user_id: id } of rows) {
    if (id === null) continue
    await lockUserRow(tx, id)
    const { numUpdatedRows } = await tx
      .updateTable('attempts')
      .set({ finished_at: now, provider_session: null })
      .where('user_id', '=', id)
      .where(isNamed(which))
      .where('finished_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst()
    count += Number(numUpdatedRows)
  }
  return count
}

const isNamed = (which: ProviderSessions) => isNamedIn(sql.ref('provider_session'), which)

/** Forgets what providers call the sessions of attempts that have expired. */
export async function forgetProviderSessions(tx: Tx, now: Date): Promise<void> {
  await tx
    .updateTable('attempts')
    .set({ provider_session: null })
    .where('provider_session', 'is not', null)
    .where('expires_at', '<=', now)
    .execute()
}

/** Deletes attempts that expired before then, which is in the past. */
export async function purgeAttempts(tx: Tx, before: Date): Promise<void> {
  await tx.deleteFrom('attempts').where('expires_at', '<', before).execute()
}
