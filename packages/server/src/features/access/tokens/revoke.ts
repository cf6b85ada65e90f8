/**
 * Token revocation, RFC 7009: the holder of a token may revoke it; any other text gets the same answer. An access token
 * is refused by its id. A refresh token is revoked with its family and the access tokens that its session has got so
 * far. A session token ends its session.
 */
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { audit } from '../../../core/audit/index.ts'
import { deleteClientCodes } from '../../../core/client-access.ts'
import {
  LONGEST_SESSION_TOKEN,
  revoke,
  revokeTokenFamilies,
  revokeUser,
} from '../../../core/revocations/index.ts'
import { lockSubjects } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endSessions, type SessionChecks } from '../../identity/sessions/index.ts'
import { findUser } from '../../identity/users/index.ts'
import type { TokenReader, VerifiedAccessToken } from './checks.ts'
import { REFRESH_TOKEN } from './rotating.ts'
import { type FamilyRow, findToken, revokeFamiliesOf, revokeFamily } from './sql.ts'

/** @returns whether a token was revoked; for the operator only, answers of the API do not reveal it */
export async function revokeToken(
  tools: Pick<Tools, 'db' | 'clock'>,
  checks: { sessions: SessionChecks; read: TokenReader },
  call: Call,
  token: string,
): Promise<boolean> {
  if (REFRESH_TOKEN.test(token)) return await revokeRefreshToken(tools, call, token)
  if (token.startsWith('st_')) return await endByToken(tools, checks.sessions, call, token)
  const good = await checks.read(token)
  if (!good) return false
  await tools.db.tx('system', (tx) => revokeAccessToken(tx, call, good))
  return true
}

async function revokeAccessToken(tx: Tx, call: Call, token: VerifiedAccessToken): Promise<void> {
  const { id, userId, expiresAt } = token
  await revoke(tx, { kind: 'jti', value: id, until: expiresAt }, call.now)
  const username = (await findUser(tx, userId))?.username ?? null
  await audit(tx, call, { type: 'auth.token.revoked', userId, username, details: { token: id } })
}

async function revokeRefreshToken(
  tools: Pick<Tools, 'db' | 'clock'>,
  call: Call,
  token: string,
): Promise<boolean> {
  const found = await findToken(tools.db.hot, sha256(token), call.now)
  return found !== null && (await endFamily(tools, call, found))
}

/** What is known of a family that is to end. */
type Ending = Pick<FamilyRow, 'family_id' | 'user_id' | 'username' | 'session_id' | 'client_id'>

/**
 * RFC 7009 §2.1: with a refresh token its family ends, and the access tokens of the same grant: those of the app, or of the
 * session. @returns whether this call ended it
 */
export async function endFamily(
  tools: Pick<Tools, 'db' | 'clock'>,
  call: Call,
  family: Ending,
): Promise<boolean> {
  const { family_id: id, user_id: userId, username, session_id: sessionId, client_id: client } = family
  return await tools.db.tx('system', async (tx) => {
    if (!(await revokeFamily(tx, id, 'revoked', call.now))) return false
    // covers those that were issued while this waited for the lock as well
    const before = tools.clock.now()
    if (client !== null || sessionId === null) await revokeTokenFamilies(tx, [id], before)
    else {
      const until = later(before, LONGEST_SESSION_TOKEN)
      await revoke(tx, { kind: 'sid', value: sessionId, before, until }, call.now)
    }
    const details = { family: id, ...(client !== null && { client }) }
    await audit(tx, call, { type: 'auth.token.revoked', userId, username, sessionId, details })
    return true
  })
}

/** Ends the family of an app whose code or refresh token was used twice, and tells of it. It may have no refresh token. */
export async function endReused(
  tools: Pick<Tools, 'db' | 'clock'>,
  tx: Tx,
  call: Call,
  family: Ending,
): Promise<void> {
  const { family_id: id, user_id: userId, username, session_id: sessionId, client_id: client } = family
  await revokeFamily(tx, id, 'reuse', call.now)
  await revokeTokenFamilies(tx, [id], tools.clock.now())
  const details = { client, family: id }
  await audit(tx, call, { type: 'oidc.token.reuse', userId, username, sessionId, details })
}

async function endByToken(
  tools: Pick<Tools, 'db' | 'clock'>,
  sessions: SessionChecks,
  call: Call,
  token: string,
): Promise<boolean> {
  const verdict = await sessions.check(token, 'bearer', call.now)
  if ('refused' in verdict || !verdict.session) return false
  const { userId, username } = verdict.principal
  const only = verdict.session.id
  const ended = await tools.db.tx('system', (tx) =>
    endSessions(tx, call, { userId, username, reason: 'signed_out', only }),
  )
  return ended > 0
}

/** Revokes every access and refresh token of a user, and the codes that apps could exchange for some; sessions continue. @returns the number of families */
export async function revokeAllTokens(
  tools: Pick<Tools, 'db' | 'clock'>,
  call: Call,
  user: { id: string; username: string | null },
): Promise<number> {
  return await tools.db.tx('system', async (tx) => {
    // before families, as everything that ends the access of an account
    const subjects = await lockSubjects(tx, user.id)
    await deleteClientCodes(tx, { userId: user.id })
    const revoked = await revokeFamiliesOf(tx, user.id, call.now)
    // covers tokens that were issued while this waited for the families
    await revokeUser(tx, user.id, tools.clock, subjects)
    const { id: userId, username } = user
    await audit(tx, call, { type: 'auth.token.revoked', userId, username, details: { all: true } })
    return revoked
  })
}
