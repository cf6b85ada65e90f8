/**
 * Impersonation: an administrator gets a token that acts as a user, in an app of the operator that they are signed in to. The app
 * sends the id of the user as the subject and the administrator's access token as the actor (RFC 8693 §2.1).
 *
 * Invariants: no one acts as a user with more rights than their own; each token has a reason in the audit log, and its user an
 * e-mail; it lives for minutes, ends with the administrator's session and with every revocation of the administrator's tokens, and
 * gets no other token.
 */

import { z } from 'zod'
import type { CallSession } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { Problem, problem } from '../../../base/errors.ts'
import { line } from '../../../base/fields.ts'
import { assertEnrolledProof } from '../../../base/http/request/access.ts'
import { isId } from '../../../base/ids.ts'
import { asQuotedValue } from '../../../base/quoted.ts'
import { actsForAccount } from '../../../base/session-proofs.ts'
import { audit } from '../../../core/audit/index.ts'
import { findProvable } from '../../../core/factors/index.ts'
import { isLocked } from '../../../core/locks.ts'
import { isPairwise } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { assertNotBeyond, lockReach } from '../../access/roles/index.ts'
import { clientSubject } from '../../access/tokens/index.ts'
import { findUser, type User } from '../../identity/users/index.ts'
import { allowedScopes, isAdmitted } from '../admission/index.ts'
import { refusal } from '../authentication/index.ts'
import type { AppTokens } from '../issued/index.ts'
import { wordsOf } from '../scopes/index.ts'
import { ACCESS_TOKEN, type AuthorizedRow, type GrantRequest, issueExchanged } from '../token/index.ts'
import { impersonationEmail } from './mail.tsx'
import { findOpenFamily } from './sql.ts'
import { targetsOf } from './targets.ts'

/** The type of a subject that is a user's id: of ours, as RFC 8693 §3 permits. */
export const USER_ID = 'urn:latchkey:params:oauth:token-type:user_id'
const PERMISSION = 'impersonation:create'
const LIFETIME = 15 * 60_000
/** A text that a person has written. */
const Reason = z
  .string()
  .regex(/^[^\p{Cc}]*$/u)
  .pipe(line(500))

export function impersonation(tools: Tools, tokens: AppTokens) {
  return async (request: GrantRequest, userId: string) => {
    const { call, by, sent, jkt } = request
    const { client } = by
    if (!client.settings.first_party || client.organizationId !== null)
      throw refusal('unauthorized_client', 'Only a first-party app of the server may act as users.')
    if (isPairwise(client))
      throw refusal('unauthorized_client', 'An app with pairwise subjects knows no ids of users.')
    const reason = Reason.safeParse(sent.reason?.trim()).data
    if (reason === undefined)
      throw refusal('invalid_request', 'The parameter reason is missing, or longer than 500 characters.')
    const actor = await getActor(tools, tokens, request)
    const resources = await targetsOf(tools, client, sent, [])
    const scopes = wordsOf(sent.scope)
    const ofApis = resources.flatMap((one) => one.scopes.map(({ name }) => name))
    const allowed = allowedScopes(client, resources, scopes).filter((name) => ofApis.includes(name))
    const other = scopes.find((name) => !allowed.includes(name))
    if (other !== undefined)
      throw refusal(
        'invalid_scope',
        `The scope ${asQuotedValue(other)} is not one of these APIs, or the app may not have it.`,
      )
    try {
      return await tools.db.tx('system', async (tx) => {
        const user = await getImpersonated(tools, tx, request, actor, userId)
        const { answer, tokenId } = issueExchanged(
          tools,
          {
            client,
            subject: subjectFor(user, actor),
            familyId: actor.familyId,
            scopes,
            resources,
            jkt,
            actors: [actor.row.user_id],
            until: later(call.now, LIFETIME),
          },
          call.now,
        )
        await audit(tx, call, {
          type: 'user.impersonated',
          userId: user.id,
          username: user.username,
          sessionId: actor.session.id,
          details: {
            by: actor.row.user_id,
            reason,
            client: client.id,
            resources: resources.map(({ identifier }) => identifier),
            scopes,
            token: tokenId,
            expires_in: answer.expires_in,
          },
        })
        await tools.mail.write(
          tx,
          impersonationEmail(tools.config, user, call, client.name),
          call.now,
          user.id,
        )
        return answer
      })
    } catch (error) {
      // the administrator was disabled or deleted after their token was read
      if (error instanceof Problem && error.code === 'AUTHENTICATION_REQUIRED') throw actorRefused()
      if (error instanceof Problem && error.code === 'INSUFFICIENT_PERMISSIONS')
        throw await denied(tools, request, actor.row, userId, error)
      throw error
    }
  }
}

