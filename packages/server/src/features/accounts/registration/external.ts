/**
 * Registration by a first sign-in with an identity provider: an account without a password. Its address is verified by the
 * provider's word, which the caller judges, or by an e-mail, as that of every registration.
 */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { defaultRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { insertUserProfile } from '../../identity/profiles/index.ts'
import { createUser, getUser, type User } from '../../identity/users/index.ts'
import { mayCreateOrganization } from '../../organizations/organization/index.ts'
import type { NewPerson } from '../../signin/federation/index.ts'
import { registrationEmailJob } from './emails.ts'
import { registrationText } from './texts.ts'

/**
 * Creates the account. One whose address is verified is pending until the caller claims the address, in this transaction.
 * @throws Problem CONFLICT where addresses are not verified and it is taken
 */
export async function registerExternally(
  tools: Pick<Tools, 'config' | 'counts' | 'jobs'>,
  tx: Tx,
  call: Call,
  { email, isVerified, fullName, profile, returnTo }: NewPerson,
): Promise<User> {
  const { config, jobs } = tools
  const verifies = config.emailVerification === 'required'
  const isPending = verifies || isVerified
  const id = newId('usr')
  const wishes = config.externalOrganization === 'create' && mayCreateOrganization(tools, null)
  await createUser(
    tx,
    {
      id,
      email,
      username: null,
      fullName,
      locale: call.locale,
      roles: [defaultRole(config)],
      status: isPending ? 'pending' : 'active',
      emailVerified: false,
      unproven: !isPending,
      organizationWish: wishes ? organizationOf(call, fullName ?? email.split('@')[0] ?? email) : null,
    },
    call.now,
    Object.keys(profile).length === 0
      ? []
      : [insertUserProfile({ user_id: id, claims: JSON.stringify(profile) })],
  )
  await audit(tx, call, { type: 'user.registered', userId: id, username: null })
  if (verifies && !isVerified) {
    const onward = { user_id: id, locale: call.locale, ...(returnTo ? { return_to: returnTo } : {}) }
    await jobs.enqueue(tx, registrationEmailJob, onward, { now: call.now })
  }
  tx.afterCommit(() => tools.counts.registrations({ by: 'provider' }).add())
  return await getUser(tx, id)
}

/** The name of a new organization, within the limit of names of organizations. */
const organizationOf = ({ locale }: Call, name: string): string =>
  registrationText(locale, 'external.organization', { name: name.slice(0, 60) })
