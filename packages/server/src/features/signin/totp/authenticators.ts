/**
 * Authenticator apps: making a secret, and confirming it by its first code, from which on it counts. Until then it is
 * stored unconfirmed for the JSON API, and on hosted pages in the form itself, sealed.
 * Invariant: the secret is in the answer that makes it, and in the form that waits for its first code; it is stored
 * sealed. The code that confirms it is used up.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, type Problem, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { confirmFactor, deleteFactor, insertFactor, listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { adoptCodes, keepWith, makeSet, makeSetWhereNone, type NewSet } from '../backup-codes/index.ts'
import { assertMayEnrol, mayEnrol } from '../second-factor/index.ts'
import { totpAddedEmail } from './mail.tsx'
import { matchStep, newOtpSecret, type OtpSettings, otpauthUrl, typedCode } from './otp.ts'
import { qrDataUri } from './qr.ts'
import { openSetup, sealSetup } from './sealed.ts'
import { insertSecret, selectUnconfirmed, selectUnconfirmedIds, takeStep } from './sql.ts'

/** How many authenticators a user may have. */
export const MOST_AUTHENTICATORS = 5
/** Within this time of its making the first code must be confirmed. */
export const SETUP_LIFETIME = 3_600_000

type MakeTools = Pick<Tools, 'config' | 'keyring'>

/** RFC 6238 §5.2 recommends 30 seconds; authenticator apps know six digits. */
const settingsOf = ({ config }: Pick<Tools, 'config'>): OtpSettings => ({
  algorithm: config.totpAlgorithm,
  digits: 6,
  period: 30,
})

/** What an authenticator app reads. */
export interface ShownSecret {
  secret: string
  otpauthUrl: string
  qrCode: string
}

export interface NewAuthenticator extends ShownSecret {
  factorId: string
  /** Valid once the authenticator is confirmed; none where they were not wished for. */
  backupCodes: readonly string[]
}

/** What is wished for where an authenticator is begun. */
export interface SetupWish {
  name: string | null
  /** Whether backup codes are made; undefined: where the user has none. */
  withCodes: boolean | undefined
}

/**
 * Begins to set up an authenticator; one that waits for its first code is replaced.
 * @throws Problem VALIDATION_ERROR where this server does not offer it, CONFLICT where the user has the most that are
 * possible, UNAVAILABLE
 */
export async function beginAuthenticator(
  tools: MakeTools & Pick<Tools, 'db' | 'hashing'>,
  call: Call,
  userId: string,
  { name, withCodes }: SetupWish,
): Promise<NewAuthenticator> {
  assertMayEnrol(tools.config, 'totp')
  const set = await setWished(tools, userId, withCodes)
  const secret = newOtpSecret()
  const { user, factor } = await tools.db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    await assertRoom(tx, userId)
    for (const id of await selectUnconfirmedIds(tx, userId)) await deleteFactor(tx, userId, id)
    const factor = await insertFactor(tx, { userId, kind: 'totp', name, confirmed: false }, call.now)
    await storeSecret(tools, tx, userId, factor.id, secret)
    if (set) await keepWith(tx, factor.id, set)
    return { user: await getUser(tx, userId), factor }
  })
  return { factorId: factor.id, ...shownSecret(tools, user, secret), backupCodes: set?.codes ?? [] }
}

/** @throws Problem VALIDATION_ERROR where this server does not offer backup codes */
async function setWished(
  tools: Pick<Tools, 'config' | 'db' | 'hashing'>,
  userId: string,
  withCodes: boolean | undefined,
): Promise<NewSet | null> {
  if (withCodes === undefined) return await makeSetWhereNone(tools, userId)
  if (!withCodes) return null
  assertMayEnrol(tools.config, 'backup_code', 'backup_codes')
  return await makeSet(tools)
}

/** @throws Problem CONFLICT where the user has the most authenticators that are possible */
async function assertRoom(tx: Tx, userId: string): Promise<void> {
  const { length } = (await listFactors(tx, userId)).filter(({ kind }) => kind === 'totp')
  if (length < MOST_AUTHENTICATORS) return
  throw problem('CONFLICT', {
    message: `You have ${MOST_AUTHENTICATORS} authenticator apps, the most that are possible. Remove one first.`,
    details: { reason: 'too_many_factors' },
  })
}

const storeSecret = (
  tools: MakeTools,
  tx: Tx,
  userId: string,
  factorId: string,
  secret: string,
): Promise<void> =>
  insertSecret(tx, {
    factorId,
    userId,
    sealed: tools.keyring.encrypt('totp', secret),
    settings: settingsOf(tools),
  })

