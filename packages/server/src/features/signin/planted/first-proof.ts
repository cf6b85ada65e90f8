/**
 * The first proof of the mailbox of an account. Another person may have registered it. While addresses are not verified they may
 * have planted a password, second factors, API keys and sessions (GHSA-g38m-r43w-p2q7); where addresses are verified, an
 * account at an identity provider, with which the registration was made. All of that ends in the transaction that verifies the
 * address, except where the browser is signed in to the account, or has proven a credential of it in a sign-in that waits:
 * then one person holds both; and except for an account at a provider that they have seen and kept.
 */
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { listConnectionsOf } from '../../../core/connections/index.ts'
import { claimAddress } from '../../identity/emails/index.ts'
import { listIdentities } from '../../identity/identities/index.ts'
import { lockUserRow, type User } from '../../identity/users/index.ts'
import { resumeAttempt } from '../attempts/index.ts'
import { type EndTools, endAllIdentities } from './identities.ts'
import { endPlanted } from './planted.ts'

/**
 * Verifies the address of a user who has proven the mailbox. The caller holds `lockAddress`.
 * @param options `endPassword` ends the password; absent where it is being replaced. `keepsIdentities`: the user has seen the
 * accounts at providers that will sign in to the account (`listForeseen`), and keeps them
 */
export async function proveMailbox(
  tools: EndTools,
  tx: Tx,
  call: Call,
  user: User,
  { endPassword, keepsIdentities = false }: { endPassword?: () => Promise<void>; keepsIdentities?: boolean },
): Promise<void> {
  await lockUserRow(tx, user.id)
  const isStrange = user.email_verified_at === null && !(await isHeldHere(tx, call, user.id))
  const isFirst = isStrange && isUnproven(user)
  await claimAddress(tools, tx, call, user)
  if (!isFirst) {
    if (isStrange && !keepsIdentities) await endAllIdentities(tools, tx, call, user)
    return
  }
  await endPassword?.()
  await endPlanted(tools, tx, call, user, { since: null, reason: 'revoked' })
}

/** Whether the first proof of the user's mailbox ends what was set up before. */
export const isUnproven = (user: User): boolean => user.email_unproven && user.email_verified_at === null

/** An account at a provider, as people call it. */
export interface ForeseenAccount {
  /** The name of its connection. */
  connection: string
  /** The name and the address that the provider has stated. */
  account: string
}

/**
 * The accounts at providers that will sign in to a user's account once its address is verified, of a browser that has not
 * proven to hold the account. @returns none where all of them end (`isUnproven`)
 */
export async function listForeseen(db: Statements, call: Call, user: User): Promise<ForeseenAccount[]> {
  if (user.email_verified_at !== null || isUnproven(user)) return []
  const identities = await listIdentities(db, user.id)
  if (identities.length === 0 || (await isHeldHere(db, call, user.id))) return []
  const ids = identities.flatMap(({ connection_id: id }) => id ?? [])
  const connections = ids.length === 0 ? [] : await listConnectionsOf(db, ids)
  return identities.map(({ connection_id: id, provider, name, email, subject }) => ({
    connection: connections.find((one) => one.id === id)?.name ?? provider,
    account: [name, email].filter((one) => one !== null).join(', ') || subject,
  }))
}

/** Whether the browser is signed in to the account, or has proven a credential of it. */
async function isHeldHere(db: Statements, call: Call, userId: string): Promise<boolean> {
  if (call.session && call.principal?.userId === userId) return true
  const token = call.cookies.attempt
  const attempt = token === undefined ? null : await resumeAttempt(db, token, call.now)
  return attempt?.userId === userId && attempt.proofs.length > 0
}
