/**
 * The rules of sessions. A session is stored on the server and named by an opaque token of 256 random bits; only the
 * token's hash is stored. It ends by an idle timeout, an absolute timeout, its owner or a security rule; the end is
 * final. Only `signin` starts sessions (tests/architecture.test.ts). Last-seen timestamps are collected
 * in memory and written in batches (base/sightings.ts); a crash loses seconds of them, which shortens the idle time.
 */

import type { CompiledQuery } from 'kysely'
import { acrOf, amrOf, type StoredProof } from '../../../base/assurance.ts'
import { type Call, type CallSession, findLocale, type Principal, systemCall } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { digestBytes, digestKey, randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Db, Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import type { Eventual } from '../../../base/eventual.ts'
import type { Verdict } from '../../../base/http/request/authenticate.ts'
import { createRowCache, derived, subjectOfCredential } from '../../../base/row-cache.ts'
import { actsForAccount, levelIn, mergeProofs } from '../../../base/session-proofs.ts'
import { createSightings } from '../../../base/sightings.ts'
import { type AuditEntry, audit } from '../../../core/audit/index.ts'
import { accountLocked, isLocked } from '../../../core/locks.ts'
import { endOfflineFamilies } from '../../../core/offline-families.ts'
import { actsUntil, createPolicyCompletion, isBypassing } from '../../../core/policies.ts'
import { LONGEST_SESSION_TOKEN, revoke } from '../../../core/revocations/index.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import { createBypassRecorder } from '../../../core/sso/index.ts'
import { appFamiliesOf } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type CheckedRow,
  deleteEndedSessionsBefore,
  type EndedSession,
  insertSession,
  lockProofs,
  selectOwnersBefore,
  sessionCheck,
  updateEnded,
  updateEndedOf,
  updateExpired,
  updateSeen,
  updateSessionOrganization,
  updateToken,
  updateUnsettled,
  type Which,
} from './sql.ts'
import type { SessionsTable } from './tables.ts'

/** `st_` and 43 characters of base64url. The whole text is hashed, so any change of it is another token. */
const TOKEN = /^st_[A-Za-z0-9_-]{43}$/

/** How long an ended session is kept, so that its token is distinguished from an unknown one. */
const KEEP_ENDED = 30 * 86_400_000
/** How often last-seen timestamps are written. */
const SEEN_EVERY = 15_000

export interface StartedSession {
  id: string
  /** Null after a step-up by a caller who holds another credential of the session: it gets no new token. */
  token: string | null
  expiresAt: Date
  /** Whether the cookie outlives the browser. */
  remember: boolean
}

/**
 * Starts a session under a new id for a user whose sign-in is complete. Called by `signin` only.
 * @returns the session, and the statement that inserts it
 */
export function startSession(
  tools: Pick<Tools, 'config'>,
  call: Call,
  session: {
    id: string
    userId: string
    /** What the sign-in has proven. */
    proofs: readonly StoredProof[]
    remember: boolean
    /** Of a session without an idle limit, instead of the configured lifetimes. Milliseconds. */
    programLifetime?: number
  },
): { session: StartedSession; insert: CompiledQuery } {
  const { id } = session
  const { absolute, idle } = limitsOf(tools, session)
  const token = `st_${randomSecret()}`
  const expiresAt = later(call.now, absolute)
  const insert = insertSession({
    id,
    user_id: session.userId,
    token_hash: sha256(token),
    created_at: call.now,
    authenticated_at: call.now,
    last_seen_at: call.now,
    expires_at: expiresAt,
    idle_seconds: Math.round(idle / 1000),
    remember: session.remember,
    amr: amrOf(session.proofs),
    acr: acrOf(session.proofs),
    proofs: JSON.stringify(mergeProofs([], session.proofs)),
    ip_address: call.ip,
    user_agent: call.userAgent,
    ended_at: null,
    end_reason: null,
    signed_in_by: session.proofs.find(({ organization }) => organization !== undefined)?.organization ?? null,
  })
  return { session: { id, token, expiresAt, remember: session.remember }, insert }
}

function limitsOf(
  { config }: Pick<Tools, 'config'>,
  { remember, programLifetime }: { remember: boolean; programLifetime?: number },
): { absolute: number; idle: number } {
  if (programLifetime !== undefined) return { absolute: programLifetime, idle: programLifetime }
  return remember
    ? { absolute: config.rememberAbsolute, idle: config.rememberIdle }
    : { absolute: config.sessionAbsolute, idle: config.sessionIdle }
}

