/**
 * What becomes of the accounts at an organization's provider that a user has connected who is no member (any more): they are
 * disconnected, unless their connection is an authority for the account, whose address is of the organization's domain. Invariant: the
 * user keeps a way in; where they have none besides, the accounts stay and an e-mail says so, once: as long as one cannot
 * sign in, not yet.
 */
import { sql } from 'kysely'
import { findLocale, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { listConnectionsOf } from '../../../core/connections/index.ts'
import { countWaysIn, findWaysIn } from '../../../core/factors/index.ts'
import { recurs, runs, type Work } from '../../../core/jobs/index.ts'
import { endForeign, IS_FOREIGN, memberDeparted } from '../../../core/member-departed.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Identity, identityEmails, listIdentities } from '../../identity/identities/index.ts'
import { findUser, lockUserRow, type User } from '../../identity/users/index.ts'
import { endIdentity } from '../../signin/planted/index.ts'

type DepartureTools = Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'mail'>

export const departures = (tools: DepartureTools): Work[] => [
  runs(memberDeparted, (member, now) =>
    tools.db.tx('system', async (tx) => {
      const { organization_id: organizationId, user_id: userId, again = false } = member
      await lockUserRow(tx, userId)
      const user = await findUser(tx, userId)
      if (!user) return
      // none of a user who is a member again
      const foreign = await listForeign(tx, userId, organizationId)
      if (foreign.length === 0) return
      const ways = await findWaysIn(tools.config, tx, userId)
      const ids = foreign.map(({ id }) => id)
      for (const identity of foreign) {
        if (countWaysIn(ways, ids) > 0)
          await endIdentity(tools, tx, systemCall(now), user, identity, { reason: 'left_organization' })
        else if (identity.signs_in && (!again || identity.kept_at === null))
          await keep(tools, tx, user, identity, now)
      }
    }),
  ),
  // those who left before an earlier version knew the rule, and those who have another way in by now
  recurs('members.departed_before', '1d', (now) => endForeign(tools, {}, now)),
]

type ForeignIdentity = Identity & { signs_in: boolean }

/** With whether one can sign in now: its connection is active, or was deleted and one that may replace it is (`findIdentity`). */
async function listForeign(tx: Tx, userId: string, organizationId: string): Promise<ForeignIdentity[]> {
  const { rows } = await sql<{ id: string; signs_in: boolean }>`
    select i.id, exists (
      select from connections c where c.organization_id = i.organization_id and c.status = 'active' and (c.id = i.connection_id
        or (c.provider = i.provider and c.origin <> 'setup_link'
          and not exists (select from connections x where x.id = i.connection_id)))) as signs_in
    from identities i
    where i.user_id = ${userId} and i.organization_id = ${organizationId} and ${IS_FOREIGN}`.execute(tx)
  const found = new Map(rows.map(({ id, signs_in }) => [id, signs_in]))
  return (await listIdentities(tx, userId)).flatMap((identity) => {
    const signs_in = found.get(identity.id)
    return signs_in === undefined ? [] : [{ ...identity, signs_in }]
  })
}

async function keep(
  { config, mail }: Pick<DepartureTools, 'config' | 'mail'>,
  tx: Tx,
  { id: userId, email: to, locale }: User,
  { id, connection_id: connectionId, provider, email: account, name }: Identity,
  now: Date,
): Promise<void> {
  const [connection] = connectionId === null ? [] : await listConnectionsOf(tx, [connectionId])
  const email = identityEmails.kept(config, {
    to,
    locale: findLocale(locale) ?? systemCall(now).locale,
    connection: connection?.name ?? provider,
    account: account ?? name,
  })
  await tx.updateTable('identities').set({ kept_at: now }).where('id', '=', id).execute()
  await mail.write(tx, email, now, userId)
}
