/**
 * The scopes of this server, and the claims of users that they ask for, as OpenID Connect Core §5 has them. Leaves the scopes of
 * resources to these, and roles and organizations to the access token.
 */
export {
  accountOf,
  chosen,
  claimsAskedFor,
  findProfile,
  KNOWN_CLAIMS,
  scopeOfClaim,
  type UserClaims,
  userinfoOf,
  wordsOf,
} from './claims.ts'
