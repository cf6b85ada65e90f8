/** Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4): that a session of a user with an app has ended. */
import { randomSecret } from '../../../base/crypto.ts'
import type { Client } from '../../../core/clients/index.ts'
import { seconds } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** Seconds; §4 recommends at most two minutes. */
const LIFETIME = 120
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** It never has a `nonce`, so that it is no ID token, and its type is explicit (RFC 8725 §3.11). */
export function makeLogoutToken(
  { config, keys }: Pick<Tools, 'config' | 'keys'>,
  { id, settings }: Client,
  { userId, sessionId }: { userId: string; sessionId: string },
  now: Date,
): Promise<string> {
  const iat = seconds(now)
  const claims = {
    iss: config.publicUrl,
    aud: id,
    iat,
    exp: iat + LIFETIME,
    jti: randomSecret(),
    sub: userId,
    sid: sessionId,
    events: { [EVENT]: {} },
  }
  return keys.signIdToken(settings.id_token_signed_response_alg, 'logout+jwt', claims, now)
}
