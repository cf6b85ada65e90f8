/**
 * Our own families of refresh tokens: those of a session, which end with it. A token that is used twice ends the session and its
 * access tokens as well, and the user gets an e-mail (rotating.ts).
 */

import type { Call } from '../../../base/call.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { actsForAccount, levelIn } from '../../../base/session-proofs.ts'
import { audit } from '../../../core/audit/index.ts'
import { actsUntil, isBypassing } from '../../../core/policies.ts'
import { organizationOf } from '../../../core/roles/acting.ts'
import { type BypassTools, recordBypass } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions, type SessionChecks } from '../../identity/sessions/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { type SigningTools, type Subject, signAccessToken } from './claims.ts'
import { tokenReuseEmail } from './mail.tsx'
import { rotating } from './rotating.ts'
import { extendSession, type FamilyRow, findSubject, insertFamily, type SessionRow } from './sql.ts'

/** RFC 6749 §5.1 */
export interface IssuedTokens {
  access_token: string
  refresh_token: string
  token_type: 'Bearer'
  expires_in: number
}

type SubjectRow = Omit<SessionRow, 'session_id'> & { session_id: string | null }

const subjectOf = (tools: SigningTools, row: SubjectRow, now: Date): Subject =>
  subjectIn(row, actingOf(tools.roles, row, now))

/** The subject of an app's token, who never acts in an organization without the connection that is required there. */
export const clientSubject = (tools: SigningTools, row: SubjectRow, now: Date): Subject =>
  subjectIn(row, isBypassing(row, row) ? null : actingOf(tools.roles, row, now))

function subjectIn(row: SubjectRow, organization: Subject['organization']): Subject {
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
function actingOf(roles: Tools['roles'], row: SubjectRow, now: Date): Subject['organization'] {
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
  row: SessionRow,
): Promise<void> {
  const organization = actingOf(tools.roles, row, call.now)
  if (organization === null || !isBypassing(row, row)) return
  const { session_id: sessionId, user_id: userId, username } = row
  await recordBypass(tools, call, { organizationId: organization.id, sessionId, userId, username })
}

function answer(tools: SigningTools, row: SessionRow, refreshToken: string, now: Date): IssuedTokens {
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
  tools: SigningTools & Pick<Tools, 'db' | 'jobs' | 'keyring' | 'mail' | 'clock' | 'counts'>,
  checks: Pick<SessionChecks, 'saw'>,
): Families {
  const use = rotating(tools, async (tx, call, found) => {
    const user = await getUser(tx, found.user_id)
    const { id: userId, username } = user
    const { session_id: sessionId, family_id: family } = found
    await audit(tx, call, { type: 'auth.token.reuse', userId, username, sessionId, details: { family } })
    if (sessionId !== null)
      await endSessions(tx, call, { userId, username, reason: 'revoked', only: sessionId })
    await tools.mail.write(tx, tokenReuseEmail(tools.config, user, call), call.now, userId)
  })
  return {
    async refresh(call, token) {
      const { row, successor } = await use(call, { token, client: null, jkt: null })
      const session = sessionOf(row)
      checks.saw(session.session_id, call.now)
      await recordBypassing(tools, call, session)
      return answer(tools, session, successor, call.now)
    },
  }
}

/** A family of our own has a session. */
function sessionOf(row: FamilyRow): SessionRow {
  const { session_id } = row
  if (session_id === null) throw problem('INVALID_TOKEN')
  return { ...row, session_id }
}