function shownSecret(tools: Pick<Tools, 'config'>, user: Pick<User, 'email'>, secret: string): ShownSecret {
  const names = { issuer: tools.config.brandName, account: user.email }
  const url = otpauthUrl(secret, settingsOf(tools), names)
  return { secret, otpauthUrl: url, qrCode: qrDataUri(url) }
}

/** What the form of a new authenticator shows, and carries until its code is sent. */
export interface SetupForm extends ShownSecret {
  /** The factor's id and secret, sealed. */
  setup: string
}

/** A form for a new authenticator. The caller has checked that the user may set one up now. */
export function newSetupForm(
  tools: MakeTools,
  call: Call,
  user: Pick<User, 'id' | 'email'>,
  name: string | null,
): SetupForm {
  const secret = newOtpSecret()
  const until = later(call.now, SETUP_LIFETIME)
  const sealed = sealSetup(tools.keyring, { id: newId('fac'), userId: user.id, secret, name, until })
  return { setup: sealed, ...shownSecret(tools, user, secret) }
}

/** The form of an authenticator again; null where `setup` is of no authenticator that the user has begun within an hour. */
export function findSetupForm(
  tools: MakeTools,
  call: Call,
  user: Pick<User, 'id' | 'email'>,
  setup: string,
): SetupForm | null {
  const begun = openSetup(tools.keyring, user.id, setup, call.now)
  return begun && { setup, ...shownSecret(tools, user, begun.secret) }
}

type ConfirmTools = MakeTools & Pick<Tools, 'mail'>

/** The first code of an authenticator that was begun. */
export type Confirmation = { code: string } & (
  | { setup: string; factorId?: never }
  /** null: the one that was begun last. */
  | { factorId: string | null; setup?: never }
)

/**
 * Confirms an authenticator by its first code: from now on it counts, with the backup codes that were made with it. The
 * caller holds the user's row.
 * @throws Problem VALIDATION_ERROR for a wrong code; CONFLICT where none was begun, and where there are too many
 */
export async function confirmAuthenticator(
  tools: ConfirmTools,
  tx: Tx,
  call: Call,
  user: User,
  confirmation: Confirmation,
): Promise<void> {
  if (!mayEnrol(tools.config, 'totp')) throw notBegun()
  await assertRoom(tx, user.id)
  const id = await (confirmation.setup === undefined
    ? confirmStored(tools, tx, call, user, confirmation)
    : addFromForm(tools, tx, call, user, confirmation))
  await audit(tx, call, {
    type: 'auth.mfa.enabled',
    userId: user.id,
    username: user.username,
    details: { kind: 'totp', factor_id: id },
  })
  const locale = findLocale(user.locale) ?? call.locale
  await tools.mail.write(tx, totpAddedEmail(tools.config, { to: user.email, locale }), call.now, user.id)
}

async function confirmStored(
  tools: ConfirmTools,
  tx: Tx,
  call: Call,
  user: User,
  { code, factorId }: { code: string; factorId: string | null },
): Promise<string> {
  const found = await selectUnconfirmed(tx, user.id, factorId, later(call.now, -SETUP_LIFETIME))
  if (!found) throw notBegun()
  const step = stepOf(tools.keyring.decrypt('totp', found.secret), found, code, call.now)
  if (!(await confirmFactor(tx, user.id, found.factor_id, call.now))) throw notBegun()
  await takeStep(tx, found.factor_id, step)
  await adoptCodes(tools, tx, call, user, found.factor_id)
  return found.factor_id
}

async function addFromForm(
  tools: MakeTools,
  tx: Tx,
  call: Call,
  user: User,
  { code, setup }: { code: string; setup: string },
): Promise<string> {
  const begun = openSetup(tools.keyring, user.id, setup, call.now)
  // sent twice: the first time has added it
  if (!begun || (await listFactors(tx, user.id)).some(({ id }) => id === begun.id)) throw notBegun()
  const { id, name, secret } = begun
  const step = stepOf(secret, settingsOf(tools), code, call.now)
  await insertFactor(tx, { id, userId: user.id, kind: 'totp', name, confirmed: true }, call.now)
  await storeSecret(tools, tx, user.id, id, secret)
  await takeStep(tx, id, step)
  return id
}

export const notBegun = (): Problem =>
  problem('CONFLICT', {
    message: 'There is no authenticator app that waits for its first code. Start again.',
    details: { reason: 'not_begun' },
  })

/** @throws Problem VALIDATION_ERROR where the code is of no current step */
function stepOf(secret: string, settings: OtpSettings, code: string, now: Date): number {
  const step = matchStep(secret, settings, typedCode(code), { lastStep: null, now })
  if (typeof step === 'number') return step
  throw invalid('code', 'wrong_code', 'This is not the current code of the authenticator app.')
}
