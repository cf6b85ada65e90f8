/**
 * Sign-up, without account enumeration. With verification required, every registration runs the same statements and
 * answers the same 201, whether or not the address or the username is taken: it writes a pending user, who owns no
 * identifier, and a job selects the email afterwards. With verification off the identifiers are claimed immediately,
 * and a taken identifier is a 409.
 */
import type { Call } from '../../../base/call.ts'
import { type FieldError, invalid } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { auditInserts } from '../../../core/audit/index.ts'
import { defaultRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { createUser, getUser, type User } from '../../identity/users/index.ts'
import { mayCreateOrganization } from '../../organizations/organization/index.ts'
import { type Outcome, signInNewUser } from '../../signin/door/index.ts'
import { acceptFirstPassword, firstPassword, firstPasswordFaults } from '../../signin/passwords/index.ts'
import { registrationEmailJob } from './emails.ts'

export interface Registration {
  email: string
  password: string
  password_confirm?: string | undefined
  username?: string | undefined
  full_name?: string | undefined
  organization_name?: string | undefined
}

export interface Registered {
  user: User
  /** The sign-in, which waits for the verification where one is required. */
  outcome: Outcome
}

/** @throws Problem VALIDATION_ERROR; CONFLICT with verification off only */
export async function register(
  tools: Pick<Tools, 'db' | 'config' | 'counts' | 'hashing' | 'breaches' | 'jobs'>,
  call: Call,
  input: Registration,
  /** Where to continue when the address is verified; part of the email's link, for other browsers. */
  returnTo: string | null = null,
): Promise<Registered> {
  if (input.organization_name !== undefined && !mayCreateOrganization(tools, null))
    throw invalid('organization_name', 'not_allowed', 'Only administrators can create organizations.')
  const who = { email: input.email, username: input.username ?? null, fullName: input.full_name ?? null }
  const words = { ...who, organizations: namesOf(input.organization_name) }
  const password = await acceptFirstPassword(tools, input, words)
  const verifies = tools.config.emailVerification === 'required'
  const id = newId('usr')
  const registered = await tools.db.tx('system', async (tx): Promise<Registered> => {
    const about = [
      firstPassword(id, password, call.now),
      ...auditInserts(call, { type: 'user.registered', userId: id, username: who.username }),
    ]
    const created = createUser(
      tx,
      {
        ...who,
        id,
        locale: call.locale,
        roles: [defaultRole(tools.config)],
        status: verifies ? 'pending' : 'active',
        emailVerified: false,
        unproven: !verifies,
        organizationWish: input.organization_name,
      },
      call.now,
      about,
    )
    const onward = { user_id: id, locale: call.locale, ...(returnTo ? { return_to: returnTo } : {}) }
    const enqueued = verifies && tools.jobs.enqueue(tx, registrationEmailJob, onward, { now: call.now })
    const reading = getUser(tx, id)
    // sent at once; where the user cannot be created, the error of that is thrown and not those of what follows
    const following = Promise.all([reading, enqueued])
    following.catch(() => {})
    await created
    const [user] = await following
    return { user, outcome: await signInNewUser(tools, tx, call, user, 'registration', returnTo) }
  })
  tools.counts.registrations({ by: 'password' }).add()
  return registered
}

const namesOf = (organization: string | null | undefined): string[] => (organization ? [organization] : [])

/**
 * The faults of the password of a form that is refused for another field, so that one answer lists every fault. Reads
 * only what was sent, nothing that is stored.
 */
export const judgeRegistration =
  (tools: Pick<Tools, 'config' | 'breaches'>) =>
  async (sound: Readonly<Record<string, unknown>>): Promise<readonly FieldError[]> => {
    const text = (name: string): string | null => {
      const value = sound[name]
      return typeof value === 'string' ? value : null
    }
    const password = text('password')
    if (password === null) return []
    const chosen = { password, password_confirm: text('password_confirm') ?? undefined }
    const words = {
      email: text('email'),
      username: text('username'),
      fullName: text('full_name'),
      organizations: namesOf(text('organization_name')),
    }
    return await firstPasswordFaults(tools, chosen, words)
  }
