/**
 * SAML 2.0 as far as those who administer connections need it: the metadata of identity providers, read, fetched and
 * approved; the keys of this server as a service provider, and its metadata; when certificates expire; which attribute
 * says what (attributes.ts). Owns the tables of keys, fetches and warnings. Leaves requests, responses and logout to signin/saml.
 *
 * Invariant: certificates that verify signatures come from https, from an administrator, or were approved by one.
 */
export { ATTRIBUTE_PRESETS } from './attributes.ts'
export { type CertificateState, certificateStates } from './certificates.ts'
export { readIdpMetadata } from './idp-metadata.ts'
export {
  activateConnectionKeys,
  ensureConnectionKeys,
  findKeyExpiry,
  listConnectionKeys,
  prepareConnectionKeys,
  sealedConnectionKeys,
} from './keys.ts'
export { approveCertificates, fetchIdpMetadata, findMetadataCheck, refreshIdpMetadata } from './refresh.ts'
export { writeSpMetadata } from './sp-metadata.ts'
