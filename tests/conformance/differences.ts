/**
 * Where this server answers an authorization request otherwise than oidc-provider, each with its reason and an example, which shows
 * the difference. A difference that none of them explains is a fault of one of the two.
 */
import type { AuthorizationCase } from './generated.ts'
import type { Outcome } from './oracle.ts'

type Sent = Readonly<Record<string, string | undefined>>

interface Difference {
  why: string
  example: Partial<AuthorizationCase>
  fits(sent: Sent, ours: Outcome, theirs: Outcome, one: AuthorizationCase): boolean
}

const changing = (...changes: [string, string | null][]): Partial<AuthorizationCase> => ({ changes })
const isWithoutOpenid = ({ scope = '' }: Sent): boolean => !scope.split(' ').includes('openid')
/** The person gets on: at a question, or back at the app with a code. */
const goesOn = ({ at, error }: Outcome): boolean => at !== 'error page' && error === null

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'A request with a parameter that is sent twice (RFC 6749 §3.1) is read no further: two readers of it could find two apps or two addresses.',
    example: { twice: 'state' },
    fits: (sent, ours, _, { twice }) => twice !== null && twice in sent && ours.at === 'error page',
  },
  {
    why: 'There is no implicit or hybrid flow and no response_mode=fragment (RFC 9700 §2.1.2), so that a refusal is in the query too.',
    example: changing(['response_mode', 'fragment']),
    fits: (sent, ours, theirs) =>
      (theirs.mode === 'fragment' || sent.response_mode === 'fragment') &&
      ours.mode === 'query' &&
      ours.error !== null,
  },
  {
    why: 'unsupported_response_mode is not registered for the authorization endpoint: a response_mode that is not there is an invalid_request.',
    example: changing(['response_mode', 'jwt']),
    fits: (_, ours, theirs) =>
      theirs.error === 'unsupported_response_mode' && ours.error === 'invalid_request',
  },
  {
    why: 'A response_type is compared as it is: a word that is sent twice is another one.',
    example: changing(['response_type', 'code code']),
    fits: (sent, ours) => sent.response_type === 'code code' && ours.error === 'unsupported_response_type',
  },
  {
    why: 'response_type=none is not there, with PKCE or without.',
    example: changing(['response_type', 'none']),
    fits: (sent, ours, theirs) =>
      sent.response_type === 'none' &&
      ours.error === 'unsupported_response_type' &&
      theirs.error === 'invalid_request',
  },
  {
    why: 'Parameters of OpenID Connect do not matter without the scope openid (RFC 6749 §3.1: what is not understood is ignored); the scopes alone decide.',
    example: changing(['scope', 'profile']),
    fits: (sent, ours, theirs) =>
      isWithoutOpenid(sent) &&
      theirs.error === 'invalid_request' &&
      (goesOn(ours) || ours.error === 'invalid_scope'),
  },
  {
    why: 'Spaces between scopes are separators, however many there are; no scope gets another meaning by that.',
    example: changing(['scope', 'openid  email']),
    fits: (sent, ours, theirs) =>
      sent.scope === 'openid  email' && theirs.error === 'invalid_scope' && goesOn(ours),
  },
  {
    why: 'The parameter claims may ask for nothing: OpenID Connect Core §5.5 requires neither member, and null is the default of one.',
    example: changing(['claims', '{}']),
    fits: ({ claims = '' }, ours, theirs) =>
      ['{}', '{"userinfo":null}'].includes(claims) && theirs.error === 'invalid_request' && goesOn(ours),
  },
  {
    why: 'max_age is a number of seconds in digits, of at most thirty years.',
    example: changing(['max_age', '1e3']),
    fits: ({ max_age: age = '' }, ours) =>
      ['1e3', '99999999999'].includes(age) && ours.error === 'invalid_request',
  },
  {
    why: 'An essential acr that no sign-in can reach fails (OpenID Connect Core §5.5.1.1), by the error of RFC 9470, also where acr_values prefers another; to ask the person would not help.',
    example: changing(['claims', '{"id_token":{"acr":{"essential":true,"value":"unknown"}}}']),
    fits: ({ claims = '' }, ours, theirs) =>
      claims.includes('"acr"') && ours.error === 'unmet_authentication_requirements' && goesOn(theirs),
  },
  {
    why: 'Where another person is signed in than the one whom the app names (OpenID Connect Core §3.1.2.2), the app learns of it and decides; who is not signed in may do so.',
    example: changing(['claims', '{"id_token":{"sub":{"value":"another person"}}}']),
    fits: ({ claims = '' }, ours, theirs) =>
      claims.includes('"sub"') && ours.error === 'login_required' && ['login', 'consent'].includes(theirs.at),
  },
  {
    why: 'A claim that the app names is allowed with the scope that it belongs to, and there is no further question.',
    example: changing(['claims', '{"userinfo":{"name":null}}']),
    fits: ({ claims = '' }, ours, theirs) =>
      claims.startsWith('{"userinfo":{"') &&
      theirs.at === 'consent' &&
      ours.at === 'app' &&
      ours.error === null,
  },
  {
    why: 'A reference of a pushed request that is not there, or not there any more, may come from anywhere: the address beside it is not used.',
    example: changing(['request_uri', 'urn:ietf:params:oauth:request_uri:unknown']),
    fits: ({ request_uri: reference = '' }, ours) =>
      reference.startsWith('urn:ietf:params:oauth:request_uri:') && ours.at === 'error page',
  },
  {
    why: 'prompt=select_account (OpenID Connect Core §3.1.2.1) is supported: the question shows the account, and leads to another one.',
    example: changing(['prompt', 'select_account']),
    fits: ({ prompt }, ours, theirs) =>
      prompt === 'select_account' &&
      theirs.error === 'invalid_request' &&
      ['login', 'consent'].includes(ours.at),
  },
  {
    why: 'Of two faults in a request, either may be the one that the app learns of.',
    example: changing(['registration', '{}'], ['response_type', 'none']),
    fits: (_, ours, theirs, { changes }) =>
      changes.length >= 2 &&
      ours.error !== null &&
      theirs.error !== null &&
      ours.redirect === theirs.redirect &&
      ours.isExact,
  },
]
