/** Authorization codes: 256 random bits, valid for a minute, for one exchange by the app that asked (RFC 6749 §4.1.2). */
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { auditInserts } from '../../../core/audit/index.ts'
import { ensureSubject, newSid } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { keepRegistered } from '../clients/index.ts'
import { allowedBy } from '../consents/index.ts'
import { type AppRequest, RefusedOnPage } from './request.ts'
import type { Met, SignedInCall } from './requirements.ts'
import { insertAuthorizationCode, type StoredRequest, useRequest } from './sql.ts'

export const CODE_LIFETIME = 60_000

/** What the user has permitted by a code. */
export type Permitted = Pick<
  AppRequest,
  'client' | 'scopes' | 'consentScopes' | 'resources' | 'redirectUri'
> &
  Partial<Pick<AppRequest, 'challenge' | 'nonce' | 'claims' | 'dpopJkt'>>

/**
 * Makes the code of a request, once, with what the user has permitted by it. @returns null where the user has to allow it first, which
 * uses nothing up: whether it was allowed before is found by the statement that inserts the code.
 * @throws RefusedOnPage where the request was used meanwhile; Problem AUTHENTICATION_REQUIRED where the session has ended
 */
export async function makeCode(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: SignedInCall,
  request: AppRequest,
  { stored, met, isAllowed }: { stored: StoredRequest | null; met: Met; isAllowed: boolean },
): Promise<string | null> {
  const code = `ac_${randomSecret()}`
  const { now } = call
  const sid = newSid(keyring, request.client, call.session.id)
  const by = { hash: sha256(code), sid, met, isAllowed, expiresAt: later(now, CODE_LIFETIME) }
  try {
    await db.tx('system', async (tx) => {
      if (stored !== null && !(await useRequest(tx, stored.hash, now))) throw new RefusedOnPage('expired')
      await insertPermitted(tx, call, request, by)
    })
  } catch (error) {
    if (error instanceof NotAllowed) return null
    throw error
  }
  return code
}

/** Rolls back what a code would have used up. */
class NotAllowed extends Error {}

/**
 * Inserts a code by its digest, and remembers what the user has just allowed by it. Of a first-party app that has no question nothing
 * is remembered, so that it has to ask once it is none any more.
 * @param by `sid`: `newSid` of the session. @param details further ones of the event. @throws Problem AUTHENTICATION_REQUIRED where the session has ended; NotAllowed where the
 * user has not just allowed it, nor before
 */
export async function insertPermitted(
  tx: Tx,
  call: SignedInCall,
  request: Permitted,
  by: { hash: Buffer; sid: string | null; met: Met; isAllowed: boolean; expiresAt: Date },
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { principal, session, now } = call
  const { userId, username } = principal
  const { client, scopes } = request
  const { hash, sid, met, isAllowed, expiresAt } = by
  const isUnasked = client.settings.first_party && !isAllowed
  const code = {
    hash,
    grantId: newId('gnt'),
    clientId: client.id,
    userId,
    sessionId: session.id,
    sid,
    redirectUri: request.redirectUri,
    challenge: request.challenge ?? null,
    scopes,
    allowed: isUnasked ? {} : allowedBy(request.consentScopes, request.resources),
    isNew: isUnasked || isAllowed,
    resources: request.resources.map(({ identifier }) => identifier),
    nonce: request.nonce ?? null,
    claims: request.claims ?? null,
    dpopJkt: request.dpopJkt ?? null,
    acr: met.acr,
    amr: met.amr,
    organizationId: met.organization?.id ?? null,
    expiresAt,
  }
  await ensureSubject(tx, client, userId, now)
  const outcome = await insertAuthorizationCode(tx, code, now)
  if (outcome === 'not_allowed') throw new NotAllowed('the user has to allow it')
  if (outcome === 'ended') throw problem('AUTHENTICATION_REQUIRED')
  if (client.expiresAt !== null) await keepRegistered(tx, client.id)
  const event = {
    type: 'oidc.authorized',
    userId,
    username,
    sessionId: session.id,
    details: { client: client.id, scopes: [...scopes], ...details },
  } as const
  // sent with COMMIT, which saves a round trip
  tx.withCommit(auditInserts(call, event))
}
