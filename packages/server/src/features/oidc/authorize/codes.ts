/** Authorization codes: 256 random bits, valid for a minute, for one exchange by the app that asked (RFC 6749 §4.1.2). */
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { allowedBy } from '../consents/index.ts'
import { type AppRequest, RefusedOnPage } from './request.ts'
import type { Met, SignedInCall } from './requirements.ts'
import { insertAuthorizationCode, type StoredRequest, useRequest } from './sql.ts'

export const CODE_LIFETIME = 60_000

/**
 * Makes the code of a request, once, and remembers what the user has just allowed by it. Of a first-party app that has no question
 * nothing is remembered, so that it has to ask once it is none any more.
 * @throws RefusedOnPage where the request was used meanwhile; Problem AUTHENTICATION_REQUIRED where the session has ended
 */
export async function makeCode(
  { db }: Pick<Tools, 'db'>,
  call: SignedInCall,
  request: AppRequest,
  { stored, met, isAllowed }: { stored: StoredRequest | null; met: Met; isAllowed: boolean },
): Promise<string> {
  const code = `ac_${randomSecret()}`
  const { principal, session, now } = call
  const { client, scopes } = request
  const { userId, username } = principal
  const isUnasked = client.settings.first_party && !isAllowed
  await db.tx('system', async (tx) => {
    if (stored !== null && !(await useRequest(tx, stored.hash, now))) throw new RefusedOnPage('expired')
    const isMade = await insertAuthorizationCode(
      tx,
      {
        hash: sha256(code),
        grantId: newId('gnt'),
        clientId: client.id,
        userId,
        sessionId: session.id,
        redirectUri: request.redirectUri,
        challenge: request.challenge,
        scopes,
        allowed: isUnasked ? {} : allowedBy(request.consentScopes, request.resources),
        isNew: isUnasked || isAllowed,
        resources: request.resources.map(({ identifier }) => identifier),
        nonce: request.nonce,
        claims: request.claims,
        dpopJkt: request.dpopJkt,
        acr: met.acr,
        amr: met.amr,
        organizationId: met.organization?.id ?? null,
        expiresAt: later(now, CODE_LIFETIME),
      },
      now,
    )
    if (!isMade) throw problem('AUTHENTICATION_REQUIRED')
    const details = { client: client.id, scopes: [...scopes] }
    await audit(tx, call, { type: 'oidc.authorized', userId, username, sessionId: session.id, details })
  })
  return code
}
