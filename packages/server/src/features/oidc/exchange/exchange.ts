/**
 * Token exchange (RFC 8693). A service that serves one API gets a token for another one, with at most the scopes and the lifetime
 * of the token that it was sent (delegation); an administrator gets a token that acts as a user (impersonation.ts). Each names who acts
 * in `act`, and none is exchanged again, so that a token says the whole of what has happened.
 */
import { asQuotedValue } from '../../../base/quoted.ts'
import { hasSubjects, isPairwise, subjectFor, userInSub } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { clientSubject } from '../../access/tokens/index.ts'
import { allowedScopes, isAdmitted, isForApp } from '../admission/index.ts'
import { refusal } from '../authentication/index.ts'
import { type AppToken, type AppTokens, createAppTokens } from '../issued/index.ts'
import { wordsOf } from '../scopes/index.ts'
import { ACCESS_TOKEN, type Grant, type GrantRequest, issueExchanged } from '../token/index.ts'
import { impersonation, USER_ID } from './impersonation.ts'
import { findOpenFamily } from './sql.ts'
import { targetsOf } from './targets.ts'

export const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** RFC 8693 §2.1. What is wrong with a token is `invalid_request` (§2.2.2). */
export function tokenExchangeGrant(tools: Tools): Grant {
  const tokens = createAppTokens(tools)
  const delegate = delegation(tools, tokens)
  const impersonate = impersonation(tools, tokens)
  return async (request) => {
    const { by, sent } = request
    if (!by.isProven) throw refusal('unauthorized_client', 'A public app may not exchange tokens.')
    if (sent.subject_token === undefined)
      throw refusal('invalid_request', 'The parameter subject_token is missing.')
    if (sent.subject_token_type === undefined)
      throw refusal('invalid_request', 'The parameter subject_token_type is missing.')
    if ((sent.actor_token === undefined) !== (sent.actor_token_type === undefined))
      throw refusal('invalid_request', 'The parameters actor_token and actor_token_type go together.')
    if ((sent.requested_token_type ?? ACCESS_TOKEN) !== ACCESS_TOKEN)
      throw refusal(
        'invalid_request',
        'The requested_token_type is not supported: only access tokens are issued.',
      )
    if (sent.subject_token_type === ACCESS_TOKEN) return await delegate(request, sent.subject_token)
    if (sent.subject_token_type === USER_ID) return await impersonate(request, sent.subject_token)
    throw refusal('invalid_request', 'The subject_token_type is not supported.')
  }
}

const unacceptable = () =>
  refusal('invalid_request', 'The subject_token is not valid, has ended, or is not for this app.')

function delegation(tools: Tools, tokens: AppTokens) {
  return async ({ call, by: { client }, sent, jkt }: GrantRequest, text: string) => {
    if (sent.actor_token !== undefined)
      throw refusal('invalid_request', 'The app itself acts: an actor_token has no meaning here.')
    const token = await tokens.read(text, call.now)
    if (token?.family == null || token.client === null || !(await isForApp(tools, client, token)))
      throw unacceptable()
    if (token.claims.act !== undefined)
      throw refusal('invalid_request', 'A token that an exchange has given is not exchanged again.')
    // RFC 9449 §5: holding the token alone proves nothing
    if (token.jkt !== null && token.jkt !== jkt)
      throw refusal('invalid_request', 'The subject_token is bound to a key that was not proven.')
    // before what the token says is read: from here on, every revocation of the user covers this subject
    const pairwise = await pairwiseFor(tools, client, token, call.now)
    const family = { id: token.family, clientId: token.client }
    const row = await findOpenFamily(tools.db.hot, family, call.now)
    if (row === null) throw unacceptable()
    const subject = clientSubject(tools, row, call.now)
    // the app that asks may serve other users than the one that the token was issued to
    const isMember = client.organizationId === null || subject.organization?.id === client.organizationId
    if (!isMember || !(await isAdmitted(tools.db.hot, client, subject))) throw unacceptable()
    const resources = await targetsOf(tools, client, sent, token.audience)
    const scopes = scopesOf(client, resources, sent.scope, token.scopes)
    // the token ends with the app that it was issued to first, too
    const actors = [...new Set([client.id, token.client])]
    const common = { familyId: token.family, actors, until: token.expiresAt }
    const authorized = { at: row.code_authenticated_at, acr: row.code_acr, amr: row.code_amr }
    const by = { ...common, client, subject, pairwise, scopes, resources, jkt, authorized }
    return issueExchanged(tools, by, call.now).answer
  }
}

/** By what the app that asks knows the user; null: by the id. */
async function pairwiseFor(
  tools: Pick<Tools, 'db'>,
  client: GrantRequest['by']['client'],
  token: AppToken,
  now: Date,
): Promise<string | null> {
  if (!isPairwise(client)) return null
  const userId = await userInSub(tools.db.hot, token.sub)
  if (userId === null || !hasSubjects(client)) throw unacceptable()
  return await subjectFor(tools, client, userId, now)
}

/** Scopes of what the app itself has with this server. */
const FOR_THE_APP: readonly string[] = ['openid', 'offline_access']

/** At most what the token has and the app may have, of what is for an API: this server and its userinfo take no token of an exchange. */
function scopesOf(
  client: GrantRequest['by']['client'],
  resources: Parameters<typeof allowedScopes>[1],
  asked: string | undefined,
  held: readonly string[],
): string[] {
  const names = wordsOf(asked)
  const most = allowedScopes(client, resources, held).filter((name) => !FOR_THE_APP.includes(name))
  if (names.length === 0) return most
  const beyond = names.find((name) => !most.includes(name))
  if (beyond !== undefined)
    throw refusal(
      'invalid_scope',
      `The scope ${asQuotedValue(beyond)} is beyond that of the subject_token, or of the app.`,
    )
  return names
}
