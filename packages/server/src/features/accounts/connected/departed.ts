/**
 * What becomes of the accounts at an organization's provider that a former member has connected: they are disconnected, unless
 * their connection is an authority for the account, whose address is of the organization's domain. Invariant: the user
 * keeps a way in; where they have none besides, the accounts stay and an e-mail says so.
 */
import { findLocale, systemCall } from '../../../base/call.ts'
import { listConnectionsOf } from '../../../core/connections/index.ts'
import { countWaysIn, findSignInFacts, findWaysIn } from '../../../core/factors/index.ts'
import { runs, type Work } from '../../../core/jobs/index.ts'
import { memberDeparted } from '../../../core/member-departed.ts'
import type { Tools } from '../../../core/tools.ts'
import { identityEmails, listIdentities } from '../../identity/identities/index.ts'
import { findUser, lockUserRow } from '../../identity/users/index.ts'
import { findOrganizationFor } from '../../organizations/members/index.ts'
import { endIdentity } from '../../signin/planted/index.ts'

export const departures = (tools: Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'mail'>): Work =>
  runs(memberDeparted, ({ organization_id: organizationId, user_id: userId }, now) =>
    tools.db.tx('system', async (tx) => {
      await lockUserRow(tx, userId)
      const user = await findUser(tx, userId)
      // deleted, or a member again
      if (!user || (await findOrganizationFor(tx, organizationId, userId))?.isMember) return
      const { authorities = [] } = await findSignInFacts(tools, tx, userId, now)
      const foreign = (await listIdentities(tx, userId)).filter(
        ({ organization_id: of, connection_id: by }) =>
          of === organizationId && !authorities.includes(by ?? ''),
      )
      if (foreign.length === 0) return
      const ways = await findWaysIn(tools.config, tx, userId)
      const ids = foreign.map(({ id }) => id)
      const call = systemCall(now)
      for (const identity of foreign) {
        if (countWaysIn(ways, ids) > 0) {
          await endIdentity(tools, tx, call, user, identity, { reason: 'left_organization' })
          continue
        }
        const { connection_id: id, provider } = identity
        const [connection] = id === null ? [] : await listConnectionsOf(tx, [id])
        const email = identityEmails.kept(tools.config, {
          to: user.email,
          locale: findLocale(user.locale) ?? call.locale,
          connection: connection?.name ?? provider,
          account: identity.email ?? identity.name,
        })
        await tools.mail.write(tx, email, now, userId)
      }
    }),
  )
