/**
 * Introspection (RFC 7662) and revocation (RFC 7009) of everything that this server issues to apps. Of a token that the app may not
 * know about, the answer is that of one that does not exist.
 */
import type { Call } from '../../../base/call.ts'
import { sha256 } from '../../../base/crypto.ts'
import { type Eventual, whenReady } from '../../../base/eventual.ts'
import { isId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Client } from '../../../core/clients/index.ts'
import { revoke } from '../../../core/revocations/index.ts'
import { hasSubjects, isPairwise, subjectFor, userInSub } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endFamily, findToken } from '../../access/tokens/index.ts'
import { isForApp, isStillPermitted } from '../admission/index.ts'
import { type AuthenticatedClient, refusal } from '../authentication/index.ts'
import { type AppToken, type AppTokens, isUsableToken, userOfToken } from './app-tokens.ts'

type IntrospectionTools = Tools & { tokens: AppTokens }

const INACTIVE = { active: false } as const

/** RFC 7662 §2.2. @throws Problem where the app has not proven who it is */
export async function introspect(
  tools: IntrospectionTools,
  call: Call,
  { client, isProven }: AuthenticatedClient,
  token: string,
): Promise<Record<string, unknown>> {
  if (!isProven) throw refusal('unauthorized_client', 'A public app may not introspect tokens.')
  if (token.startsWith('rt_')) return await introspectRefreshToken(tools, call, client, token)
  const found = await tools.tokens.read(token, call.now)
  if (found === null) return INACTIVE
  const isActive = whenReady<boolean, boolean>(
    mayKnow(tools, client, found.client, found.audience),
    (may) => may && isUsableToken(tools, found, call.now),
  )
  if (!(isActive instanceof Promise ? await isActive : isActive)) return INACTIVE
  return asKnownTo(tools, client, found, call.now)
}

/**
 * An app learns the subject by which it knows the user itself (RFC 7662 §5): an API gets the id also where the token was issued to an app
 * that knows the user by a pairwise subject, and that app learns of no id.
 */
function asKnownTo(
  tools: IntrospectionTools,
  client: Client,
  token: AppToken,
  now: Date,
): Eventual<Record<string, unknown>> {
  const isOwn = token.client === client.id || token.sub === token.client
  return isOwn || (!isPairwise(client) && isId('usr', token.sub))
    ? activeAnswer(token)
    : withOtherSubject(tools, client, token, now)
}

async function withOtherSubject(
  tools: IntrospectionTools,
  client: Client,
  token: AppToken,
  now: Date,
): Promise<Record<string, unknown>> {
  const userId = await userOfToken(tools, token)
  if (userId === null || !hasSubjects(client)) return INACTIVE
  const { sid, act, ...others } = activeAnswer(token)
  return {
    ...others,
    sub: await subjectFor(tools, client, userId, now),
    // an administrator who acts is a user as well
    ...(!isPairwise(client) && { ...(sid !== undefined && { sid }), ...(act !== undefined && { act }) }),
  }
}

const answers = new WeakMap<AppToken, Record<string, unknown>>()

/** One object for each token that is held, so that its text is kept (`keepsText` of the row). */
function activeAnswer(token: AppToken): Record<string, unknown> {
  let answer = answers.get(token)
  if (answer === undefined) {
    answer = { active: true, token_type: token.jkt === null ? 'Bearer' : 'DPoP', ...token.claims }
    answers.set(token, answer)
  }
  return answer
}

async function introspectRefreshToken(
  { db, clients, config }: IntrospectionTools,
  call: Call,
  client: Client,
  token: string,
): Promise<Record<string, unknown>> {
  const found = await findToken(db.hot, sha256(token), call.now)
  if (!found?.is_valid || found.used_at !== null || found.client_id === null) return INACTIVE
  if (!(await mayKnow({ clients }, client, found.client_id, found.resources ?? []))) return INACTIVE
  const { client_id: clientId, user_id: userId } = found
  if (!(await isStillPermitted({ clients, db }, { clientId, userId }, call.now))) return INACTIVE
  if (!hasSubjects(client)) return INACTIVE
  return {
    active: true,
    token_type: 'refresh_token',
    client_id: found.client_id,
    ...(found.scopes?.length && { scope: found.scopes.join(' ') }),
    sub: await subjectFor({ db }, client, userId, call.now),
    iss: config.publicUrl,
    exp: Math.floor(found.expires_at.getTime() / 1000),
    ...(found.dpop_jkt !== null && { cnf: { jkt: found.dpop_jkt } }),
  }
}

/**
 * Whether an app may know about a token: its own and one for an API that it serves, any as a first-party app of the server, and one for
 * a resource of its organization. Apps of others learn nothing of tokens that they come to hold.
 */
const mayKnow = (
  tools: Pick<Tools, 'clients'>,
  client: Client,
  issuedTo: string | null,
  audience: readonly string[],
): Eventual<boolean> =>
  whenReady<boolean, boolean>(
    isForApp(tools, client, { client: issuedTo, audience }),
    (isForIt) => isForIt || isForItsOwner(tools, client, audience),
  )

async function isForItsOwner(
  tools: Pick<Tools, 'clients'>,
  client: Client,
  audience: readonly string[],
): Promise<boolean> {
  if (client.organizationId === null) return client.settings.first_party
  for (const identifier of audience) {
    const resource = await tools.clients.findResource(identifier)
    if (resource?.organizationId === client.organizationId) return true
  }
  return false
}

/** RFC 7009 §2.1; a text that is no token of the app's changes nothing. @throws Problem for a token of another app */
export async function revokeForApp(
  tools: IntrospectionTools,
  call: Call,
  { client }: AuthenticatedClient,
  token: string,
): Promise<void> {
  const isOwn = (id: string | null): boolean => {
    if (id !== null && id !== client.id)
      throw refusal('unauthorized_client', 'The token is that of another app.')
    return id !== null
  }
  if (token.startsWith('rt_')) {
    const found = await findToken(tools.db.hot, sha256(token), call.now)
    if (found && isOwn(found.client_id)) await endFamily(tools, call, found)
    return
  }
  const found = await tools.tokens.read(token, call.now)
  if (found === null || !isOwn(found.client) || found.id === null) return
  const { id, sub, expiresAt } = found
  await tools.db.tx('system', async (tx) => {
    await revoke(tx, { kind: 'jti', value: id, until: expiresAt }, call.now)
    const userId = sub === client.id ? null : await userInSub(tx, sub)
    const details = { token: id, client: client.id }
    await audit(tx, call, { type: 'auth.token.revoked', userId, username: null, details })
  })
}
