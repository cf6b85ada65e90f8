/**
 * The first administrator: by a link of single use that the first start prints, or headless by the
 * environment. Never a default password. Invariant: of any number who use the link at once, one is made
 * administrator; and once there is one, no link works.
 */
import { sql } from 'kysely'
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { checkLink, issueLink, linkProblem, revokeLinks, useLink } from '../../../core/links/index.ts'
import { adminRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { hasActiveHolder } from '../../identity/lifecycle/index.ts'
import { createUser, getUser } from '../../identity/users/index.ts'
import { type Outcome, signInNewUser } from '../../signin/door/index.ts'
import { acceptFirstPassword, acceptPassword, setFirstPassword } from '../../signin/passwords/index.ts'
import type { Registration } from './register.ts'

const SETUP_LIFETIME = 24 * 3_600_000

type SetupTools = Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches' | 'jobs'>

export const hasAdministrator = (tools: Pick<Tools, 'db' | 'config'>): Promise<boolean> =>
  tools.db.tx('system', (tx) => hasActiveHolder(tx, adminRole(tools.config)))

/** A fresh link for the first administrator; earlier ones stop working. @returns its URL, or null where there is one already */
export async function printSetupLink(tools: Pick<Tools, 'db' | 'config'>, now: Date): Promise<string | null> {
  return await tools.db.tx('system', async (tx) => {
    await oneAtATime(tx)
    if (await hasActiveHolder(tx, adminRole(tools.config))) return null
    await revokeLinks(tx, 'setup', null, now)
    const token = await issueLink(tx, { purpose: 'setup', userId: null, lifetime: SETUP_LIFETIME }, now)
    await audit(tx, systemCall(now), { type: 'system.setup_link.created', userId: null, username: null })
    return `${tools.config.publicUrl}/setup/${token}`
  })
}

/** Whether the link would work, without using it. @throws INVALID_TOKEN, TOKEN_EXPIRED */
export async function checkSetupLink(tools: Pick<Tools, 'db'>, call: Call, token: string): Promise<void> {
  const verdict = await tools.db.tx('system', (tx) => checkLink(tx, 'setup', token, call.now))
  if ('refused' in verdict) throw linkProblem(verdict.refused)
}

/** Makes the first administrator by the link, and signs them in. @throws INVALID_TOKEN, TOKEN_EXPIRED, VALIDATION_ERROR */
export async function setUpAdministrator(
  tools: SetupTools,
  call: Call,
  token: string,
  input: Registration,
): Promise<Outcome> {
  await checkSetupLink(tools, call, token)
  const who = { email: input.email, fullName: input.full_name ?? null }
  const hash = await acceptFirstPassword(tools, input, who)
  return await tools.db.tx('system', async (tx) => {
    await oneAtATime(tx)
    await useLink(tx, 'setup', token, call.now)
    if (await hasActiveHolder(tx, adminRole(tools.config))) throw problem('INVALID_TOKEN')
    const id = await createAdministrator(tools, tx, call, input, hash)
    const user = await getUser(tx, id)
    return await signInNewUser(tools, tx, call, user, 'setup_link')
  })
}

/** At start, from LATCHKEY_ADMIN_EMAIL and LATCHKEY_ADMIN_PASSWORD. @returns whether one was made */
export async function ensureAdministrator(tools: SetupTools, now: Date): Promise<boolean> {
  const { adminEmail, adminPassword } = tools.config
  if (adminEmail === null || adminPassword === null || (await hasAdministrator(tools))) return false
  const call = systemCall(now)
  const hash = await acceptPassword(tools, adminPassword, { email: adminEmail })
  return await tools.db.tx('system', async (tx) => {
    await oneAtATime(tx)
    if (await hasActiveHolder(tx, adminRole(tools.config))) return false
    await createAdministrator(tools, tx, call, { email: adminEmail, password: adminPassword }, hash)
    return true
  })
}

/** Several nodes may start at once; the first administrator is made, or asked for, by one of them. */
async function oneAtATime(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('latchkey first administrator', 0))`.execute(tx)
}

/** The operator vouches for the address: whoever holds the link or the environment runs the server. */
async function createAdministrator(
  tools: Pick<Tools, 'config'>,
  tx: Tx,
  call: Call,
  input: Registration,
  hash: string,
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
  )
  await setFirstPassword(tx, id, hash, call.now)
  await audit(tx, call, {
    type: 'user.created',
    userId: id,
    username: input.username ?? null,
    details: { administrator: true },
  })
  return id
}
