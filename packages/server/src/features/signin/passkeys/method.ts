/**
 * The passkey method (door/method.ts): verifies an assertion against the stored keys of its user. A signature cannot be
 * guessed, so that failures are not counted and no lock-out applies; an unknown passkey is verified against a key without
 * a private half, so that it takes the same time.
 */
import { generateKeyPairSync } from 'node:crypto'
import type { ProofKind } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { findRelyingParty } from '../../../base/relying-party.ts'
import type { AssertionAnswer } from '../../../base/webauthn.ts'
import { audit } from '../../../core/audit/index.ts'
import { updateFactorUse } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import type { Method, Verified } from '../door/index.ts'
import { type AssertedPasskey, verifyAssertion } from './ceremonies.ts'
import { type ChallengeFor, consumeChallenge, isChallengeFor } from './challenges.ts'
import { passkeyEmail } from './mail.tsx'
import { findOwnerId, lockCredential, type PasskeyRow, selectCredentials, updateCredential } from './sql.ts'

export type PasskeyTools = Pick<Tools, 'config' | 'counts' | 'db' | 'jobs' | 'keyring' | 'mail'>

export interface PasskeyCredential {
  credential: AssertionAnswer
  /** What its challenge may have been issued for. */
  issuedFor: readonly ChallengeFor[]
}

export type PasskeyMethod = Method<PasskeyCredential, readonly PasskeyRow[]>

/** For a passkey of no account: the statements run for it as well. */
export const NO_USER = 'usr_0'

/** RFC 8176 §2: a key in hardware, or one that is synchronized; `user` where the authenticator verified its user. */
export const proofOf = ({
  deviceType,
  userVerified,
}: Pick<AssertedPasskey, 'deviceType' | 'userVerified'>): ProofKind => ({
  amr: [deviceType === 'singleDevice' ? 'hwk' : 'swk', ...(userVerified ? ['user'] : [])],
  factor: 'possession',
  channel: 'key',
  phishing_resistant: true,
  ...(userVerified && { user_verified: true }),
})

export function passkeyMethod(tools: PasskeyTools): PasskeyMethod {
  const { config, keyring } = tools
  return {
    name: 'passkey',
    proof: proofOf({ deviceType: 'multiDevice', userVerified: false }),
    isGuessable: false,
    failure: 'wrong_assertion',
    async identify(db, { credential }) {
      const userId = await findOwnerId(db, Buffer.from(credential.id, 'base64url'))
      return { identifier: credential.id, owner: await findUser(db, userId ?? NO_USER), pending: null }
    },
    read: (db, { owner }) => selectCredentials(db, owner?.id ?? NO_USER),
    async verify(call, { owner }, stored, { credential, issuedFor }) {
      const party = findRelyingParty(config)
      if (!party) return null
      const id = Buffer.from(credential.id, 'base64url')
      const row = stored.find((one) => one.credential_id.equals(id) && one.rp_id === party.id)
      let begun: ChallengeFor | undefined
      const checked = await verifyAssertion(
        party,
        credential,
        row ? storedOf(row) : dummyKey(),
        (challenge) => {
          begun = issuedFor.find((one) => isChallengeFor(keyring, one, challenge, call.now))
          return begun !== undefined
        },
      )
      if ('fault' in checked || !row || !owner || row.flagged_at) return null
      if (!isHandleOf(row, credential.response.userHandle ?? null, begun)) return null
      return {
        user: owner,
        requires: [],
        proof: proofOf(checked.passed),
        ...(row.confirmed_at && { enrolledAt: row.confirmed_at }),
        recheck: (tx) => recheck(tools, tx, call, owner, row, checked.passed),
      } satisfies Verified
    },
  }
}

const storedOf = (row: PasskeyRow) => ({
  credentialId: row.credential_id,
  publicKey: row.public_key,
  deviceType: row.device_type,
})

/** WebAuthn §7.2 step 6: it is that of the key's user; without a user name it is all that tells the user. */
function isHandleOf(row: PasskeyRow, handle: string | null, begun: ChallengeFor | undefined): boolean {
  if (handle === null) return begun?.purpose !== 'sign_in'
  return Buffer.from(handle, 'base64url').equals(row.handle)
}

/**
 * Locks user and passkey, uses up the challenge, and compares the counter (WebAuthn §7.2 step 22): one that does not
 * increase is that of a copy, and the passkey is refused from then on.
 */
async function recheck(
  tools: PasskeyTools,
  tx: Tx,
  call: Call,
  { id: userId }: User,
  { factor_id: factorId }: PasskeyRow,
  asserted: AssertedPasskey,
): Promise<User | null> {
  await lockUserRow(tx, userId)
  const [user, stored] = [await findUser(tx, userId), await lockCredential(tx, factorId)]
  if (!user || !stored || stored.flagged_at) return null
  if (!(await consumeChallenge(tx, asserted.challenge))) return null
  if ((asserted.counter > 0 || stored.counter > 0) && asserted.counter <= stored.counter) {
    await flag(tools, tx, call, user, factorId, { stored: stored.counter, sent: asserted.counter })
    return null
  }
  await updateCredential(tx, factorId, {
    counter: asserted.counter,
    backed_up: asserted.backedUp,
    user_verified: stored.user_verified || asserted.userVerified,
  })
  await tx.executeQuery(updateFactorUse({ id: factorId, now: call.now }))
  return user
}

async function flag(
  tools: PasskeyTools,
  tx: Tx,
  call: Call,
  user: User,
  factorId: string,
  counters: Readonly<Record<string, number>>,
): Promise<void> {
  await updateCredential(tx, factorId, { flagged_at: call.now })
  await audit(tx, call, {
    type: 'auth.passkey.counter_regressed',
    userId: user.id,
    username: user.username,
    details: { factor_id: factorId, ...counters },
  })
  const { name } = await tx
    .selectFrom('factors')
    .select('name')
    .where('id', '=', factorId)
    .executeTakeFirstOrThrow()
  const email = passkeyEmail(tools.config, 'copied', { user, name: name ?? '' }, call)
  await tools.mail.write(tx, email, call.now, user.id)
}

let unusable: ReturnType<typeof storedOf> | undefined
/** A key whose private half is not kept. */
function dummyKey(): ReturnType<typeof storedOf> {
  if (!unusable) {
    const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      format: 'jwk',
    })
    // COSE_Key of ES256, RFC 8152 §13.1
    const publicKey = Buffer.concat([
      Buffer.from('a5010203262001215820', 'hex'),
      Buffer.from(x, 'base64url'),
      Buffer.from('225820', 'hex'),
      Buffer.from(y, 'base64url'),
    ])
    unusable = { credentialId: Buffer.alloc(16), publicKey, deviceType: 'multiDevice' }
  }
  return unusable
}
