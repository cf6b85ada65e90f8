/**
 * The first administrator: created through a single-use set-up link that the first start prints, or headless from the
 * environment. There is no default password. Invariant: of any number of concurrent uses of the link, one creates the
 * administrator; once an administrator exists, no set-up link works.
 */
import { sql } from 'kysely'
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { checkLink, issueLink, linkProblem, revokeLinks, useLink } from '../../../core/links/index.ts'
import { adminRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { hasActiveHolder } from '../../identity/lifecycle/index.ts'
import { createUser, getUser } from '../../identity/users/index.ts'
import { type Outcome, signInNewUser } from '../../signin/door/index.ts'
import { type AcceptedPassword, acceptFirstPassword, firstPassword } from '../../signin/passwords/index.ts'
import type { Registration } from './register.ts'

const SETUP_LIFETIME = 24 * 3_600_000

type SetupTools = Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches' | 'jobs'>

export const hasAdministrator = (tools: Pick<Tools, 'db' | 'config'>): Promise<boolean> =>
  tools.db.tx('system', (tx) => hasActiveHolder(tx, adminRole(tools.config)))

/** Issues a set-up link and revokes earlier ones. @returns its URL, or null where an administrator exists */
export async function printSetupLink(tools: Pick<Tools, 'db' | 'config'>, now: Date): Promise<string | null> {
  return await tools.db.tx('system', async (tx) => {
    await lockSetup(tx)
    if (await hasActiveHolder(tx, adminRole(tools.config))) return null
    await revokeLinks(tx, 'setup', null, now)
    const token = await issueLink(tx, { purpose: 'setup', userId: null, lifetime: SETUP_LIFETIME }, now)
    await audit(tx, systemCall(now), { type: 'system.setup_link.created', userId: null, username: null })
    return `${tools.config.publicUrl}/setup/${token}`
  })
}

/** Checks the link without consuming it. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED */
export async function assertSetupLink(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
  token: string,
): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const verdict = await checkLink(tx, 'setup', token, call.now)
    if ('refused' in verdict) throw linkProblem(verdict.refused)
    if (await hasActiveHolder(tx, adminRole(tools.config))) throw administratorExists()
  })
}

const administratorExists = (): Problem =>
  problem('INVALID_TOKEN', {
    message: 'An administrator exists already.',
    details: { reason: 'administrator_exists' },
  })

/** Creates the first administrator and signs them in. @throws Problem INVALID_TOKEN, TOKEN_EXPIRED, VALIDATION_ERROR */
export async function setUpAdministrator(
  tools: SetupTools,
  call: Call,
  token: string,
  input: Registration,
): Promise<Outcome> {
  await assertSetupLink(tools, call, token)
  const who = { email: input.email, fullName: input.full_name ?? null }
  const password = await acceptFirstPassword(tools, input, who)
  return await tools.db.tx('system', async (tx) => {
    await lockSetup(tx)
    await useLink(tx, 'setup', token, call.now)
    if (await hasActiveHolder(tx, adminRole(tools.config))) throw administratorExists()
    const id = await createAdministrator(tools, tx, call, input, password)
    const user = await getUser(tx, id)
    return await signInNewUser(tools, tx, call, user, 'setup_link')
  })
}

/**
 * Creates it at start from LATCHKEY_ADMIN_EMAIL, LATCHKEY_ADMIN_USERNAME and LATCHKEY_ADMIN_PASSWORD.
 * @returns whether it was created
 */
export async function ensureAdministrator(tools: SetupTools, now: Date): Promise<boolean> {
  const { adminEmail, adminUsername, adminPassword } = tools.config
  if (adminEmail === null || adminPassword === null || (await hasAdministrator(tools))) return false
  const call = systemCall(now)
  const names = { email: adminEmail, username: adminUsername }
  const password = await acceptFirstPassword(tools, { password: adminPassword }, names)
  return await tools.db.tx('system', async (tx) => {
    await lockSetup(tx)
    if (await hasActiveHolder(tx, adminRole(tools.config))) return false
    const username = adminUsername ?? undefined
    await createAdministrator(tools, tx, call, { email: adminEmail, username }, password)
    return true
  })
}

/** Serializes set-up across nodes that start at the same time (advisory lock until the commit). */
async function lockSetup(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey first administrator', 0))`.execute(tx)
}

/** The address counts as verified: only the operator has the link or sets the environment. */
async function createAdministrator(
  tools: Pick<Tools, 'config'>,
  tx: Tx,
  call: Call,
  input: Omit<Registration, 'password'>,
  password: AcceptedPassword,
): Promise<string> {
  const id = newId('usr')
  await createUser(
    tx,
    {
      id,
      email: input.email,
      username: input.username ?? null,
      fullName: input.full_name ?? null,
      locale: null,
      roles: [adminRole(tools.config)],
      status: 'active',
      emailVerified: true,
    },
    call.now,
    [firstPassword(id, password, call.now)],
  )
  await audit(tx, call, {
    type: 'user.created',
    userId: id,
    username: input.username ?? null,
    details: { administrator: true },
  })
  return id
}