/**
 * Adds proofs to the caller's session: it has the level that all of them reach, and the time of authentication is now. It
 * gets a new token, unless the caller holds an access token of it. Called by `signin` only.
 * @throws Problem AUTHENTICATION_REQUIRED if the session ended meanwhile
 */
export async function raiseSession(
  tx: Tx,
  call: Call,
  { id, userId, proofs }: { id: string; userId: string; proofs: readonly StoredProof[] },
): Promise<StartedSession> {
  const former = await lockProofs(tx, id, userId)
  if (former === null) throw problem('AUTHENTICATION_REQUIRED')
  const merged = mergeProofs(former, proofs)
  const token = call.session?.via === 'token' ? null : `st_${randomSecret()}`
  const row = await updateToken(tx, id, token === null ? null : sha256(token), call.now, {
    amr: amrOf(merged),
    acr: acrOf(merged),
    proofs: JSON.stringify(merged),
  })
  if (!row) throw problem('AUTHENTICATION_REQUIRED')
  return { id, token, expiresAt: row.expires_at, remember: row.remember }
}

/**
 * Sets the organization that the session acts in, or none, and issues a new token, because the session's permissions
 * have changed. The time of authentication stays, unlike after `raiseSession`. System scope.
 * @throws Problem AUTHENTICATION_REQUIRED if the session ended meanwhile
 */
export async function moveSession(
  tx: Tx,
  id: string,
  organizationId: string | null,
): Promise<StartedSession> {
  const token = `st_${randomSecret()}`
  const row = await updateSessionOrganization(tx, id, organizationId, sha256(token))
  if (!row) throw problem('AUTHENTICATION_REQUIRED')
  return { id, token, expiresAt: row.expires_at, remember: row.remember }
}

export const settling = {
  /** As moveSession, with the same token: for callers that do not hold it, or have created or joined the organization. */
  async session(tx: Tx, id: string, organizationId: string | null): Promise<void> {
    if (!(await updateSessionOrganization(tx, id, organizationId, null)))
      throw problem('AUTHENTICATION_REQUIRED')
  },
  /** Sets the organization of the user's sessions that act in none; their tokens stay. */
  sessionsOf: (tx: Tx, userId: string, organizationId: string): Promise<void> =>
    updateUnsettled(tx, userId, organizationId),
}

type EndReason = Exclude<NonNullable<SessionsTable['end_reason']>, 'expired'>

/** Sessions of a user, or those of these ids, which may be of several users. */
type EndedBy = { reason: EndReason } & (
  | (Which & {
      username: string | null
      /** What apps keep while the user is away ends as well, in the system scope; where the reason demands it, it does anyway. */
      withApps?: true
    })
  | { ids: readonly string[] }
)

/** Whether a reason concerns the account as a whole, and not sessions alone. */
const IS_OF_ACCOUNT: Readonly<Record<EndReason, boolean>> = {
  signed_out: false,
  revoked: false,
  password_changed: true,
  disabled: true,
  locked: true,
  email_changed: true,
}

/** Ends sessions with their tokens, and writes an audit event for each. @returns how many this call ended */
export async function endSessions(tx: Tx, call: Call, which: EndedBy): Promise<number> {
  const { reason } = which
  const ended = await updateWhich(tx, which, call.now)
  const lastToken = later(call.now, LONGEST_SESSION_TOKEN).getTime()
  const revoked = ended.map(({ id, expires_at }) => ({
    kind: 'sid' as const,
    value: id,
    until: new Date(Math.min(expires_at.getTime(), lastToken)),
  }))
  await revoke(tx, revoked, call.now)
  await revokeUnnamed(tx, ended, call.now)
  const events = ended.map(({ id, user_id: userId, username }): AuditEntry => {
    const about = { userId, username, sessionId: id }
    return reason === 'signed_out'
      ? { type: 'auth.logout', ...about }
      : { type: 'auth.session.revoked', ...about, details: { reason } }
  })
  await audit(tx, call, ...events)
  if ('userId' in which && (which.withApps || IS_OF_ACCOUNT[reason]))
    await endOfflineFamilies(tx, call, which)
  return ended.length
}

/** The tokens of apps with pairwise subjects, which do not name the session. */
async function revokeUnnamed(tx: Tx, ended: readonly EndedSession[], now: Date): Promise<void> {
  if (ended.length === 0) return
  const ids = ended.map(({ id }) => id)
  const until = new Date(now.getTime() + LONGEST_SESSION_TOKEN)
  await tx.asSystem(async (system) => {
    const families = await appFamiliesOf(system, ids)
    const entries = families.map((value) => ({ kind: 'family' as const, value, until }))
    await revoke(system, entries, now)
  })
}