interface Actor {
  row: AuthorizedRow
  session: CallSession
  familyId: string
}

const actorRefused = () =>
  refusal('invalid_request', 'The actor_token is not valid, has ended, or was not issued to this app.')

/**
 * The administrator, by the token that this app has got for them, in a session that is open and has proven enough just now.
 * @throws Problem `invalid_request`
 */
async function getActor(
  tools: Tools,
  tokens: AppTokens,
  { call, by, sent, jkt }: GrantRequest,
): Promise<Actor> {
  if (sent.actor_token === undefined || sent.actor_token_type !== ACCESS_TOKEN)
    throw refusal('invalid_request', 'The access token of the administrator is missing (actor_token).')
  const token = await tokens.read(sent.actor_token, call.now)
  if (token?.family == null || token.client !== by.client.id) throw actorRefused()
  // one who acts as another user gets to no third
  if (token.claims.act !== undefined) throw actorRefused()
  if (token.jkt !== null && token.jkt !== jkt) throw actorRefused()
  const row = await findOpenFamily(tools.db.hot, { id: token.family, clientId: by.client.id }, call.now)
  if (row === null || row.session_id === null) throw actorRefused()
  const subject = clientSubject(tools, row, call.now)
  if (!(await isAdmitted(tools.db.hot, by.client, subject))) throw actorRefused()
  const session: CallSession = {
    id: row.session_id,
    via: 'bearer',
    createdAt: row.authenticated_at,
    authenticatedAt: row.authenticated_at,
    acr: row.acr,
    proofs: row.proofs,
    expiresAt: row.expires_at,
    actsIn: null,
  }
  await assertFresh(tools, call.now, session, row.user_id)
  return { row, session, familyId: token.family }
}

/** As every sensitive action of an administrator: as much as a sign-in of theirs requires, within ten minutes. */
async function assertFresh(tools: Tools, now: Date, session: CallSession, userId: string): Promise<void> {
  try {
    assertEnrolledProof(session, await findProvable(tools, tools.db.hot, session, userId, now), now)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw refusal(
      'invalid_request',
      'The administrator has to prove their identity again: authorize with max_age=600, and with acr_values=aal2 where they have a second factor.',
    )
  }
}

type Tx = Parameters<typeof lockReach>[0]

/** @throws Problem INSUFFICIENT_PERMISSIONS; `invalid_request` for what is no user whom one may act as */
async function getImpersonated(
  tools: Tools,
  tx: Tx,
  { call }: GrantRequest,
  { row, session }: Actor,
  userId: string,
) {
  const { user_id, username, roles } = row
  if (!actsForAccount(row.proofs))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: PERMISSION } })
  const principal = {
    userId: user_id,
    username,
    roles,
    permissions: [],
    method: 'session' as const,
    name: username,
    locale: null,
    keyId: null,
    tokenId: null,
    expiresAt: row.expires_at,
    amr: row.amr,
  }
  const reach = await lockReach(tx, { ...call, principal, session }, PERMISSION)
  const user = isId('usr', userId) ? await findUser(tx, userId) : null
  if (user === null || user.status !== 'active' || isLocked(user, call.now) || user.id === user_id)
    throw refusal('invalid_request', 'The subject_token is no user whom one may act as.')
  assertNotBeyond(reach.permissions, tools.roles.permissionsOf(user.roles))
  return user
}

/** The rights of the user, outside of organizations; the session and its level are the administrator's, with which the token ends. */
const subjectFor = (user: User, { row, session }: Actor): ReturnType<typeof clientSubject> => ({
  userId: user.id,
  username: user.username,
  roles: user.roles,
  organization: null,
  session: {
    id: session.id,
    acr: row.acr,
    amr: row.amr,
    authenticatedAt: row.authenticated_at,
    expiresAt: row.expires_at,
  },
})

/** Records what was refused, as rows do, and answers in the words of OAuth. */
async function denied(
  { db }: Tools,
  { call, by }: GrantRequest,
  { user_id: userId, username, session_id: sessionId }: AuthorizedRow,
  target: string,
  { details }: Problem,
): Promise<Problem> {
  const why = typeof details === 'object' && details !== null && !Array.isArray(details) ? details : {}
  const tried = {
    action: 'oidc.token.impersonate',
    target: { id: target.slice(0, 100) },
    client: by.client.id,
  }
  await db.tx('system', (tx) =>
    audit(tx, call, {
      type: 'access.denied',
      userId,
      username,
      sessionId,
      details: { ...tried, reason: 'not_permitted', ...why },
    }),
  )
  return refusal('invalid_request', 'The administrator may not act as this user.')
}
