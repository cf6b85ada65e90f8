/** The endpoint of pushed requests (RFC 9126 §2). */
import { z } from 'zod'
import { described, textField } from '../../../base/described.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import { protocol, type Row } from '../../../base/http/row/route.ts'
import { assertFew } from '../../../core/strangers.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  appNamedIn,
  authenticateClient,
  type ClientCredentials,
  Credentials,
  refusal,
} from '../authentication/index.ts'
import {
  AuthorizationParameters,
  type CheckTools,
  checkRequest,
  PUSHED_LIFETIME,
  RefusedOnPage,
  RefusedToApp,
  storePushed,
} from '../authorize/index.ts'
import type { ClientDocuments } from '../client-registration/index.ts'
import { demandNonce, dpopProofOf, nonceHeader } from '../dpop/index.ts'
import { push } from './operations.ts'

export type PushedTools = Tools & Pick<CheckTools, 'readHint'> & { documents: ClientDocuments }

/** From one address by apps that do not prove who they are: each stores a row, for one sign-in. */
const UNPROVEN = { max: 120, milliseconds: 60_000 }

/** Bytes: each request of a public app is stored without a proof of who it is. */
const LONGEST_REQUEST = 16 * 1024

const PushedView = z
  .object({
    request_uri: textField(
      'What the browser brings, with `client_id`, to the authorization endpoint.',
      'urn:ietf:params:oauth:request_uri:kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk',
    ),
    expires_in: described(z.number().int(), 'Seconds in which the browser has to bring it.', 90),
  })
  .meta({ id: 'PushedRequest' })

export function pushedRoutes(tools: PushedTools): Row[] {
  return [
    protocol({
      of: push,
      method: 'POST',
      path: '/oidc/par',
      description:
        'The parameters of the authorization endpoint, sent by the app itself (RFC 9126), so that none passes through the browser. The app authenticates as at the token endpoint. The reference works once, in one browser.',
      tag: 'OpenID Connect',
      message: 'The reference of the request.',
      status: 201,
      repeats: ['resource'],
      bodyLimit: LONGEST_REQUEST,
      input: AuthorizationParameters.extend(Credentials),
      output: PushedView,
      run: async (call, sent, request) => {
        const proof = dpopProofOf(tools, call, request)
        const fault = await tools.documents.refresh(call, appOf(sent))
        if (fault !== null) throw refusedDocument(fault)
        const by = await authenticateClient(tools, call, sent, request, proof?.use)
        demandNonce(tools, call, by, proof)
        const { client } = by
        if (!by.isProven) await assertFew(tools, call, 'pushed requests', UNPROVEN)
        // §2.1
        if (sent.request_uri !== undefined)
          throw refusal('invalid_request', 'A pushed request does not have the parameter request_uri.')
        // RFC 9449 §10.1: the code is bound to the key that the app holds now
        if (proof !== null && sent.dpop_jkt !== undefined && sent.dpop_jkt !== proof.jkt)
          throw refusal('invalid_request', 'The dpop_jkt is not the thumbprint of the key of the DPoP proof.')
        const bound = proof === null ? {} : { dpop_jkt: proof.jkt }
        // without the credentials
        const parameters = { ...AuthorizationParameters.parse(sent), ...bound, client_id: client.id }
        await checkRequest(tools, parameters, { now: call.now, isPushed: true }).catch(asAnswer)
        const reference = await storePushed(tools, call, parameters)
        const data = { request_uri: reference, expires_in: PUSHED_LIFETIME / 1000 }
        return { data, status: 201, ...nonceHeader(tools, call, proof) }
      },
    }),
  ]
}

/** Who the app says that it is: an assertion may say it alone. */
const appOf = ({ client_id: id, client_assertion: assertion }: ClientCredentials): string | undefined =>
  id ?? (assertion === undefined ? undefined : appNamedIn(assertion))

/** §2.3: what a page would show, or the app would learn by a redirect, is the answer. */
function asAnswer(error: unknown): never {
  if (error instanceof RefusedOnPage) throw refusal('invalid_request', ABOUT[error.reason])
  if (error instanceof RefusedToApp) throw refused(error)
  throw error
}

const refused = ({ error, message }: RefusedToApp): Problem =>
  problem('BAD_REQUEST', { protocolError: error, message })

const refusedDocument = (message: string): Problem =>
  problem('BAD_REQUEST', { protocolError: 'invalid_client_metadata', message })

const ABOUT: Readonly<Record<RefusedOnPage['reason'], string>> = {
  no_address: 'The parameter redirect_uri is missing.',
  unknown_address: 'The redirect_uri is not registered for the app.',
  unknown_app: 'The app is unknown.',
  unusable_document: 'The document of the app cannot be used.',
  malformed: 'The request cannot be read.',
  expired: 'The request has expired.',
  other_browser: 'The request is that of another browser.',
}
