/**
 * Devices that wait for a user (RFC 8628): what one gets to show, and what it learns when it asks. What was allowed becomes an
 * authorization code with the digest of the device code, so that the token endpoint exchanges both by one statement.
 */
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { hasSubjects } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getRequestedResources, getRequestedScopes } from '../admission/index.ts'
import { type AuthenticatedClient, invalidGrant, refusal } from '../authentication/index.ts'
import { insertDevice, pollDevice } from './sql.ts'
import { makeUserCode } from './user-codes.ts'

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
export const DEVICE_PATH = '/oidc/device'

/** Seconds. */
const LIFETIME = 600
const INTERVAL = 5
/** Codes that are tried where one is taken. */
const TRIES = 5

export interface DeviceAnswer {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

/** RFC 8628 §3.1, §3.2. @throws Problem */
export async function beginDevice(
  tools: Pick<Tools, 'clients' | 'config' | 'db' | 'keyring'>,
  call: Call,
  { client }: AuthenticatedClient,
  sent: { scope?: string | undefined; resource?: string[] | undefined },
): Promise<DeviceAnswer> {
  const grants: readonly string[] = client.settings.grant_types
  if (!grants.includes(DEVICE_GRANT))
    throw refusal('unauthorized_client', 'The app is not registered for the grant of devices.')
  if (!hasSubjects(client))
    throw refusal('unauthorized_client', 'Pairwise subjects need https redirect URIs of one host.')
  const refuse = (error: 'invalid_scope' | 'invalid_target', description: string): never => {
    throw refusal(error, description)
  }
  const resources = await getRequestedResources(tools.clients, { sent, client, refuse })
  const row = {
    client_id: client.id,
    scopes: getRequestedScopes(sent, client, resources, refuse),
    resources: resources.map(({ identifier }) => identifier),
    address: call.ip,
    created_at: call.now,
    expires_at: later(call.now, LIFETIME * 1000),
    interval_seconds: INTERVAL,
  }
  const code = `dc_${randomSecret()}`
  for (let n = 0; n < TRIES; n += 1) {
    const userCode = makeUserCode()
    const codes = { hash: sha256(code), user_code: tools.keyring.mac('device', userCode) }
    if (!(await insertDevice(tools.db.hot, { ...row, ...codes }))) continue
    const page = tools.config.publicUrl + DEVICE_PATH
    return {
      device_code: code,
      user_code: userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?${new URLSearchParams({ user_code: userCode })}`,
      expires_in: LIFETIME,
      interval: INTERVAL,
    }
  }
  throw new Error('no free code for a device')
}

const CODE = /^dc_[A-Za-z0-9_-]{43}$/

/**
 * RFC 8628 §3.5. @returns the digest of the device code, once the user has allowed it
 * @throws Problem `authorization_pending`, `slow_down`, `access_denied`, `expired_token`; `invalid_grant` for what is no code of the app
 */
export async function assertDeviceAllowed(
  { db }: Pick<Tools, 'db'>,
  { now }: Call,
  clientId: string,
  deviceCode: string,
): Promise<Buffer> {
  if (!CODE.test(deviceCode)) throw invalidGrant()
  const hash = sha256(deviceCode)
  const poll = await pollDevice(db.hot, { hash, clientId }, now)
  if (poll === null) throw invalidGrant()
  if (poll.expires_at <= now) throw refusal('expired_token', 'The device code has expired.')
  if (poll.decision === 'denied') throw refusal('access_denied', 'The user has not allowed it.')
  if (poll.decision === 'allowed') return hash
  if (poll.is_early) throw refusal('slow_down', 'Wait five seconds longer between two requests from now on.')
  throw refusal('authorization_pending', 'The user has not answered yet.')
}
