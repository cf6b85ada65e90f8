/**
 * The assertion consumer service of SAML (Bindings §3.5, HTTP-POST), and the address at which a sign-in by a SAML connection
 * begins. The connection of the name `saml` is the default, whose service is at `/saml/acs` too.
 */
import { z } from 'zod'
import { ReturnTo } from '../../../base/fields.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import { isId } from '../../../base/ids.ts'
import { authorizePath } from '../../../core/connection-buttons.tsx'
import { DEFAULT_SAML } from '../../../core/connections/index.ts'
import { MAX_ENCODED_LENGTH } from '../saml/index.ts'
import { answerRows, failedPath } from './answer-pages.ts'
import type { FederationTools } from './identities.ts'
import { federationOperations } from './operations.ts'
import type { Federation } from './sign-in.ts'

/** A message of 256 KiB in base64, of which a form may write many characters in three. */
const BODY_LIMIT = 768 * 1024

/** `resume`: the RelayState of an answer that was posted, for which the browser comes. */
const SamlAnswer = z.object({
  connection: z.string().max(64).optional(),
  SAMLResponse: z.string().max(MAX_ENCODED_LENGTH).optional(),
  RelayState: z.string().max(512).optional(),
  resume: z.string().max(512).optional(),
})

export function consumerPages(tools: FederationTools, federation: Federation): Row[] {
  const consumer = (
    path: string,
    name: string,
    slugOf: (input: Readonly<Record<string, string | undefined>>) => string,
  ) =>
    answerRows(tools, federation, {
      path,
      names: { get: `pages.${name}`, post: `pages.${name}.post` },
      input: SamlAnswer,
      slugOf,
      stateOf: ({ RelayState = '' }) => RelayState,
      bodyLimit: BODY_LIMIT,
      /**
       * An answer that was not requested does not sign in: it may be that of a stranger (login CSRF). Where the
       * connection allows it, it begins a sign-in of ours, which the provider answers at once.
       */
      async unsolicited(call, { slug, settings, status }, { RelayState = '' }) {
        const isRequested = isId('rtp', RelayState.split('.')[0] ?? '')
        if (isRequested) return null
        if (status === 'active' && settings.saml?.idp_initiated) return { redirect: authorizePath(slug, {}) }
        return { redirect: failedPath(call, { provider: slug, reason: 'unsolicited' }) }
      },
    })
  return [
    ...consumer('/saml/:connection/acs', 'saml.acs', ({ connection = '' }) => connection),
    ...consumer('/saml/acs', 'saml.acs.default', () => DEFAULT_SAML),
    page({
      of: federationOperations.samlLogin,
      method: 'GET',
      path: '/saml/:connection/login',
      input: z.object({ connection: z.string().max(64), return_to: ReturnTo }),
      run: async (_call, { connection, return_to }) => ({
        redirect: authorizePath(encodeURIComponent(connection), { return_to: return_to ?? null }),
      }),
    }),
  ]
}
