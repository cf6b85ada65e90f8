/**
 * Changing the address of an account. A new address is unverified until its owner proves it. Links to the old address
 * are revoked and every session ends; another spelling of the same address has none of these consequences.
 */
import type { Call } from '../../../base/call.ts'
import { isUniqueViolation } from '../../../base/db/faults.ts'
import type { Tx } from '../../../base/db/types.ts'
import { canonical } from '../../../base/identifiers.ts'
import { audit } from '../../../core/audit/index.ts'
import { revokeMailboxLinks } from '../../../core/links/index.ts'
import { endSessions } from '../sessions/index.ts'
import { addressTaken, type User } from '../users/index.ts'
import { ownerOtherThan, releaseAddresses, updateAddress } from './sql.ts'

/**
 * The caller holds `lockAddress` of both addresses.
 * @returns whether it is another address, not another spelling. @throws Problem CONFLICT where another user owns it
 */
export async function changeAddress(tx: Tx, call: Call, user: User, email: string): Promise<boolean> {
  const key = canonical(email)
  const isAnother = key !== canonical(user.email)
  if ((await ownerOtherThan(tx, user.id, key)) !== null) throw addressTaken()
  // an address that is kept for the undoing of a change is the user's, and an administrator's change is final
  await releaseAddresses(tx, user.id)
  try {
    const verified_at = isAnother ? null : user.email_verified_at
    await updateAddress(tx, user.email_id, { address: email, address_key: key, verified_at })
  } catch (error) {
    throw isUniqueViolation(error, 'emails_claimed') ? addressTaken(error) : error
  }
  const { id: userId, username } = user
  const details = { from: user.email, to: email }
  await audit(tx, call, { type: 'user.email_changed', userId, username, details })
  if (!isAnother) return false
  await revokeMailboxLinks(tx, userId, call.now)
  await endSessions(tx, call, { userId, username, reason: 'email_changed' })
  return true
}

/** Marks a verified address as unverified; its owner keeps it. */
export async function unverifyAddress(tx: Tx, call: Call, user: User): Promise<void> {
  if (user.email_verified_at === null) return
  const { email: address, id: userId, username } = user
  await updateAddress(tx, user.email_id, { address, address_key: canonical(address), verified_at: null })
  await audit(tx, call, { type: 'user.updated', userId, username, details: { fields: ['is_verified'] } })
}
