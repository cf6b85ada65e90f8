/**
 * Connected accounts (identities) in an import and export of users. Owns which connection of this server asserts an identity
 * of a record and what its key is here. Leaves records and users to accounts/import, and what links an identity at a sign-in
 * to signin/federation.
 *
 * Invariant: an identity of another user is never moved, and no token of a provider is read or written.
 */
export { IdentityRecord, KeyedIdentity, keyOf, type ReadIdentity } from './fields.ts'
export { createIdentityReader, type IdentityFault } from './reading.ts'
export {
  EXPORTED_IDENTITIES,
  type ExportedIdentity,
  inSlices,
  insertIdentities,
  insertMissingIdentities,
  selectIdentityOwners,
} from './sql.ts'
