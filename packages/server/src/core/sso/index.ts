/**
 * Required sign-in by a connection, as far as credentials depend on it. Break-glass: that a session acts in an organization without
 * the connection that its security policy requires, as an owner may (core/policies.ts), is recorded where credentials are checked
 * or issued, once for each session and organization, in one conditional statement with its audit event. Owns the table
 * `sso_bypasses`. And where connections or domains change, access tokens that state what the organization no longer permits are
 * revoked. Leaves the e-mails to organizations/sso.
 */
import { sql } from 'kysely'
import { z } from 'zod'
import type { Call } from '../../base/call.ts'
import type { Clock } from '../../base/clock.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { audit } from '../audit/index.ts'
import { type Jobs, job } from '../jobs/index.ts'
import { countingFor, type Requirable, requirableConnections } from '../policies.ts'
import { revokeMember, revokeOrganization } from '../revocations/index.ts'

export const ssoBypassed = job(
  'organizations.sso_bypassed',
  z.object({ organization_id: z.string(), user_id: z.string() }),
)

export interface Bypass {
  organizationId: string
  sessionId: string
  userId: string
  username: string | null
}

/** How many recorded bypasses a process remembers. */
const REMEMBERED = 10_000

/**
 * Makes what records a bypass, unless that of the session is recorded already. It remembers those that are, so that further
 * requests of the session cost no statement; their rows are deleted with the session or the organization alone.
 */
export function createBypassRecorder(tools: BypassTools): (call: Call, bypass: Bypass) => Promise<void> {
  const recorded = new Set<string>()
  return async (call, bypass) => {
    const key = `${bypass.sessionId} ${bypass.organizationId}`
    if (recorded.has(key)) return
    await recordBypass(tools, call, bypass)
    const [oldest = key] = recorded
    if (recorded.size >= REMEMBERED) recorded.delete(oldest)
    recorded.add(key)
  }
}

export interface BypassTools {
  db: Db
  jobs: Jobs
}

/** Records a bypass, unless that of the session is recorded already. */
export const recordBypass = (
  { db, jobs }: BypassTools,
  call: Call,
  { organizationId, sessionId, userId, username }: Bypass,
): Promise<void> =>
  db.tx('system', async (tx) => {
    const first = await tx
      .insertInto('sso_bypasses')
      .values({ session_id: sessionId, organization_id: organizationId, at: call.now })
      .onConflict((conflict) => conflict.columns(['session_id', 'organization_id']).doNothing())
      .returning('session_id')
      .executeTakeFirst()
    if (!first) return
    await audit(tx, call, {
      type: 'organization.sso.bypassed',
      userId,
      username,
      organizationId,
      sessionId,
    })
    const payload = { organization_id: organizationId, user_id: userId }
    await jobs.enqueue(tx, ssoBypassed, payload, { now: call.now })
  })

/** The connections by which members have to sign in now; null: the policy requires none. */
async function selectRequired(tx: Tx, organizationId: string): Promise<Requirable | null> {
  const { rows } = await sql<{ requirable: Requirable }>`
    select ${requirableConnections(sql`p.organization_id`)} as requirable from security_policies p
    where p.organization_id = ${organizationId} and p.sign_in = 'sso_required'`.execute(tx)
  return rows[0]?.requirable ?? null
}

/**
 * Runs a change of an organization's connections or domains. Where sign-ins count no longer that did before it, because the
 * requirement holds again after it had lapsed, or holds without one of its connections for some of the members, the access tokens
 * that name the organization are revoked: services verify them without us. The organization is locked; as the system.
 */
export async function changingRequirement<T>(
  { clock }: { clock: Pick<Clock, 'now'> },
  tx: Tx,
  organizationId: string,
  change: () => Promise<T>,
): Promise<T> {
  const before = await selectRequired(tx, organizationId)
  const result = await change()
  if (before === null) return result
  const after = await selectRequired(tx, organizationId)
  if (after && isStricter(before, after)) await revokeOrganization(tx, organizationId, clock.now())
  return result
}

/** Whether a sign-in counts no longer for a member of any domain. */
function isStricter(before: Requirable, after: Requirable): boolean {
  const domains = [before, after].flatMap(({ connections, waiting }) => [
    ...connections.flatMap(({ leads }) => leads),
    ...waiting,
  ])
  return [null, ...new Set(domains)].some((domain) => isStricterFor(before, after, domain))
}

function isStricterFor(before: Requirable, after: Requirable, domain: string | null): boolean {
  const [counted, counting] = [countingFor(before, domain), countingFor(after, domain)]
  const waits = ({ waiting }: Requirable) => domain !== null && waiting.includes(domain)
  if (counting.length > 0) return counted.length === 0 || counted.some((id) => !counting.includes(id))
  // without a requirement any sign-in counts, and where the domain waits, none by the connection of a set-up link
  if (!waits(after)) return false
  const isOfLink = (id: string) => before.connections.some((one) => one.id === id && !one.speaks_for_all)
  return counted.length === 0 ? !waits(before) : counted.some(isOfLink)
}

/**
 * The same for one user whose address has changed, or is verified no more: of the connections of set-up links, other ones may
 * count for them. As the system.
 */
export async function revokeRequired(tx: Tx, userId: string, clock: Pick<Clock, 'now'>): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select m.organization_id as id from memberships m join security_policies p using (organization_id)
    where m.user_id = ${userId} and p.sign_in = 'sso_required' and exists (
      select from connections c
      where c.organization_id = m.organization_id and c.status = 'active' and c.origin = 'setup_link')
    order by id`.execute(tx)
  for (const { id } of rows) await revokeMember(tx, id, userId, clock)
}
