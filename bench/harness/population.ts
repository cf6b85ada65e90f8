/**
 * Users with sessions, refresh tokens and API keys, written directly into the database. There are so many that the
 * production limits (50 requests a minute and session) are counted for every request and refuse none, and that
 * different rows are read. Everything is derived from a number, so that requests can be made without a query.
 */
import { createHash } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { makeKey } from '../../packages/server/src/features/access/api-keys/format.ts'
import { query } from './postgres.ts'

export const PEOPLE = 20_000
export const PASSWORD = 'correct horse battery staple'
export const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

const digest = (text: string) => createHash('sha256').update(text).digest()
const id = (prefix: string, i: number) => `${prefix}_${digest(`${prefix} ${i}`).toString('hex').slice(0, 32)}`

/** The token of the user's session. */
export const tokenOf = (i: number): string => `st_${digest(`session ${i}`).toString('base64url')}`
/** The device cookie of a browser with which this user has signed in before. */
export const deviceCookieOf = (i: number): string => `__Host-lk_device=${id('dev', i)}.${deviceSecret(i)}`
const deviceSecret = (i: number): string => digest(`device ${i}`).toString('base64url')
/** The first refresh token of the user's family. */
export const refreshTokenOf = (i: number): string => `rt_${digest(`refresh ${i}`).toString('base64url')}`
/** The user's API key, with its checksum. */
export function keyOf(i: number): string {
  keys[i] ??= makeKey('lk', 'live').key
  return keys[i]
}
const keys: string[] = []
/** The number of an additional user, an administrator, whose API key gives guards access to the revocation stream. */
const ADMINISTRATOR = PEOPLE
export const guardKey = (): string => keyOf(ADMINISTRATOR)
export const addressOf = (i: number): string => `person${i}@example.com`

export async function populate(superuserUrl: string): Promise<void> {
  const numbers = Array.from({ length: PEOPLE }, (_, i) => i)
  const users = numbers.map((i) => id('usr', i))
  const now = new Date().toISOString()
  const insert = (text: string, ...columns: unknown[]) => query(superuserUrl, text, [now, ...columns])
  await insert(
    `insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at)
     select id, name, name, 'active', array['viewer'], $1::timestamptz, $1::timestamptz from unnest($2::text[], $3::text[]) as p(id, name)`,
    users,
    numbers.map((i) => `person${i}`),
  )
  await insert(
    `insert into latchkey.emails (id, user_id, address, address_key, is_primary, claimed_at, verified_at, created_at)
     select id, user_id, address, address, true, $1::timestamptz, $1::timestamptz, $1::timestamptz
     from unnest($2::text[], $3::text[], $4::text[]) as p(id, user_id, address)`,
    numbers.map((i) => id('eml', i)),
    users,
    numbers.map(addressOf),
  )
  const stored = await hash(PASSWORD, ARGON2)
  await insert(
    `insert into latchkey.passwords (user_id, hash, changed_at) select id, '${stored}', $1::timestamptz from unnest($2::text[]) as p(id)`,
    users,
  )
  await insert(
    `insert into latchkey.sessions (id, user_id, token_hash, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr)
     select id, user_id, token_hash, $1::timestamptz, $1::timestamptz, $1::timestamptz, $1::timestamptz + interval '30 days', 604800, true, array['pwd']
     from unnest($2::text[], $3::text[], $4::bytea[]) as p(id, user_id, token_hash)`,
    numbers.map((i) => id('ses', i)),
    users,
    numbers.map((i) => digest(tokenOf(i))),
  )
  await insert(
    `insert into latchkey.devices (id, user_id, secret_hash, created_at, last_used_at)
     select id, user_id, secret_hash, $1::timestamptz, $1::timestamptz from unnest($2::text[], $3::text[], $4::bytea[]) as p(id, user_id, secret_hash)`,
    numbers.map((i) => id('dev', i)),
    users,
    numbers.map((i) => digest(deviceSecret(i))),
  )
  await insert(
    `insert into latchkey.token_families (id, user_id, session_id, created_at)
     select id, user_id, session_id, $1::timestamptz from unnest($2::text[], $3::text[], $4::text[]) as p(id, user_id, session_id)`,
    numbers.map((i) => id('fam', i)),
    users,
    numbers.map((i) => id('ses', i)),
  )
  await insert(
    `insert into latchkey.refresh_tokens (token_hash, family_id, created_at)
     select token_hash, family_id, $1::timestamptz from unnest($2::bytea[], $3::text[]) as p(token_hash, family_id)`,
    numbers.map((i) => digest(refreshTokenOf(i))),
    numbers.map((i) => id('fam', i)),
  )
  await insert(
    `insert into latchkey.users (id, username, username_key, status, roles, created_at, updated_at)
     values ($2, 'administrator', 'administrator', 'active', array['super_admin'], $1::timestamptz, $1::timestamptz)`,
    id('usr', ADMINISTRATOR),
  )
  const issue = (scope: string, whose: number[]) =>
    insert(
      `insert into latchkey.api_keys (id, user_id, name, environment, hint, token_hash, scopes, created_at)
       select id, user_id, 'benchmark', 'live', hint, token_hash, array['${scope}'], $1::timestamptz
       from unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) as p(id, user_id, hint, token_hash)`,
      whose.map((i) => id('key', i)),
      whose.map((i) => id('usr', i)),
      whose.map((i) => keyOf(i).slice(0, 12)),
      whose.map((i) => digest(keyOf(i))),
    )
  await issue('dashboard:read', numbers)
  await issue('revocations:read', [ADMINISTRATOR])
  await query(superuserUrl, 'vacuum analyze')
}

/** A different client address for every number, so that limits by address are counted and refuse none. */
export const clientOf = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
