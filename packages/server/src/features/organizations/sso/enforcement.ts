/**
 * When members can be required to sign in by a connection, and when that lapses. Invariant: the requirement lapses with the
 * last active connection or the last proven domain, in the statement that judges each session (connectionsOf of
 * core/policies.ts), so that no member is locked out; the owners get one e-mail about each lapse.
 */
import { findLocale, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid } from '../../../base/errors.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { listOwners } from '../organization/index.ts'
import { bypassEmail, lapseEmail } from './mail.tsx'
import { claimChanged, selectNames, selectReadiness } from './sql.ts'

const LACKS = {
  connection:
    'This organization has no active sign-in connection, so that no member could sign in. Create one, or use `any`.',
  test: 'No active connection of this organization has been tested. Sign in by one in its test first, or use `any`.',
  domain: 'This organization has not proven a domain yet. Prove one, or use `any`.',
} as const

/**
 * Requires that members can sign in by a connection. System scope; the organization is locked.
 * @throws Problem VALIDATION_ERROR, with what is lacking
 */
export async function assertSsoPossible(tx: Tx, organizationId: string): Promise<void> {
  const { has_connection, has_tested, has_domain } = await selectReadiness(tx, organizationId)
  const lack = !has_connection ? 'connection' : !has_tested ? 'test' : !has_domain ? 'domain' : null
  if (lack !== null) throw invalid('sign_in', 'unavailable', LACKS[lack])
}

type WatchTools = Pick<Tools, 'config' | 'db' | 'mail'>

/** Organizations of one transaction. */
const BATCH = 50

/** The recurring job: records where the requirement has lapsed or holds again, and tells the owners. */
export async function watchEnforcement(tools: WatchTools, now: Date): Promise<void> {
  for (;;) {
    const { length } = await tools.db.tx('system', async (tx) => {
      const changed = await claimChanged(tx, BATCH, now)
      for (const { organization_id: id, name, lapsed } of changed) {
        const type = lapsed ? 'organization.sso.lapsed' : 'organization.sso.resumed'
        await audit(tx, systemCall(now), { type, userId: null, username: null, organizationId: id })
        if (!lapsed) continue
        for (const owner of await listOwners(tx, id)) {
          const locale = findLocale(owner.locale) ?? 'en'
          const email = lapseEmail(tools.config, { to: owner.email, locale, organization: { id, name } })
          await tools.mail.write(tx, email, now, owner.id)
        }
      }
      return changed
    })
    if (length < BATCH) return
  }
}

/** The e-mails to the other owners about one who acts without the connection. */
export const reportBypass = (
  tools: WatchTools,
  { organization_id: id, user_id: userId }: { organization_id: string; user_id: string },
  now: Date,
): Promise<void> =>
  tools.db.tx('system', async (tx) => {
    const names = await selectNames(tx, id, userId)
    if (!names) return
    const about = { organization: { id, name: names.organization }, by: names.user }
    for (const owner of await listOwners(tx, id)) {
      if (owner.id === userId) continue
      const locale = findLocale(owner.locale) ?? 'en'
      const email = bypassEmail(tools.config, { to: owner.email, locale, ...about })
      await tools.mail.write(tx, email, now, owner.id)
    }
  })
