/** Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4): that a session of a user with an app has ended. */
import { randomSecret } from '../../../base/crypto.ts'
import type { Client } from '../../../core/clients/index.ts'
import { seconds } from '../../../core/revocations/index.ts'
import type { Tools } from '../../../core/tools.ts'

/** Seconds; §4 recommends at most two minutes. */
const LIFETIME = 120
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/**
 * It never has a `nonce`, so that it is no ID token, and its type is explicit (RFC 8725 §3.11).
 * @param by `sub`: by what the app knows the user; null: a user who was deleted, and it with them
 */
export function makeLogoutToken(
  { config, keys }: Pick<Tools, 'config' | 'keys'>,
  client: Client,
  by: { sub: string | null; sid: string },
  now: Date,
): Promise<string> {
  const { id, settings } = client
  const iat = seconds(now)
  const claims = {
    iss: config.publicUrl,
    aud: id,
    iat,
    exp: iat + LIFETIME,
    jti: randomSecret(),
    ...(by.sub !== null && { sub: by.sub }),
    sid: by.sid,
    events: { [EVENT]: {} },
  }
  return keys.signIdToken(settings.id_token_signed_response_alg, 'logout+jwt', claims, now)
}
