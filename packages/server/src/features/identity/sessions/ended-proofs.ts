/**
 * The end of what a connection, or an account at a provider, has proven, in sessions. A session that another proof began continues without the ended ones, on the
 * level of what is left, and its access tokens are revoked; every other one ends. Invariant: no proof that has ended counts
 * again, also where the connection is used again; checks of sessions read nothing for that, because the proof is gone.
 */
import type { RawBuilder, SqlBool } from 'kysely'
import { acrOf, amrOf, type StoredProof } from '../../../base/assurance.ts'
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { hasAuthority, hasLostAuthority, type JudgedAuthority } from '../../../core/authority-ended.ts'
import { type EndedProofs, type EndedUse, hasEnded, keptProofs } from '../../../core/connection-ended.ts'
import { endOfflineFamilies, type OfflineEnd } from '../../../core/offline-families.ts'
import { revokeSessionTokens } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions } from './sessions.ts'
import {
  hasProof,
  lockAuthorities,
  lockProvenBy,
  selectFederated,
  selectUse,
  updateAuthority,
  updateKeptProofs,
} from './sql.ts'

/** The time of authentication of the proofs that are left. */
const lastOf = (proofs: readonly StoredProof[]): Date =>
  new Date(Math.max(...proofs.map(({ at }) => Date.parse(at))))

/**
 * What apps keep while the user is away, by ended proofs: it ends as a whole. Always after the sessions were locked, which the exchange
 * of a code holds: it is committed by then, or copies none of them.
 */
const keptBy = (ended: EndedProofs): Pick<OfflineEnd, 'where' | 'reason'> =>
  'identityId' in ended
    ? { where: hasProof({ identity: ended.identityId }), reason: 'identity_ended' }
    : { where: hasEnded(ended), reason: 'connection_ended' }

/** The same by an authority for the account that is none any more. */
const keptByAuthority = (of: JudgedAuthority): Pick<OfflineEnd, 'where' | 'reason'> => ({
  where: hasLostAuthority('token_families', of),
  reason: 'authority_ended',
})

/**
 * Ends proofs in the sessions of one user. @param keepSession a session that does not end: it keeps them where it has no other
 * @returns how many sessions ended
 */
async function endIn(
  { clock }: Pick<Tools, 'clock'>,
  tx: Tx,
  call: Call,
  userId: string,
  ended: EndedProofs,
  keepSession: string | null = null,
): Promise<number> {
  const sessions = await lockProvenBy(tx, userId, ended)
  await endOfflineFamilies(tx, call, { userId, ...keptBy(ended) })
  if (sessions.length === 0) return 0
  // after the lock: what was proven by a connection that is not used now was proven before its end
  const use = await selectUse(tx, userId, connectionsIn(sessions, ended))
  const over: string[] = []
  for (const { id, proofs } of sessions) {
    const kept = keptProofs(proofs, ended, use)
    if (kept === null) over.push(id)
    else if (kept.length < proofs.length) {
      const level = { acr: acrOf(kept), amr: amrOf(kept), proofs: JSON.stringify(kept) }
      await updateKeptProofs(tx, id, { ...level, authenticated_at: lastOf(kept) })
      await revokeSessionTokens(tx, id, clock.now())
    }
  }
  const ids = over.filter((id) => id !== keepSession)
  return ids.length === 0 ? 0 : await endSessions(tx, call, { ids, reason: 'revoked' })
}

/** Of which it matters whether they are used: those of the proofs, and the one that ended. */
const connectionsIn = (
  sessions: readonly { proofs: readonly StoredProof[] }[],
  { connectionId }: EndedProofs,
): string[] => [
  ...new Set([
    ...(connectionId === null ? [] : [connectionId]),
    ...sessions.flatMap(({ proofs }) => proofs.flatMap(({ connection }) => connection ?? [])),
  ]),
]

/**
 * Takes the authority for the account from what connections have proven in the sessions of a user that are none (any more), and
 * revokes the access tokens of these sessions, which may carry roles of the server. Of an address that changes, in that transaction.
 */
async function endAuthorityIn({ clock }: Pick<Tools, 'clock'>, tx: Tx, userId: string): Promise<void> {
  const { sessions, authorities } = await lockAuthorities(tx, userId)
  await endOfflineFamilies(tx, systemCall(clock.now()), { userId, ...keptByAuthority({ userId }) })
  const isLost = ({ authority, connection }: StoredProof): boolean =>
    authority === true && !authorities.has(connection ?? '')
  for (const { id, proofs } of sessions) {
    if (!proofs.some(isLost)) continue
    const left = proofs.map(({ authority, ...proof }) =>
      authority && !isLost({ authority, ...proof }) ? { ...proof, authority } : proof,
    )
    await updateAuthority(tx, id, left)
    await revokeSessionTokens(tx, id, clock.now())
  }
}

const EXAMINED = 1000

/**
 * Ends proofs in all sessions. A transaction for each user, and statements of a bounded part of the sessions, however many there
 * are. @returns how many sessions ended
 */
async function endEverywhere(
  tools: Pick<Tools, 'clock' | 'db'>,
  call: Call,
  ended: EndedUse,
): Promise<number> {
  let count = 0
  await eachUser(tools, hasProof({ connection: ended.connectionId }), async (tx, userId) => {
    count += await endIn(tools, tx, call, userId, ended)
  })
  // of users whose sessions have ended before
  await tools.db.tx('system', (tx) => endOfflineFamilies(tx, call, keptBy(ended)))
  return count
}

/** Takes the authority that the connections of an organization have lost, from all sessions, in the same way. */
async function endAuthorityOf(tools: Pick<Tools, 'clock' | 'db'>, organizationId: string): Promise<void> {
  const of = { organizationId }
  await eachUser(tools, hasAuthority(of), (tx, userId) => endAuthorityIn(tools, tx, userId))
  await tools.db.tx('system', (tx) =>
    endOfflineFamilies(tx, systemCall(tools.clock.now()), keptByAuthority(of)),
  )
}

async function eachUser(
  { db }: Pick<Tools, 'db'>,
  isMeant: RawBuilder<SqlBool>,
  end: (tx: Tx, userId: string) => Promise<void>,
): Promise<void> {
  for (let after = ''; ; ) {
    const { last, users } = await db.tx('system', (tx) => selectFederated(tx, isMeant, after, EXAMINED))
    for (const id of users) await db.tx('system', (tx) => end(tx, id))
    if (last === null) return
    after = last
  }
}

export const provenSessions = { endIn, endEverywhere, endAuthorityIn, endAuthorityOf }