async function updateWhich(tx: Tx, { reason, ...which }: EndedBy, now: Date): Promise<EndedSession[]> {
  if ('ids' in which) return await updateEndedOf(tx, which.ids, reason, now)
  const { username, ...who } = which
  const rows = await updateEnded(tx, who, reason, now)
  return rows.map((row) => ({ ...row, user_id: who.userId, username }))
}

/** Ends every session that was started until then, a few users at a time. @returns how many */
async function endStartedUntil(db: Db, call: Call, before: Date): Promise<number> {
  for (let count = 0; ; ) {
    const owners = await db.tx('system', (tx) => selectOwnersBefore(tx, before, OWNERS_AT_ONCE))
    if (owners.length === 0) return count
    for (const { id: userId, username } of owners) {
      const which = { userId, username, reason: 'revoked', startedUntil: before } as const
      count += await db.tx('system', (tx) => endSessions(tx, call, which))
    }
  }
}
const OWNERS_AT_ONCE = 100

export interface SessionChecks {
  /** The principal of a session token, from memory or from the database in one statement; a refusal is always from the database. */
  check(token: string, via: 'cookie' | 'bearer', now: Date): Eventual<Verdict>
  /** Records the use of a session by another credential than its own token (a refresh token). */
  saw(id: string, now: Date): void
  /** Writes the last-seen timestamps collected so far. */
  flush(): Promise<void>
  /** Ends expired sessions, and deletes those that ended long ago. */
  sweep(now: Date): Promise<void>
  /** Ends every session that was started until then, with its tokens. @returns how many */
  endStartedUntil(call: Call, until: Date): Promise<number>
  /** The latest last-seen timestamp, stored or still in memory. */
  lastSeen(id: string, stored: Date): Date
}

