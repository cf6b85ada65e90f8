/**
 * The relying party of WebAuthn: the domain that passkeys belong to, and the origins where they may be used. Browsers bind
 * a passkey to the domain for good, so that a change of the setting makes every passkey useless.
 */
import { isIP } from 'node:net'
import type { Config } from '../config.ts'
import type { EnrollableKind } from './assurance.ts'
import { type Problem, problem } from './errors.ts'

export interface RelyingParty {
  /** A domain: that of the public URL, or a parent of it. */
  id: string
  /** The name that authenticators show. */
  name: string
  /** The origins that may run a ceremony, the server's first. */
  origins: readonly string[]
  attestation: 'none' | 'direct'
}

export type RelyingPartyConfig = Pick<
  Config,
  'publicUrl' | 'brandName' | 'mfaMethods' | 'passkeyRpId' | 'passkeyOrigins' | 'passkeyAttestation'
>

/**
 * null where the server has no domain: browsers refuse an IP address as the id of a relying party. Without `passkey` in
 * `LATCHKEY_MFA_METHODS` no passkey is added; those that exist work.
 */
export function findRelyingParty(config: RelyingPartyConfig): RelyingParty | null {
  const { origin, hostname } = new URL(config.publicUrl)
  const id = config.passkeyRpId ?? hostname
  if (isIP(id) !== 0 || id.startsWith('[')) return null
  return {
    id,
    name: config.brandName,
    origins: [origin, ...config.passkeyOrigins],
    attestation: config.passkeyAttestation,
  }
}

/** Whether users can add passkeys. */
export const offersPasskeys = (config: RelyingPartyConfig): boolean =>
  config.mfaMethods.includes('passkey') && findRelyingParty(config) !== null

/** The factors that users can set up here, of those that meet a demand. */
export const offeredKinds = (config: RelyingPartyConfig): EnrollableKind[] => [
  ...(offersPasskeys(config) ? (['passkey'] as const) : []),
  ...(config.mfaMethods.includes('totp') ? (['totp'] as const) : []),
]

/** For a passkey that exists. @throws Problem CONFLICT where the server has no domain */
export function getRelyingParty(config: RelyingPartyConfig): RelyingParty {
  const party = findRelyingParty(config)
  if (!party) throw noPasskeys()
  return party
}

/** For a passkey that is added. @throws Problem CONFLICT where users can add none */
export function getOfferingParty(config: RelyingPartyConfig): RelyingParty {
  if (!offersPasskeys(config)) throw noPasskeys()
  return getRelyingParty(config)
}

const noPasskeys = (): Problem =>
  problem('CONFLICT', {
    message: 'This server does not offer passkeys: they are switched off, or its public URL has no domain.',
    details: { reason: 'no_passkeys' },
  })

/** Related origins (WebAuthn §5.11.1): the pages that may use the passkeys of this domain. Apps are not among them. */
export const relatedOrigins = (config: RelyingPartyConfig): string[] =>
  (findRelyingParty(config)?.origins ?? []).filter((origin) => origin.startsWith('http'))
