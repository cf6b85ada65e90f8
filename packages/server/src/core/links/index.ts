/**
 * Single-use links in emails and at the terminal: `lnk_….secret`. Owns the statement that consumes them; their effect
 * is the features'. Invariant: only the hash of the secret is stored, and of concurrent uses exactly one succeeds.
 */
import { sql } from 'kysely'
import { later } from '../../base/clock.ts'
import { randomSecret, sha256 } from '../../base/crypto.ts'
import type { Db, Tx } from '../../base/db/types.ts'
import { problem } from '../../base/errors.ts'
import { canonical } from '../../base/identifiers.ts'
import { isId, newId } from '../../base/ids.ts'
import { recurs, type Work } from '../jobs/index.ts'
import type { LinksTable } from './tables.ts'

const KEEP_EXPIRED = 7 * 86_400_000

export type LinkPurpose = LinksTable['purpose']

export interface Link {
  id: string
  userId: string | null
  emailId: string | null
  /** The sign-in under way that it continues. */
  attemptId: string | null
  /** The address that it confirms, where it is not yet one of the user. */
  address: string | null
  createdAt: Date
  expiresAt: Date
}

/** The result of a check: `unknown` covers malformed links and links of another purpose, `used` revoked links. */
export type LinkVerdict =
  | { link: Link }
  | { refused: 'unknown' | 'expired' }
  | { refused: 'used'; usedLink: Link }

/** Creates a link. @returns the token for the URL; it cannot be read again */
export async function issueLink(
  tx: Tx,
  link: {
    purpose: LinkPurpose
    userId: string | null
    emailId?: string
    address?: string
    attemptId?: string
    lifetime: number
  },
  now: Date,
): Promise<string> {
  const id = newId('lnk')
  const secret = randomSecret()
  await tx
    .insertInto('links')
    .values({
      id,
      purpose: link.purpose,
      user_id: link.userId,
      email_id: link.emailId ?? null,
      attempt_id: link.attemptId ?? null,
      address: link.address ?? null,
      address_key: link.address === undefined ? null : canonical(link.address),
      secret_hash: sha256(secret),
      created_at: now,
      expires_at: later(now, link.lifetime),
      used_at: null,
    })
    .execute()
  return `${id}.${secret}`
}

/** Checks a link without consuming it, so that a page can show its effect. */
export async function checkLink(
  tx: Tx,
  purpose: LinkPurpose,
  token: string,
  now: Date,
): Promise<LinkVerdict> {
  const parts = partsOf(token)
  if (!parts) return { refused: 'unknown' }
  const row = await tx
    .selectFrom('links')
    .selectAll()
    .where('id', '=', parts.id)
    .where('purpose', '=', purpose)
    .where('secret_hash', '=', parts.hash)
    .executeTakeFirst()
  if (!row) return { refused: 'unknown' }
  if (row.used_at) return { refused: 'used', usedLink: toLink(row) }
  if (row.expires_at <= now) return { refused: 'expired' }
  return { link: toLink(row) }
}

/** Consumes a link in one statement. @returns the link for the first use before its expiry, otherwise null */
async function consumeLink(tx: Tx, purpose: LinkPurpose, token: string, now: Date): Promise<Link | null> {
  const parts = partsOf(token)
  if (!parts) return null
  const row = await tx
    .updateTable('links')
    .set({ used_at: now })
    .where('id', '=', parts.id)
    .where('purpose', '=', purpose)
    .where('secret_hash', '=', parts.hash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst()
  return row ? toLink(row) : null
}

/** Consumes a link. @throws Problem INVALID_TOKEN; TOKEN_EXPIRED where the link is valid but expired */
export async function useLink(tx: Tx, purpose: LinkPurpose, token: string, now: Date): Promise<Link> {
  const link = await consumeLink(tx, purpose, token, now)
  if (link) return link
  const verdict = await checkLink(tx, purpose, token, now)
  throw linkProblem('refused' in verdict ? verdict.refused : 'used')
}

export function linkProblem(refused: 'unknown' | 'used' | 'expired') {
  if (refused === 'expired')
    return problem('TOKEN_EXPIRED', { message: 'This link has expired. Request a new one.' })
  return problem('INVALID_TOKEN', {
    message: 'This link is not valid or was already used. Request a new one.',
  })
}

/**
 * Revokes a user's unused links of a purpose, for example when a newer one replaces them. They stay in the table as
 * used, so that the number of recently issued links is known.
 */
export async function revokeLinks(
  tx: Tx,
  purpose: LinkPurpose,
  userId: string | null,
  now: Date,
): Promise<void> {
  await tx
    .updateTable('links')
    .set({ used_at: now })
    .where('purpose', '=', purpose)
    .where(userId === null ? sql<boolean>`user_id is null` : sql<boolean>`user_id = ${userId}`)
    .where('used_at', 'is', null)
    .execute()
}

const MAILBOX_LINKS = [
  'verify_email',
  'reset_password',
  'change_email',
  'magic_link',
  'unlock',
  'not_me',
] as const satisfies readonly LinkPurpose[]

/** Revokes the links that were sent to a user's present address, and the change of the address that waits. */
export async function revokeMailboxLinks(tx: Tx, userId: string, now: Date): Promise<void> {
  for (const purpose of MAILBOX_LINKS) await revokeLinks(tx, purpose, userId, now)
}

/** The user's link of a purpose that can be used now; null for none. */
export async function findOpenLink(
  tx: Tx,
  purpose: LinkPurpose,
  userId: string,
  now: Date,
): Promise<Link | null> {
  const row = await tx
    .selectFrom('links')
    .selectAll()
    .where('purpose', '=', purpose)
    .where('user_id', '=', userId)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ? toLink(row) : null
}

/** How many links that name the address were issued since then, by all users together. */
export async function countLinksTo(tx: Tx, address: string, since: Date): Promise<number> {
  const { count } = await tx
    .selectFrom('links')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('address_key', '=', canonical(address))
    .where('created_at', '>', since)
    .executeTakeFirstOrThrow()
  return count
}

/** Deletes the links of all users that name one of the addresses, in their canonical spelling. */
export async function deleteLinksTo(tx: Tx, addressKeys: readonly string[]): Promise<void> {
  if (addressKeys.length > 0)
    await tx
      .deleteFrom('links')
      .where('address_key', 'in', [...addressKeys])
      .execute()
}

/** Revokes every unused link that was issued until then. @returns how many */
export async function revokeLinksBefore(tx: Tx, before: Date, now: Date): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('links')
    .set({ used_at: now })
    .where('created_at', '<=', before)
    .where('used_at', 'is', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Deletes links that expired long ago; until then a used link is distinguished from an unknown one. */
export const linkJobs = ({ db }: { db: Db }): Work[] => [
  recurs('links.purge', '1h', async (now) => {
    await db.hot.deleteFrom('links').where('expires_at', '<', later(now, -KEEP_EXPIRED)).execute()
  }),
]

function partsOf(token: string): { id: string; hash: Buffer } | null {
  const [id, secret, more] = token.split('.')
  if (!id || !secret || more !== undefined || !isId('lnk', id) || secret.length !== 43) return null
  return { id, hash: sha256(secret) }
}

const toLink = (row: LinksTable): Link => ({
  id: row.id,
  userId: row.user_id,
  emailId: row.email_id,
  attemptId: row.attempt_id,
  address: row.address,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})
