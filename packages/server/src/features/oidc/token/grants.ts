/** The grants of the token endpoint, as a table: what each needs, and what the app gets for it. */

import { batch } from '../../../base/batch.ts'
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { Problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { asQuotedValue } from '../../../base/quoted.ts'
import { type Client, type Resource, STANDARD_SCOPES } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { endFamily, endReused, findToken, rotating } from '../../access/tokens/index.ts'
import { getUser } from '../../identity/users/index.ts'
import { allowedClaims, allowedScopes } from '../admission/index.ts'
import { invalidGrant, refusal } from '../authentication/index.ts'
import { assertDeviceAllowed, DEVICE_GRANT } from '../device/index.ts'
import { wordsOf } from '../scopes/index.ts'
import { type ReadAhead, readAhead, readsMore } from './ahead.ts'
import type { Grant, GrantRequest } from './grant.ts'
import {
  type AppAccess,
  type AppTokenAnswer,
  appAccess,
  issue,
  issueToClient,
  resourcesFor,
} from './issue.ts'
import { appReuseEmail } from './mail.tsx'
import type { TokenParameters } from './parameters.ts'
import { type CodeUse, type ExchangedRow, exchangeCodes, findCodeResources, spendCode } from './sql.ts'

/** How long a family lives that outlives its session. */
const OFFLINE_LIFETIME = 90 * 86_400_000

/** Each grant by its `grant_type`. */
export const grantsOf = (tools: Tools): Readonly<Record<string, Grant>> => ({
  authorization_code: codeGrant(tools),
  refresh_token: refreshGrant(tools),
  client_credentials: clientCredentialsGrant(tools),
  [DEVICE_GRANT]: deviceGrant(tools),
})

/** RFC 7636 §4.1 */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/
const CODE = /^ac_[A-Za-z0-9_-]{43}$/

/** RFC 6749 §4.1.3 */
function codeGrant(tools: Tools): Grant {
  const redeem = redeeming(tools)
  return async (request) => {
    const { code, redirect_uri: redirectUri, code_verifier: verifier } = request.sent
    if (code === undefined) throw refusal('invalid_request', 'The parameter code is missing.')
    if (redirectUri === undefined) throw refusal('invalid_request', 'The parameter redirect_uri is missing.')
    if (verifier !== undefined && !VERIFIER.test(verifier))
      throw refusal('invalid_request', 'The code_verifier has not the form of RFC 7636.')
    if (!CODE.test(code)) throw invalidGrant()
    const challenge = verifier === undefined ? null : sha256(verifier).toString('base64url')
    const answer = await redeem(request, { hash: sha256(code), redirectUri, challenge })
    if (answer !== null) return answer
    await endCode(tools, request.call, request.by.client, sha256(code))
    throw invalidGrant()
  }
}

/**
 * RFC 8628 §3.4. A device that polls while an answer is on its way, or lost, uses its code a second time and loses nothing by
 * it: unlike a code that a browser has carried, it was known to the device alone.
 */
function deviceGrant(tools: Tools): Grant {
  const redeem = redeeming(tools)
  return async (request) => {
    const { call, by, sent } = request
    if (sent.device_code === undefined)
      throw refusal('invalid_request', 'The parameter device_code is missing.')
    const hash = await assertDeviceAllowed(tools, call, by.client.id, sent.device_code)
    const answer = await redeem(request, { hash, redirectUri: DEVICE_GRANT, challenge: null })
    if (answer === null) throw invalidGrant()
    return answer
  }
}

type Redeem = (
  request: GrantRequest,
  code: { hash: Buffer; redirectUri: string; challenge: string | null },
) => Promise<AppTokenAnswer | null>

/**
 * Exchanges codes, those of one moment by one statement. Null where a code cannot be exchanged: it does not fit, was used, or its
 * session has ended.
 */
function redeeming(tools: Tools): Redeem {
  const { db } = tools
  const exchange = batch<ExchangedRow>(async (uses, wait) => {
    const exchanged = await exchangeCodes(db, uses, wait)
    return new Map(uses.flatMap((use, n) => (exchanged[n] ? [[use, exchanged[n]] as const] : [])))
  })
  return async ({ call, by: { client, isProven }, sent, jkt }, { hash, redirectUri, challenge }) => {
    // a fault of the request does not cost the code
    const authorized = sent.resource === undefined ? null : await findCodeResources(db.hot, hash, client.id)
    if (authorized !== null) await resourcesFor(tools, client, sent.resource, authorized)
    const familyId = newId('fam')
    const refreshToken = client.settings.grant_types.includes('refresh_token') ? `rt_${randomSecret()}` : null
    const use: CodeUse = {
      hash: hash.toString('hex'),
      client_id: client.id,
      redirect_uri: redirectUri,
      challenge,
      jkt,
      family_id: familyId,
      refresh_hash: refreshToken === null ? null : sha256(refreshToken).toString('hex'),
      at: call.now,
      offline_until: later(call.now, OFFLINE_LIFETIME),
      refresh_jkt: isProven ? null : jkt,
    }
    const row = await exchange(JSON.stringify(use))
    if (row === null) return null
    const { code_acr: acr, code_amr: amr, code_authenticated_at: at } = row
    const resources = await resourcesOf(tools, call, client, sent, { ...row, family_id: familyId })
    return await issue(
      tools,
      {
        client,
        row,
        familyId,
        scopes: allowedScopes(client, resources, row.scopes),
        resources,
        claims: allowedClaims(client, row.claims, null),
        authorized: { at, acr, amr },
        nonce: row.nonce,
        refreshToken,
        jkt,
      },
      call,
    )
  }
}

/**
 * A code that is presented with something wrong is not exchanged any more; one that is used twice may have been stolen, so that what
 * it got is revoked (RFC 6749 §4.1.2, §10.5).
 */
async function endCode(tools: Tools, call: Call, { id }: Client, hash: Buffer): Promise<void> {
  await tools.db.tx('system', async (tx) => {
    const spent = await spendCode(tx, hash, id, call.now)
    if (spent?.family_id == null) return
    const { family_id } = spent
    await endReused(tools, tx, call, { ...spent, family_id, client_id: id, username: null })
  })
}

/** RFC 6749 §6; OpenID Connect Core §12 */
function refreshGrant(tools: Tools): Grant {
  const use = rotating(tools, async (tx, call, found) => {
    await endReused(tools, tx, call, found)
    const user = await getUser(tx, found.user_id)
    const client = await tools.clients.find(found.client_id ?? '')
    await tools.mail.write(tx, appReuseEmail(tools.config, user, call, client?.name ?? ''), call.now, user.id)
  })
  return async ({ call, by: { client }, sent, jkt }) => {
    const { refresh_token: token } = sent
    if (token === undefined) throw refusal('invalid_request', 'The parameter refresh_token is missing.')
    const ahead = await beforeUse(tools, call, client, sent)
    const { row, successor } = await use(call, { token, client: client.id, jkt })
    const authorized = row.authorized ?? { at: row.authenticated_at, acr: row.acr, amr: row.amr }
    const resources = await resourcesOf(tools, call, client, sent, row)
    const asked = narrowed(row.scopes ?? [], sent.scope)
    const isNarrowed = asked.length < (row.scopes ?? []).length
    const scopes = allowedScopes(client, resources, asked)
    return await issue(
      tools,
      {
        client,
        row,
        familyId: row.family_id,
        scopes,
        resources,
        claims: allowedClaims(client, row.claims, isNarrowed ? asked : null),
        authorized: { ...authorized, at: new Date(authorized.at) },
        nonce: null,
        refreshToken: successor,
        jkt,
        ahead,
        isRefresh: true,
      },
      call,
    )
  }
}

/**
 * Those of the tokens. Where none of what was authorized is left, the family ends: the app never gets the token that has replaced its
 * own, and a later use of that would count as a theft. @throws Problem `invalid_target`
 */
async function resourcesOf(
  tools: Tools,
  call: Call,
  client: Client,
  { resource }: TokenParameters,
  row: Omit<Parameters<typeof endFamily>[2], 'client_id'> & { resources: readonly string[] | null },
): Promise<Resource[]> {
  try {
    return await resourcesFor(tools, client, resource, row.resources ?? [])
  } catch (error) {
    // a fault is not the end of what was authorized
    if (error instanceof Problem) await endFamily(tools, call, { ...row, client_id: client.id })
    throw error
  }
}

/**
 * Checks what the app names, and reads what issuing needs, before the token is used up, so that a fault does not cost it. Without
 * either it reads nothing. @throws Problem
 */
async function beforeUse(
  tools: Tools,
  call: Call,
  client: Client,
  sent: TokenParameters,
): Promise<ReadAhead | null> {
  const names = sent.scope !== undefined || sent.resource !== undefined
  if (!names && !readsMore(client)) return null
  const found = await findToken(tools.db.hot, sha256(sent.refresh_token ?? ''), call.now)
  if (found?.client_id !== client.id) throw invalidGrant()
  if (names) {
    narrowed(found.scopes ?? [], sent.scope)
    await resourcesFor(tools, client, sent.resource, found.resources ?? [])
  }
  // what is not valid any more is refused by its use
  const isRead = readsMore(client) && found.is_valid && !found.is_revoked
  return isRead ? await readAhead(tools, client, found, call.now) : null
}

/** RFC 6749 §6: at most what was authorized. @throws Problem `invalid_scope` */
function narrowed(authorized: readonly string[], asked: string | undefined): readonly string[] {
  const names = wordsOf(asked)
  if (names.length === 0) return authorized
  const beyond = names.find((name) => !authorized.includes(name))
  if (beyond !== undefined)
    throw refusal('invalid_scope', `The scope ${asQuotedValue(beyond)} is beyond what was authorized.`)
  return names
}

/** RFC 6749 §4.4: for the app itself, which has no user. */
function clientCredentialsGrant(tools: Tools): Grant {
  /** What each app was given last: apps repeat their requests, and the same objects permit the same. */
  const last = new WeakMap<Client, { scope: string | undefined; resources: Resource[]; access: AppAccess }>()
  return async ({ call, by: { client, isProven }, sent, jkt }) => {
    if (!isProven) throw refusal('unauthorized_client', 'A public app cannot have tokens for itself.')
    const { scope } = sent
    const resources = await resourcesFor(tools, client, sent.resource, sent.resource ?? [])
    let given = last.get(client)
    if (given === undefined || given.scope !== scope || !areSame(given.resources, resources)) {
      const scopes = ownScopes(client, resources, scope)
      given = { scope, resources, access: appAccess(tools, { client, scopes, resources }) }
      last.set(client, given)
    }
    return issueToClient(tools, given.access, { jkt }, call.now)
  }
}

const areSame = (some: readonly object[], others: readonly object[]): boolean =>
  some.length === others.length && some.every((one, at) => one === others[at])

/** @throws Problem `invalid_scope` */
function ownScopes(client: Client, resources: readonly Resource[], scope: string | undefined): string[] {
  const names = wordsOf(scope)
  const { scopes: allowed } = client.settings
  // without a resource, the scopes are those of the APIs that accept tokens of this server
  const known =
    resources.length === 0
      ? names.filter((name) => allowed?.includes(name))
      : allowedScopes(client, resources, names)
  const standard: readonly string[] = STANDARD_SCOPES
  const other = names.find((name) => !known.includes(name) || standard.includes(name))
  if (other !== undefined)
    throw refusal(
      'invalid_scope',
      `The scope ${asQuotedValue(other)} does not exist, or the app may not have it.`,
    )
  return names
}
