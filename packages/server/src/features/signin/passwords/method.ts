/**
 * The password method (door/method.ts). The same statements run and the same number of hashes is computed for known and
 * unknown accounts: one where the password is the owner's, two where it is not, because a registration that is not
 * verified is answered EMAIL_NOT_VERIFIED whether or not the identifier has an owner already. That answer counts as a
 * guess at the owner's password.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, problem } from '../../../base/errors.ts'
import { assertEnrolledProof } from '../../../base/http/request/access.ts'
import { findProvable } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findNamed, findUser, getUser, lockUserRow, type User } from '../../identity/users/index.ts'
import type { AfterSignIn } from '../attempts/index.ts'
import {
  type CheckedUser,
  checkWith,
  confirmWith,
  type Method,
  type Outcome,
  signInWith,
  type Verified,
} from '../door/index.ts'
import {
  findPassword,
  findPasswords,
  lockPassword,
  mustReplace,
  noteRules,
  passwordReplaced,
  type StoredPassword,
  type TypedPasswordOfUser,
  upgradeHash,
} from './passwords.ts'

export type PasswordTools = Pick<Tools, 'config' | 'db' | 'hashing' | 'jobs' | 'keyring' | 'log'>

export interface PasswordCredential {
  identifier: string
  password: string
}

interface VerifiedPassword extends Verified {
  stored: StoredPassword
}

type StoredPasswords = ReadonlyMap<string, TypedPasswordOfUser>

export type PasswordMethod = Method<PasswordCredential, StoredPasswords, VerifiedPassword>

export function passwordMethod(tools: PasswordTools): PasswordMethod {
  const { hashing } = tools
  async function verified(
    user: User,
    stored: TypedPasswordOfUser,
    { identifier, password }: PasswordCredential,
    now: Date,
  ): Promise<VerifiedPassword> {
    if (stored.rules === null) await noteRules(tools, user.id)
    const reason = await mustReplace(tools, user.id, stored, password, now)
    return {
      user,
      stored,
      requires: reason ? ['change_password', `change_password:${reason}`] : [],
      recheck: (tx) => recheck(tx, user, stored, identifier),
    }
  }
  return {
    name: 'password',
    proof: { amr: ['pwd'], factor: 'knowledge', phishing_resistant: false },
    failure: 'wrong_password',
    identify: async (statements, { identifier }) => ({
      identifier,
      ...(await findNamed(statements, identifier)),
    }),
    read: (statements, { owner, pending }) =>
      findPasswords(
        statements,
        [owner, pending].flatMap((user) => user?.id ?? []),
      ),
    async verify({ now }, { identifier, owner, pending }, stored, { password }) {
      const ofOwner = owner && stored.get(owner.id)
      const first = await hashing.verify(ofOwner?.hash ?? null, password)
      if (first.matches && owner && ofOwner) {
        if (first.outdated) await upgradeHash(tools, owner.id, ofOwner.hash, password)
        return await verified(owner, ofOwner, { identifier, password }, now)
      }
      const ofPending = pending && stored.get(pending.id)
      const second = await hashing.verify(ofPending?.hash ?? null, password)
      return second.matches && pending && ofPending
        ? await verified(pending, ofPending, { identifier, password }, now)
        : null
    },
  }
}

/** Locks user and password: a concurrent change or disabling waits for the sign-in, and then ends its session. */
async function recheck(tx: Tx, user: User, stored: StoredPassword, identifier: string): Promise<User | null> {
  const [, { owner, pending }, current] = await Promise.all([
    lockUserRow(tx, user.id),
    // an attempt that is continued names its user by the id
    identifier === user.id
      ? findUser(tx, user.id).then((owner) => ({ owner, pending: null }))
      : findNamed(tx, identifier),
    lockPassword(tx, user.id),
  ])
  if (current?.changedAt.getTime() !== stored.changedAt.getTime()) return null
  return [owner, pending].find((one) => one?.id === user.id) ?? null
}

/** Signs in by password. Refusals are returned, except for ACCOUNT_LOCKED. @throws Problem ACCOUNT_LOCKED, UNAVAILABLE */
export const signInByPassword = (
  tools: PasswordTools & Pick<Tools, 'counts'>,
  call: Call,
  credential: PasswordCredential,
  after: AfterSignIn,
): Promise<Outcome> => signInWith(tools, call, passwordMethod(tools), credential, after)

/** Checks a password as a sign-in does, without starting a session (HTTP Basic). @throws Problem the refusal */
export const checkPassword = (
  tools: PasswordTools,
  call: Call,
  credential: PasswordCredential,
): Promise<CheckedUser> => checkWith(tools, call, passwordMethod(tools), credential)

export interface ConfirmedPassword extends StoredPassword {
  /**
   * For the transaction that the password authorizes; the caller holds the user's row.
   * @throws Problem CONFLICT where it was replaced meanwhile, NOT_FOUND where the account was deleted
   */
  assertUnchanged(tx: Tx): Promise<void>
}

/**
 * Verifies a signed-in user's password once more, before something sensitive. Counts as a guess.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED
 */
export async function confirmPassword(
  tools: PasswordTools,
  call: Call,
  user: User,
  password: string,
): Promise<ConfirmedPassword> {
  const credential = { identifier: user.id, password }
  const { stored } = await confirmWith(tools, call, passwordMethod(tools), user, credential)
  return {
    ...stored,
    async assertUnchanged(tx) {
      // a deleted account has none either
      await getUser(tx, user.id)
      const present = await lockPassword(tx, user.id)
      if (present?.changedAt.getTime() !== stored.changedAt.getTime()) throw passwordReplaced()
    },
  }
}

export interface ConfirmedCaller {
  /** Null: the account has none. */
  stored: StoredPassword | null
  /**
   * For the transaction that is authorized; the caller holds the user's row.
   * @throws Problem CONFLICT where the password was replaced or chosen meanwhile, NOT_FOUND where the account was deleted
   */
  assertUnchanged(tx: Tx): Promise<void>
}

/** Whether the caller's account has a password. System scope. */
export const hasPassword = async (tx: Tx, userId: string): Promise<boolean> =>
  (await findPassword(tx, userId)) !== null

/**
 * Confirms that the caller is the user of the account, before something sensitive: by the present password. An account without
 * one, which a first sign-in with an identity provider has made, proves as much as a sign-in requires, within the last ten
 * minutes. Invariant: an account that has a password is confirmed by it alone.
 * @param password absent, where an account has none @param field the field that errors name
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED; VALIDATION_ERROR where the password is missing; STEP_UP_REQUIRED and
 * CONFLICT where there is none and the proofs of the session are not recent or not enough
 */
export async function confirmCaller(
  tools: PasswordTools,
  call: Call,
  user: User,
  password: string | undefined,
  field = 'password',
): Promise<ConfirmedCaller> {
  if (password !== undefined) {
    const { assertUnchanged, ...stored } = await confirmPassword(tools, call, user, password)
    return { stored, assertUnchanged }
  }
  const { session } = call
  if (!session) throw problem('AUTHENTICATION_REQUIRED')
  const { known, provable } = await tools.db.tx('system', async (tx) => ({
    known: await hasPassword(tx, user.id),
    provable: await findProvable(tools, tx, session, user.id, call.now),
  }))
  if (known) throw invalid(field, 'required', 'Is required.')
  assertEnrolledProof(session, provable, call.now)
  return {
    stored: null,
    async assertUnchanged(tx) {
      await getUser(tx, user.id)
      if (await lockPassword(tx, user.id)) throw passwordReplaced()
    },
  }
}
