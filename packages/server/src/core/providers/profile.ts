/** Reading what a provider says about a user: bounded texts without invisible characters, and the rules for addresses. */
import { visibleText } from '../../base/fields.ts'
import { EmailAddress } from '../../base/identifiers.ts'
import { readProfile, type UserProfile } from '../user-profile.ts'
import type { Claims, ProfileContext, ProviderProfile } from './provider.ts'
import type { ConnectionSettings } from './settings.ts'

const MOST_GROUPS = 500

export const isObject = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const membersOf = (value: unknown): Claims => (isObject(value) ? value : {})

/** A claim by its name; a name with dots is also a path, such as `realm_access.roles`. */
export function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const part of name.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, part)) return undefined
    value = value[part]
  }
  return value
}

/** A text of one line; null where there is none. */
export const claimText = (value: unknown, max: number): string | null =>
  typeof value === 'string' ? visibleText(value, max) : null

/** An identifier is never cut or cleaned: another one must not result. */
export function subjectOf(value: unknown): string | null {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  return typeof text === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(text)
    ? text
    : null
}

/** An address that a registration accepts; null for any other, which could be a spelling of another owner. */
export const addressOf = (value: unknown): string | null => EmailAddress.safeParse(value).data ?? null

/** True as a boolean or, as some providers write it, as a text. */
export const isTrue = (value: unknown): boolean => value === true || value === 'true'

/**
 * Groups give roles: one that is not clean is left out, because another one could result from cleaning it. Null: the provider
 * has not said, which is not the same as none.
 */
export function groupsOf(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  const names = values.filter((one): one is string => typeof one === 'string' && claimText(one, 200) === one)
  return [...new Set(names)].slice(0, MOST_GROUPS)
}

/** A full name from its parts, where there is no whole one. */
export const wholeName = (whole: unknown, given: unknown, family: unknown): string | null =>
  claimText(whole, 200) ??
  claimText([given, family].filter((part) => typeof part === 'string').join(' '), 200)

/** What of a provider's words can be part of a profile: names, and a picture, which is never requested. */
export function statedProfile(said: { given_name: unknown; family_name: unknown; picture?: unknown }): {
  stated?: UserProfile
} {
  const { profile } = readProfile(said)
  return Object.keys(profile).length === 0 ? {} : { stated: profile }
}

/** The standard claims (OpenID Connect Core §5.1), under the names that the connection's attributes give them. */
export function standardProfile(
  claims: Claims,
  { settings }: Pick<ProfileContext, 'settings'>,
  isVerified: (email: string) => boolean,
): ProviderProfile {
  const names = settings.attributes ?? {}
  const find = (name: string | undefined, standard: string) => claimOf(claims, name ?? standard)
  const email = addressOf(find(names.email, 'email'))
  const given = find(names.given_name, 'given_name')
  const family = find(names.family_name, 'family_name')
  return {
    subject: subjectOf(claims.sub),
    email,
    emailVerified: email !== null && settings.trusts_email !== false && isVerified(email),
    username: claimText(find(names.username, 'preferred_username'), 100),
    fullName: wholeName(find(names.full_name, 'name'), given, family),
    ...statedProfile({ given_name: given, family_name: family, picture: claims.picture }),
    groups: groupsOf(find(names.groups, 'groups')),
  }
}

/** Whether the provider says that the address is verified; `email_verified` speaks of the claim `email` and no other. */
export const isClaimedVerified = (claims: Claims, email: string): boolean =>
  isTrue(claims.email_verified) && addressOf(claims.email) === email

/** Of a provider that is an authority for the addresses of all its users: its word counts. */
export const verifiedByClaim = (claims: Claims, context: ProfileContext): ProviderProfile =>
  standardProfile(claims, context, (email) => isClaimedVerified(claims, email))

/**
 * Of an issuer that anyone could run: its word counts for the domains that its organization has proven, or where the
 * connection trusts it.
 */
export const verifiedWhereTrusted = (claims: Claims, context: ProfileContext): ProviderProfile =>
  standardProfile(
    claims,
    context,
    (email) =>
      isClaimedVerified(claims, email) &&
      (context.settings.trusts_email === true || context.isOwnDomain(email)),
  )

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')

export const discoveryOf = (issuer: string): string =>
  `${withoutSlash(issuer)}/.well-known/openid-configuration`

/** The issuer of the settings, with and without a slash at its end: administrators copy either. */
export function issuersOf({ issuer = '' }: ConnectionSettings): readonly string[] {
  return [withoutSlash(issuer), `${withoutSlash(issuer)}/`]
}

/** A base URL of the settings without a slash at its end. */
export const baseOf = ({ base_url }: ConnectionSettings, otherwise: string): string =>
  withoutSlash(base_url ?? otherwise)
