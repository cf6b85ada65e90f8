/**
 * Refresh token families: rotation with reuse detection. Each token works once. Its successor is derived from it, so
 * that a request repeated within the grace period (a lost answer, two tabs) gets the same successor on any node, and no
 * token is stored. A family ends with its session.
 *
 * Invariant: of concurrent requests with a token one statement uses it up. A second use after the grace period ends the
 * family, the session and its access tokens, and sends the user an e-mail.
 */

import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { type Keyring, randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { actsForAccount, levelIn } from '../../../base/session-proofs.ts'
import { audit } from '../../../core/audit/index.ts'
import { actsUntil, isBypassing } from '../../../core/policies.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import { type BypassTools, recordBypass } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions, type SessionChecks } from '../../identity/sessions/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { batch } from './batch.ts'
import { type SigningTools, type Subject, signAccessToken } from './claims.ts'
import { tokenReuseEmail } from './mail.tsx'
import {
  extendSession,
  type Found,
  findSubject,
  findToken,
  insertFamily,
  type Rotated,
  revokeFamily,
  rotation,
  rotationValues,
  type SessionRow,
} from './sql.ts'

export const REFRESH_TOKEN = /^rt_[A-Za-z0-9_-]{43}$/

/** The grace period in which a used token gets its successor. */
export const GRACE = 10_000

/** RFC 6749 §5.1 */
export interface IssuedTokens {
  access_token: string
  refresh_token: string
  token_type: 'Bearer'
  expires_in: number
}

const tokenOf = (mac: Buffer): string => `rt_${mac.toString('base64url')}`

/** The next token of a family: deterministic, derived with the server's secret. */
const successorOf = (keyring: Keyring, token: string): string => tokenOf(keyring.mac('refresh', token))

function subjectOf({ roles }: SigningTools, row: Omit<SessionRow, 'family_id'>, now: Date): Subject {
  const organization = actingOf(roles, row, now)
  return {
    userId: row.user_id,
    username: row.username,
    roles: actsForAccount(row.proofs) ? row.roles : [],
    organization,
    session: {
      id: row.session_id,
      ...levelIn(row, organization?.id ?? null),
      authenticatedAt: row.authenticated_at,
      expiresAt: row.expires_at,
    },
  }
}

/** The organization that the session acts in, until when; null also where it does not meet the organization's policy. */
function actingOf(
  roles: Tools['roles'],
  row: Omit<SessionRow, 'family_id'>,
  now: Date,
): Subject['organization'] {
  const until = actsUntil(row, { proofs: row.proofs, authenticatedAt: row.authenticated_at })
  // a token has whole seconds, of which one is left
  const organization = until - now.getTime() < 1000 ? null : organizationOf(roles, row)
  return organization && { ...organization, until }
}

/**
 * Records that a session acts in its organization without the connection that is required, before it gets a token that names
 * the organization: services verify the token without us.
 */
async function recordBypassing(
  tools: SigningTools & BypassTools,
  call: Call,
  row: Omit<SessionRow, 'family_id'>,
): Promise<void> {
  const organization = actingOf(tools.roles, row, call.now)
  if (organization === null || !isBypassing(row, row)) return
  const { session_id: sessionId, user_id: userId, username } = row
  await recordBypass(tools, call, { organizationId: organization.id, sessionId, userId, username })
}

function answer(
  tools: SigningTools,
  row: Omit<SessionRow, 'family_id'>,
  refreshToken: string,
  now: Date,
): IssuedTokens {
  const access = signAccessToken(tools, subjectOf(tools, row, now), now)
  return {
    access_token: access.token,
    refresh_token: refreshToken,
    token_type: 'Bearer',
    expires_in: access.expiresIn,
  }
}

/**
 * Starts a family for a session, and extends the session to the lifetime of a remembered one.
 * @returns the tokens, and the new expiry of the session. @throws Problem AUTHENTICATION_REQUIRED where it has ended
 */
export async function issueTokens(
  tools: SigningTools & Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  sessionId: string,
): Promise<{ tokens: IssuedTokens; sessionExpiresAt: Date }> {
  const { config } = tools
  const token = `rt_${randomSecret()}`
  const row = await tools.db.tx('system', async (tx) => {
    const limits = { absolute: config.rememberAbsolute, idle: config.rememberIdle }
    const row = await extendSession(tx, sessionId, limits, call.now)
    if (!row) throw problem('AUTHENTICATION_REQUIRED')
    const family = { id: newId('fam'), user_id: row.user_id, session_id: sessionId }
    await insertFamily(tx, family, sha256(token), call.now)
    const { user_id: userId, username } = row
    await audit(tx, call, {
      type: 'auth.token.issued',
      userId,
      username,
      sessionId,
      details: { family: family.id },
    })
    return row
  })
  await recordBypassing(tools, call, row)
  return { tokens: answer(tools, row, token, call.now), sessionExpiresAt: row.expires_at }
}

/** The longest lifetime of an access token without a refresh token, which a page keeps in memory. */
const PAGE_TOKEN_LIFETIME = 15 * 60_000

/**
 * Issues an access token alone, which starts no family and does not extend the session.
 * @throws Problem AUTHENTICATION_REQUIRED where the session has ended
 */
export async function issueAccessToken(
  tools: SigningTools & Pick<Tools, 'db' | 'jobs'>,
  call: Call,
  sessionId: string,
): Promise<Omit<IssuedTokens, 'refresh_token'>> {
  const lifetime = Math.min(PAGE_TOKEN_LIFETIME, tools.config.accessTokenLifetime)
  const { access, row } = await tools.db.tx('system', async (tx) => {
    const row = await findSubject(tx, sessionId, call.now)
    if (!row) throw problem('AUTHENTICATION_REQUIRED')
    const access = signAccessToken(tools, subjectOf(tools, row, call.now), call.now, lifetime)
    const details = { token: access.id, expires_at: access.expiresAt.toISOString() }
    const { user_id: userId, username } = row
    await audit(tx, call, { type: 'auth.token.issued', userId, username, sessionId, details })
    return { access, row }
  })
  await recordBypassing(tools, call, row)
  return { access_token: access.token, token_type: 'Bearer', expires_in: access.expiresIn }
}

export interface Families {
  /** Exchanges a refresh token. @throws Problem INVALID_TOKEN */
  refresh(call: Call, token: string): Promise<IssuedTokens>
}

export function families(
  tools: SigningTools & Pick<Tools, 'db' | 'jobs' | 'keyring' | 'mail' | 'clock'>,
  checks: Pick<SessionChecks, 'saw'>,
): Families {
  const { db, keyring, clock } = tools
  const statement = rotation(db.hot)

  /** Through the pool: on the connection of hot statements, other statements would wait for the commit. */
  const rotate = batch<Rotated>(async (given) => {
    const hashes = given.map(sha256)
    const successors = given.map((token) => sha256(successorOf(keyring, token)))
    const parameters = rotationValues(hashes, successors, clock.now())
    const { rows } = await db.tx('system', (tx) => tx.executeQuery<Rotated>({ ...statement, parameters }))
    const byHash = new Map(rows.map((row) => [row.token_hash.toString('hex'), row]))
    return new Map(
      given.flatMap((token, n) => {
        const row = byHash.get(hashes[n]?.toString('hex') ?? '')
        return row ? [[token, row] as const] : []
      }),
    )
  })

  /** The successor that was derived when the token was used: during a rotation of the secret maybe with the old one. */
  async function successorInUse(token: string, now: Date): Promise<string> {
    const [current = '', ...previous] = keyring.macs('refresh', token).map(tokenOf)
    for (const one of previous) if (await findToken(db.hot, sha256(one), now)) return one
    return current
  }

  /** Two statements at most: the first rotates, the second finds out why it did not. */
  async function use(call: Call, token: string): Promise<{ row: SessionRow; successor: string }> {
    const used = await rotate(token)
    if (used) return { row: used, successor: successorOf(keyring, token) }
    const found = await findToken(db.hot, sha256(token), call.now)
    if (!found || found.is_revoked) throw problem('INVALID_TOKEN')
    if (found.used_at === null) throw problem('INVALID_TOKEN')
    if (later(found.used_at, GRACE) > call.now) {
      if (found.is_valid) return { row: found, successor: await successorInUse(token, call.now) }
      throw problem('INVALID_TOKEN')
    }
    throw await endFamily(call, found)
  }

  async function endFamily(call: Call, found: Found): Promise<Problem> {
    await db.tx('system', async (tx) => {
      if (await revokeFamily(tx, found.family_id, 'reuse', call.now)) await reportReuse(tx, call, found)
    })
    return problem('INVALID_TOKEN')
  }

  async function reportReuse(tx: Tx, call: Call, found: Found): Promise<void> {
    const user = await getUser(tx, found.user_id)
    const { id: userId, username } = user
    await audit(tx, call, {
      type: 'auth.token.reuse',
      userId,
      username,
      sessionId: found.session_id,
      details: { family: found.family_id },
    })
    await endSessions(tx, call, { userId, username, reason: 'revoked', only: found.session_id })
    await tools.mail.write(tx, tokenReuseEmail(tools.config, user, call), call.now, userId)
  }

  return {
    async refresh(call, token) {
      if (!REFRESH_TOKEN.test(token)) throw problem('INVALID_TOKEN')
      const { row, successor } = await use(call, token)
      checks.saw(row.session_id, call.now)
      await recordBypassing(tools, call, row)
      return answer(tools, row, successor, call.now)
    },
  }
}
