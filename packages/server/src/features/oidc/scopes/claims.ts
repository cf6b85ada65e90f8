/**
 * The claims of a user (OpenID Connect Core §5.1) and the scopes that ask for them (§5.4): one statement reads them, a pure function
 * chooses. Roles and the organization are in the access token already, where they can be revoked.
 */
import { sql } from 'kysely'
import type { Statements } from '../../../base/db/types.ts'
import type { Config } from '../../../config.ts'
import type { UserProfile } from '../../../core/user-profile.ts'

/** The different words of a list that spaces separate (RFC 6749 §3.3). */
export const wordsOf = (text: string | undefined): string[] => [
  ...new Set(text?.split(' ').filter((word) => word !== '')),
]

/** What each scope asks for (§5.4); `openid` asks for `sub`, which is always there. */
const CLAIMS_OF_SCOPE = {
  profile: [
    'name', 'family_name', 'given_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture', 'website',
    'gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
} as const // biome-ignore format: a table
export type ProfileClaim = (typeof CLAIMS_OF_SCOPE)[keyof typeof CLAIMS_OF_SCOPE][number]

const SCOPES = Object.entries<readonly ProfileClaim[]>(CLAIMS_OF_SCOPE)

/** Each claim that the parameter `claims` may name. */
export const KNOWN_CLAIMS: readonly string[] = SCOPES.flatMap(([, claims]) => claims)

/** `updated_at` in seconds since 1970, `address` an object (§5.1.1); a claim without a value is absent (§5.3.2). */
export type UserClaims = Partial<Record<ProfileClaim, string | number | boolean | UserProfile['address']>>

interface ProfileRow {
  username: string | null
  full_name: string | null
  locale: string | null
  updated_at: Date
  email: string | null
  verified_at: Date | null
  /** Null where the user has stated nothing else. */
  claims: UserProfile | null
}

/** @returns null where there is no active user of this id */
export async function findProfile(db: Statements, userId: string): Promise<UserClaims | null> {
  const { rows } = await sql<ProfileRow>`
    select u.username, u.full_name, u.locale, u.updated_at, e.address as email, e.verified_at, f.claims
    from users u left join emails e on e.user_id = u.id and e.is_primary left join user_profiles f on f.user_id = u.id
    where u.id = ${userId} and u.status = 'active'`.execute(db)
  const [row] = rows
  if (row === undefined) return null
  const stated = row.claims ?? {}
  const profile: Record<string, UserClaims[ProfileClaim] | null> = {
    ...stated,
    name: row.full_name,
    preferred_username: row.username,
    locale: row.locale,
    updated_at: Math.floor(row.updated_at.getTime() / 1000),
    email: row.email,
    email_verified: row.email === null ? null : row.verified_at !== null,
    // nothing here verifies telephone numbers
    phone_number_verified: stated.phone_number === undefined ? null : false,
  }
  return Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== null)) as UserClaims
}

/** The names that the scopes ask for, and those that the app has named. */
export const claimsAskedFor = (scopes: readonly string[], named: readonly string[]): ReadonlySet<string> =>
  new Set([...SCOPES.flatMap(([scope, claims]) => (scopes.includes(scope) ? claims : [])), ...named])

/** Of the claims of a user, those that the app wants. */
export const chosen = (profile: UserClaims, asked: ReadonlySet<string>): UserClaims =>
  Object.fromEntries(Object.entries(profile).filter(([name]) => asked.has(name)))

/** The audience of tokens that userinfo accepts, and its address. */
export const userinfoOf = ({ publicUrl }: Pick<Config, 'publicUrl'>): string => `${publicUrl}/oidc/userinfo`

/** The scope that a claim belongs to. */
export const scopeOfClaim = (claim: string): string =>
  SCOPES.find(([, claims]) => (claims as readonly string[]).includes(claim))?.[0] ?? 'openid'

/** By what users know which of their accounts it is: the address, otherwise the username. */
export async function accountOf(
  db: Statements,
  { userId, username }: { userId: string; username: string | null },
): Promise<string> {
  const { email } = (await findProfile(db, userId)) ?? {}
  return typeof email === 'string' ? email : (username ?? userId)
}