/** The check of session tokens on every request, with last-seen timestamps in memory. */
export function sessionChecks(
  tools: Pick<Tools, 'db' | 'log' | 'roles' | 'changes' | 'config' | 'jobs' | 'sharedRows'>,
): SessionChecks {
  const { roles, db, log, changes, config, sharedRows } = tools
  const statement = sessionCheck(db.hot, sharedRows !== null)
  const completePolicy = createPolicyCompletion(db)
  const rows = createRowCache<CheckedRow>({
    changes,
    most: config.cachedCredentials,
    subjectOf: subjectOfCredential,
    shared: sharedRows?.store(statement.sql) ?? null,
    read: async (digest) => {
      const [stored] = await db.run(statement, [digestBytes(digest)])
      if (!stored) return undefined
      const row = await completePolicy(stored)
      const proven = { proofs: row.proofs, authenticatedAt: row.authenticated_at }
      return { ...row, acts_until: actsUntil(row, proven) }
    },
  })
  const recordBypass = createBypassRecorder(tools)
  const sightings = createSightings({
    name: 'sessions',
    every: SEEN_EVERY,
    write: (ids, at) => db.tx('system', (tx) => updateSeen(tx, ids, at)),
    log,
  })

  function check(token: string, via: 'cookie' | 'bearer', now: Date): Eventual<Verdict> {
    if (!TOKEN.test(token)) return { refused: unknown(via) }
    const key = digestKey(token)
    const cached = rows.find(key)
    return cached && permits(cached, now) ? accepted(cached, via, now) : checkStored(key, via, now)
  }

  /** Memory permits only: what an organization's policy refuses is read again, as what the session itself is refused for. */
  const permits = (row: CheckedRow, now: Date): boolean =>
    isActing(row, now) && judge(row, sightings.latest(row.id, row.last_seen_at), now) === 'good'

  async function checkStored(key: string, via: 'cookie' | 'bearer', now: Date): Promise<Verdict> {
    const row = await rows.load(key, (shared) => permits(shared, now))
    if (!row) return { refused: unknown(via) }
    const verdict = judge(row, sightings.latest(row.id, row.last_seen_at), now)
    if (verdict === 'expired') await expire(now, row.id)
    if (verdict === 'expired' || row.end_reason === 'expired') return { refused: problem('SESSION_EXPIRED') }
    if (verdict === 'disabled') return { refused: problem('ACCOUNT_DISABLED') }
    if (verdict === 'locked') return { refused: accountLocked(row, now) }
    if (verdict === 'ended') return { refused: unknown(via) }
    if (isActing(row, now) && isBypassing(row, row)) await recordBypassOf(row, now)
    return accepted(row, via, now)
  }

  const recordBypassOf = async (
    { acting_in, id, user_id, username }: CheckedRow,
    now: Date,
  ): Promise<void> => {
    if (acting_in === null) return
    const bypass = { organizationId: acting_in, sessionId: id, userId: user_id, username }
    await recordBypass(systemCall(now), bypass)
  }

  function accepted(row: CheckedRow, via: 'cookie' | 'bearer', now: Date): Verdict {
    sightings.see(row.id, now)
    // the row outlives the timestamp in `sightings`, which is dropped when it was written
    if (now > row.last_seen_at) row.last_seen_at = now
    const isInOrganization = isActing(row, now)
    if (via === 'cookie') return (isInOrganization ? byCookie : byCookieAlone)(row, roles.all())
    return (isInOrganization ? byBearer : byBearerAlone)(row, roles.all())
  }

  const callerBy = (via: CallSession['via'], isInOrganization: boolean) =>
    derived<CheckedRow, Verdict>((row) => ({
      principal: toPrincipal(row, isInOrganization),
      session: toCallSession(row, via, isInOrganization),
      organization: isInOrganization ? organizationOf(roles, row) : null,
    }))
  const [byCookie, byBearer] = [callerBy('cookie', true), callerBy('bearer', true)]
  const [byCookieAlone, byBearerAlone] = [callerBy('cookie', false), callerBy('bearer', false)]

  const rolesOf = (row: CheckedRow): readonly string[] => (actsForAccount(row.proofs) ? row.roles : [])
  const toPrincipal = (row: CheckedRow, isInOrganization: boolean): Principal => ({
    userId: row.user_id,
    username: row.username,
    roles: rolesOf(row),
    permissions: roles.permissionsOf(rolesOf(row)),
    method: 'session',
    name: row.full_name ?? row.username,
    locale: findLocale(row.locale),
    keyId: null,
    tokenId: null,
    expiresAt: row.expires_at,
    amr: levelIn(row, isInOrganization ? row.acting_in : null).amr,
  })

  /** Ends expired sessions. The call whose statement ends a session writes its audit event, so there is one. */
  async function expire(now: Date, id: string | null): Promise<void> {
    await db.tx('system', async (tx) => {
      for (const ended of await updateExpired(tx, now, id)) {
        sightings.forget(ended.id)
        await audit(tx, systemCall(now), {
          type: 'auth.session.expired',
          userId: ended.user_id,
          username: ended.username,
          sessionId: ended.id,
        })
      }
    })
  }

  return {
    check,
    saw: sightings.see,
    lastSeen: sightings.latest,
    flush: sightings.flush,
    endStartedUntil: (call, until) => endStartedUntil(db, call, until),
    async sweep(now) {
      await sightings.flush()
      await expire(now, null)
      await db.tx('system', (tx) => deleteEndedSessionsBefore(tx, later(now, -KEEP_ENDED)))
    },
  }
}

/** Whether the session acts in its organization, if it has one. */
const isActing = (row: CheckedRow, now: Date): boolean => now.getTime() < row.acts_until

/** The state of a stored session at an instant; pure. */
function judge(
  row: CheckedRow,
  lastSeen: Date,
  now: Date,
): 'good' | 'ended' | 'expired' | 'disabled' | 'locked' {
  if (row.ended_at) {
    if (row.end_reason === 'locked' && isLocked(row, now)) return 'locked'
    return row.end_reason === 'disabled' ? 'disabled' : 'ended'
  }
  if (row.expires_at <= now || later(lastSeen, row.idle_seconds * 1000) <= now) return 'expired'
  if (row.status !== 'active') return 'disabled'
  return isLocked(row, now) ? 'locked' : 'good'
}

/** For a token of no open session: an invalid token for a bearer, not signed in for a cookie. */
const unknown = (via: 'cookie' | 'bearer') =>
  problem(via === 'bearer' ? 'INVALID_TOKEN' : 'AUTHENTICATION_REQUIRED')

const toCallSession = (row: CheckedRow, via: CallSession['via'], isInOrganization: boolean): CallSession => ({
  id: row.id,
  via,
  createdAt: row.created_at,
  authenticatedAt: row.authenticated_at,
  acr: levelIn(row, isInOrganization ? row.acting_in : null).acr,
  proofs: row.proofs,
  expiresAt: row.expires_at,
  actsIn:
    row.acting_in === null || row.acting_name === null || !isInOrganization
      ? null
      : { id: row.acting_in, name: row.acting_name },
})
