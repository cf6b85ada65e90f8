/** Authorization codes: 256 random bits, valid for a minute, for one exchange by the app that asked (RFC 6749 §4.1.2). */
import { batch } from '../../../base/batch.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { newId } from '../../../base/ids.ts'
import { eventRow } from '../../../core/audit/index.ts'
import { ensureSubject, isPairwise, newSid } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { keepRegistered } from '../clients/index.ts'
import { allowedBy } from '../consents/index.ts'
import { type AppRequest, RefusedOnPage } from './request.ts'
import type { Met, SignedInCall } from './requirements.ts'
import { type CodeOutcome, insertionOfCodes, type NewCode, type StoredRequest, useRequest } from './sql.ts'

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
export type MakeCode = (
  call: SignedInCall,
  request: AppRequest,
  by: { stored: StoredRequest | null; met: Met; isAllowed: boolean },
) => Promise<string | null>

export function makingCodes({ db, keyring, counts }: Pick<Tools, 'db' | 'keyring' | 'counts'>): MakeCode {
  const issued = counts.codes({})
  /** Codes of users who have allowed their apps before share a statement. */
  const insertKnown = batch<CodeOutcome>(async (codes, wait) => {
    const rows = await db.commit(insertionOfCodes(codes), wait)
    return new Map(codes.map((code, n) => [code, rows[n]?.outcome ?? 'ended']))
  })
  return async (call, request, { stored, met, isAllowed }) => {
    const { client } = request
    const code = `ac_${randomSecret()}`
    const sid = newSid(keyring, client, call.session.id)
    const by = { hash: sha256(code), sid, met, isAllowed, expiresAt: later(call.now, CODE_LIFETIME) }
    const isAlone = stored !== null || isAllowed || client.expiresAt !== null || isPairwise(client)
    if (!isAlone) {
      const outcome = await insertKnown(JSON.stringify(newCode(call, request, by, false)))
      if (outcome === 'made') {
        issued.add()
        return code
      }
      if (outcome === 'ended') throw problem('AUTHENTICATION_REQUIRED')
      // a first-party app gets its first grant without a question
      if (!client.settings.first_party) return null
    }
    try {
      await db.tx('system', async (tx) => {
        if (stored !== null && !(await useRequest(tx, stored.hash, call.now)))
          throw new RefusedOnPage('expired')
        await insertPermitted(tx, call, request, by)
      })
    } catch (error) {
      if (error instanceof NotAllowed) return null
      throw error
    }
    issued.add()
    return code
  }
}

/** Rolls back what a code would have used up. */
class NotAllowed extends Error {}

interface CodeBasis {
  hash: Buffer
  /** `newSid` of the session. */
  sid: string | null
  met: Met
  /** Whether the user has just allowed it. */
  isAllowed: boolean
  expiresAt: Date
}

/**
 * Inserts a code by its digest, and remembers what the user has just allowed by it.
 * @param details further ones of the event. @throws Problem AUTHENTICATION_REQUIRED where the session has ended; NotAllowed where the
 * user has not just allowed it, nor before
 */
export async function insertPermitted(
  tx: Tx,
  call: SignedInCall,
  request: Permitted,
  by: CodeBasis,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { client } = request
  await ensureSubject(tx, client, call.principal.userId, call.now)
  const mayBeNew = client.settings.first_party || by.isAllowed
  const code = newCode(call, request, by, mayBeNew, details)
  const { rows } = await tx.executeQuery(insertionOfCodes([JSON.stringify(code)]))
  const outcome = rows[0]?.outcome
  if (outcome === 'not_allowed') throw new NotAllowed('the user has to allow it')
  if (outcome !== 'made') throw problem('AUTHENTICATION_REQUIRED')
  if (client.expiresAt !== null) await keepRegistered(tx, client.id)
}

/**
 * Of a first-party app that has no question nothing is remembered as allowed, so that it has to ask once it is none any more.
 * @param mayBeNew whether what is allowed may be new
 */
function newCode(
  call: SignedInCall,
  { client, scopes, redirectUri, ...request }: Permitted,
  { hash, sid, met, isAllowed, expiresAt }: CodeBasis,
  mayBeNew: boolean,
  details: Readonly<Record<string, unknown>> = {},
): NewCode {
  const { principal, session, now } = call
  const { userId, username } = principal
  const isUnasked = client.settings.first_party && !isAllowed
  return {
    hash: hash.toString('hex'),
    client_id: client.id,
    user_id: userId,
    session_id: session.id,
    sid,
    redirect_uri: redirectUri,
    challenge: request.challenge ?? null,
    scopes,
    resources: request.resources.map(({ identifier }) => identifier),
    nonce: request.nonce ?? null,
    claims: request.claims ?? null,
    dpop_jkt: request.dpopJkt ?? null,
    acr: met.acr,
    amr: met.amr,
    organization_id: met.organization?.id ?? null,
    created_at: now,
    expires_at: expiresAt,
    allowed: isUnasked ? {} : allowedBy(request.consentScopes, request.resources),
    new_grant_id: mayBeNew ? newId('gnt') : null,
    event: eventRow(call, {
      type: 'oidc.authorized',
      userId,
      username,
      sessionId: session.id,
      details: { client: client.id, scopes, ...details },
    }),
  }
}
