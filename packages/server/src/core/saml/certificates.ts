/** When the certificates of a connection expire: those of its identity provider, and ours. */
import { readCertificate } from '../../base/x509.ts'
import type { ProviderConnection } from '../connections/index.ts'
import type { ConnectionKey } from './keys.ts'

/** What may be shown of one of our keys. */
export type PublicKeyRow = Pick<ConnectionKey, 'use' | 'stage' | 'certificate'>

export interface CertificateState {
  owner: 'provider' | 'server'
  use: 'signing' | 'encryption'
  /** `pending`: waits for the approval of an administrator. */
  stage: 'current' | 'next' | 'previous' | 'pending'
  /** SHA-256, in hexadecimal. */
  fingerprint: string
  subject: string
  not_before: Date
  not_after: Date
  /** Whole days; negative where it has expired. */
  days_left: number
  /** Why its key is too weak; null for a key that is not. */
  weakness: string | null
}

const DAY = 86_400_000

/** The state of each certificate of the connection: those of the provider first. */
export function certificateStates(
  { settings }: Pick<ProviderConnection, 'settings'>,
  keys: readonly PublicKeyRow[],
  now: Date,
): CertificateState[] {
  const { certificates = [], pending_certificates: pending = [] } = settings.saml ?? {}
  const state = (
    certificate: string,
    of: Pick<CertificateState, 'owner' | 'use' | 'stage'>,
  ): CertificateState[] => {
    const facts = readCertificate(certificate)
    if (!facts) return []
    const { fingerprint, subject, notBefore, notAfter, weakness } = facts
    const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY)
    return [
      { ...of, fingerprint, subject, not_before: notBefore, not_after: notAfter, days_left: days, weakness },
    ]
  }
  const ofProvider = { owner: 'provider', use: 'signing' } as const
  return [
    ...certificates.flatMap((one) => state(one, { ...ofProvider, stage: 'current' })),
    ...pending.flatMap((one) => state(one, { ...ofProvider, stage: 'pending' })),
    ...keys.flatMap(({ certificate, use, stage }) => state(certificate, { owner: 'server', use, stage })),
  ]
}
