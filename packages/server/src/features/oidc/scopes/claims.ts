/**
 * The claims of a user (OpenID Connect Core §5.1) and the scopes that ask for them (§5.4): one statement reads them, a pure function
 * chooses. Roles and the organization are in the access token already, where they can be revoked.
 */
import { sql } from 'kysely'
import type { Statements } from '../../../base/db/types.ts'
import type { Config } from '../../../config.ts'

/** The different words of a list that spaces separate (RFC 6749 §3.3). */
export const wordsOf = (text: string | undefined): string[] => [
  ...new Set(text?.split(' ').filter((word) => word !== '')),
]

/** What each scope asks for; `openid` asks for `sub`, which is always there. */
const CLAIMS_OF_SCOPE: Readonly<Record<string, readonly ProfileClaim[]>> = {
  profile: ['name', 'preferred_username', 'locale', 'updated_at'],
  email: ['email', 'email_verified'],
}

const PROFILE_CLAIMS = [
  'name',
  'preferred_username',
  'locale',
  'updated_at',
  'email',
  'email_verified',
] as const
export type ProfileClaim = (typeof PROFILE_CLAIMS)[number]

/** Each claim that the parameter `claims` may name. */
export const KNOWN_CLAIMS: readonly string[] = PROFILE_CLAIMS

/** `updated_at` in seconds since 1970; a claim without a value is absent (§5.3.2). */
export type UserClaims = Partial<Record<ProfileClaim, string | number | boolean>>

interface ProfileRow {
  username: string | null
  full_name: string | null
  locale: string | null
  updated_at: Date
  address: string | null
  verified_at: Date | null
}

/** @returns null where there is no active user of this id */
export async function findProfile(db: Statements, userId: string): Promise<UserClaims | null> {
  const { rows } = await sql<ProfileRow>`
    select u.username, u.full_name, u.locale, u.updated_at, e.address, e.verified_at
    from users u left join emails e on e.user_id = u.id and e.is_primary
    where u.id = ${userId} and u.status = 'active'`.execute(db)
  const [row] = rows
  if (row === undefined) return null
  const profile: Record<string, string | number | boolean | null> = {
    name: row.full_name,
    preferred_username: row.username,
    locale: row.locale,
    updated_at: Math.floor(row.updated_at.getTime() / 1000),
    email: row.address,
    email_verified: row.address === null ? null : row.verified_at !== null,
  }
  return Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== null)) as UserClaims
}

/** The names that the scopes ask for, and those that the app has named. */
export const claimsAskedFor = (scopes: readonly string[], named: readonly string[]): ReadonlySet<string> =>
  new Set([...scopes.flatMap((scope) => CLAIMS_OF_SCOPE[scope] ?? []), ...named])

/** Of the claims of a user, those that the app wants. */
export const chosen = (profile: UserClaims, asked: ReadonlySet<string>): UserClaims =>
  Object.fromEntries(Object.entries(profile).filter(([name]) => asked.has(name)))

/** The audience of tokens that userinfo accepts, and its address. */
export const userinfoOf = ({ publicUrl }: Pick<Config, 'publicUrl'>): string => `${publicUrl}/oidc/userinfo`

/** The scope that a claim belongs to. */
export const scopeOfClaim = (claim: string): string =>
  Object.entries(CLAIMS_OF_SCOPE).find(([, claims]) => (claims as readonly string[]).includes(claim))?.[0] ??
  'openid'

/** By what users know which of their accounts it is: the address, otherwise the username. */
export async function accountOf(
  db: Statements,
  { userId, username }: { userId: string; username: string | null },
): Promise<string> {
  const { email } = (await findProfile(db, userId)) ?? {}
  return typeof email === 'string' ? email : (username ?? userId)
}
