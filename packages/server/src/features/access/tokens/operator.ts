/** Tokens from the command line: the rules of `latchkey tokens …`. */

import { systemCall } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { problem } from '../../../base/errors.ts'
import { isId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { accountLocked, inactiveText, isLocked } from '../../../core/locks.ts'
import { LONGEST_TOKEN, revoke } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { sessionChecks } from '../../identity/sessions/index.ts'
import { getUserNamed, type User } from '../../identity/users/index.ts'
import { readAccessToken } from './checks.ts'
import { type AccessToken, signAccessToken } from './claims.ts'
import { revokeAllTokens, revokeToken } from './revoke.ts'

type OperatorTools = Pick<
  Tools,
  'changes' | 'db' | 'config' | 'clock' | 'jobs' | 'keys' | 'log' | 'revocations' | 'roles'
>

/** Issues an access token for a user, without a session. @throws Problem NOT_FOUND, ACCOUNT_DISABLED, ACCOUNT_LOCKED */
export async function createTokenByOperator(
  tools: OperatorTools,
  identifier: string,
  lifetime: number,
): Promise<AccessToken & { user: User }> {
  const call = systemCall(tools.clock.now())
  const user = await named(tools, identifier)
  if (user.status !== 'active') throw problem('ACCOUNT_DISABLED', { message: inactiveText(user.status) })
  if (isLocked(user, call.now)) throw accountLocked(user, call.now)
  const { id: userId, username, roles } = user
  const made = signAccessToken(
    tools,
    { userId, username, roles, organization: null, session: null },
    call.now,
    lifetime,
  )
  await tools.db.tx('system', async (tx) => {
    await tools.keys.keepUntil(tx, made.expiresAt)
    const details = { token: made.id, by: 'operator', expires_at: made.expiresAt.toISOString() }
    await audit(tx, call, { type: 'auth.token.issued', userId, username, details })
  })
  return { ...made, user }
}

/** Revokes a token of any kind, or an access token by its id (`jti`). @returns whether a token was revoked */
export async function revokeTokenByOperator(tools: OperatorTools, token: string): Promise<boolean> {
  const call = systemCall(tools.clock.now())
  if (!isId('tok', token)) {
    const checks = {
      sessions: sessionChecks({ ...tools, sharedRows: null }),
      read: (text: string) => readAccessToken(tools, text),
    }
    return await revokeToken(tools, checks, call, token)
  }
  await tools.db.tx('system', async (tx) => {
    await revoke(tx, { kind: 'jti', value: token, until: later(call.now, LONGEST_TOKEN) }, call.now)
    await audit(tx, call, { type: 'auth.token.revoked', userId: null, username: null, details: { token } })
  })
  return true
}

/** @returns the number of refresh token families that ended; access tokens are not counted */
export async function revokeTokensOfByOperator(tools: OperatorTools, identifier: string): Promise<number> {
  const user = await named(tools, identifier)
  return await revokeAllTokens(tools, systemCall(tools.clock.now()), user)
}

const named = (tools: Pick<Tools, 'db'>, identifier: string): Promise<User> =>
  tools.db.tx('system', (tx) => getUserNamed(tx, identifier))
