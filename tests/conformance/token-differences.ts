/** Where the token endpoint answers otherwise than that of oidc-provider, each with its reason and an example. */
import type { TokenCase, TokenOutcome } from './token-cases.ts'

interface TokenDifference {
  why: string
  example: TokenCase
  fits(one: TokenCase, ours: TokenOutcome, theirs: TokenOutcome): boolean
}

/**
 * Claims that our ID tokens always have: how, when and in which session the user signed in, so that apps need no further request for
 * it, and the digest of the access token, which is optional in the code flow (OpenID Connect Core §3.1.3.6).
 */
export const CLAIMS_OF_OURS: readonly string[] = ['acr', 'amr', 'at_hash', 'auth_time', 'sid']

const USUAL: TokenCase = {
  app: 'ordinary',
  grant: 'authorization_code',
  authorized: 'openid',
  authentication: 'registered',
  before: 'nothing',
  changes: [],
}

export const TOKEN_DIFFERENCES: readonly TokenDifference[] = [
  {
    why: 'An app that does not say who it is has failed to authenticate (RFC 6749 §5.2: invalid_client, no client authentication included).',
    example: { ...USUAL, authentication: 'none' },
    fits: (_, ours, theirs) =>
      ours.error === 'invalid_client' && theirs.error === 'invalid_request' && theirs.status === 400,
  },
  {
    why: 'A grant that the app is not registered for is unauthorized_client (RFC 6749 §5.2).',
    example: { ...USUAL, app: 'program' },
    fits: (_, ours, theirs) => ours.error === 'unauthorized_client' && theirs.error === 'invalid_request',
  },
  {
    why: 'Scopes of OpenID Connect say what an app learns of its user: a token for the app itself has none.',
    example: { ...USUAL, app: 'program', grant: 'client_credentials', changes: [['scope', 'profile']] },
    fits: ({ grant }, ours, theirs) =>
      grant === 'client_credentials' && ours.error === 'invalid_scope' && theirs.status === 200,
  },
  {
    why: 'The ID token of a refresh should have no nonce (OpenID Connect Core §12.2).',
    example: { ...USUAL, grant: 'refresh_token' },
    fits: ({ grant }, ours, theirs) => {
      const same = (one: TokenOutcome) =>
        one.idToken.filter((name) => name !== 'nonce' && !CLAIMS_OF_OURS.includes(name))
      const [a, b] = [ours, theirs].map((one) => JSON.stringify({ ...one, idToken: same(one) }))
      return grant === 'refresh_token' && ours.status === 200 && !ours.idToken.includes('nonce') && a === b
    },
  },
  {
    why: 'A refresh token that is repeated within ten seconds gets the same successor: an answer may be lost, and tabs refresh at once.',
    example: { ...USUAL, grant: 'refresh_token', before: 'used' },
    fits: ({ grant, before }, ours, theirs) =>
      grant === 'refresh_token' &&
      before === 'used' &&
      ours.status === 200 &&
      theirs.error === 'invalid_grant',
  },
  {
    why: 'An error has the members of RFC 6749 §5.2 alone; oidc-provider adds the scope.',
    example: { ...USUAL, grant: 'refresh_token', changes: [['scope', 'profile']] },
    fits: (_, ours, theirs) =>
      ours.error === 'invalid_scope' &&
      theirs.error === 'invalid_scope' &&
      theirs.members.join() === 'error,scope',
  },
  {
    why: 'Of two faults in a request, either may be the one that the app learns of.',
    example: { ...USUAL, grant: 'refresh_token', before: 'of another app', changes: [['scope', 'openid "']] },
    fits: ({ before, authentication, changes }, ours, theirs) =>
      changes.length + (before === 'nothing' ? 0 : 1) + (authentication === 'registered' ? 0 : 1) >= 2 &&
      ours.error !== null &&
      theirs.error !== null,
  },
]
