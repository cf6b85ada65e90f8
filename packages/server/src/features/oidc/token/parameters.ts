/** The parameters of the endpoints that apps request; unknown ones are ignored (RFC 6749 §3.2). */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { Credentials, parameter } from '../authentication/index.ts'

export const TokenParameters = z.object({
  ...Credentials,
  grant_type: parameter(
    '`authorization_code`, `refresh_token`, `client_credentials`, `urn:ietf:params:oauth:grant-type:device_code` or `urn:ietf:params:oauth:grant-type:token-exchange`.',
    'authorization_code',
  ),
  code: parameter(
    'The code of the authorization endpoint.',
    'ac_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk',
  ),
  redirect_uri: parameter('The address that the code was sent to.', 'https://app.example.com/callback'),
  code_verifier: parameter(
    'The verifier of the `code_challenge` (RFC 7636).',
    'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  ),
  device_code: parameter(
    'The code of the device authorization endpoint (RFC 8628).',
    'dc_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk',
  ),
  refresh_token: parameter('The latest refresh token.', 'rt_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk'),
  scope: parameter('Scopes, separated by spaces; at most those that were authorized.', 'openid profile'),
  resource: described(
    z.array(z.string().max(8192)).max(20).optional(),
    'The APIs that the access token is for (RFC 8707); may be sent several times.',
    ['https://api.example.com'],
  ),
  audience: described(
    z.array(z.string().max(8192)).max(20).optional(),
    'Of an exchange (RFC 8693): the same as `resource`.',
    ['https://api.example.com'],
  ),
  subject_token: parameter(
    'Of an exchange: the access token that is exchanged, or the id of the user that an administrator acts as.',
    'usr_01a2026ca8ea70c79be6dc3e592d4f6c',
  ),
  subject_token_type: parameter(
    '`urn:ietf:params:oauth:token-type:access_token` or `urn:latchkey:params:oauth:token-type:user_id`.',
    'urn:latchkey:params:oauth:token-type:user_id',
  ),
  actor_token: parameter(
    'The access token of the administrator who acts as the user, issued to this app.',
    'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMDE5OCJ9.MEUCIQDx',
  ),
  actor_token_type: parameter(
    '`urn:ietf:params:oauth:token-type:access_token`.',
    'urn:ietf:params:oauth:token-type:access_token',
  ),
  requested_token_type: parameter(
    '`urn:ietf:params:oauth:token-type:access_token`, which is the default.',
    'urn:ietf:params:oauth:token-type:access_token',
  ),
  reason: parameter('Why the administrator acts as the user, for the audit log.', 'Ticket 4711'),
})
export type TokenParameters = z.infer<typeof TokenParameters>
