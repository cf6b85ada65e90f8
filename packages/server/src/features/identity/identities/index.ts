/**
 * Identities: accounts at identity providers that are linked to users. Owns the one statement that links one,
 * and the e-mails about it. Leaves the
 * decision whether to link to signin/federation, and unlinking with its last way in to accounts/connected.
 */
export {
  deleteIdentitiesSince,
  deleteIdentity,
  findIdentity,
  hasIdentitiesOfOthers,
  type Identity,
  linkIdentity,
  listIdentities,
  updateIdentityUse,
} from './identities.ts'
export {
  keptTokenJobs,
  releaseKeptTokens,
  revokeKeptTokens,
  sealedIdentityColumns,
  sealTokens,
} from './kept-tokens.ts'
export { identityEmails } from './mail.tsx'
