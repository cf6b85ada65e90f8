/** The parameters by which apps say who they are. */
import { z } from 'zod'
import { described } from '../../../base/described.ts'

/** A parameter of at most 8,192 characters, with its description and an example. */
export const parameter = (description: string, example: string) =>
  described(z.string().max(8192).optional(), description, example)

/** By which an app says who it is, where it does not use HTTP Basic. */
export const Credentials = {
  client_id: parameter('The app, where it does not authenticate by HTTP Basic.', 'acme-portal-001'),
  client_secret: parameter(
    'Its secret (`client_secret_post`).',
    'cs_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk',
  ),
  client_assertion: described(
    z.string().max(8192).optional(),
    'A JWT that the app has signed (`private_key_jwt`, RFC 7523): `iss` and `sub` are its id, `aud` is the issuer of this server, with `exp` and a `jti` that is used once.',
  ),
  client_assertion_type: described(
    z.string().max(8192).optional(),
    'With it: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.',
  ),
}
