/**
 * Subject identifiers (OpenID Connect Core §8): by what an app knows a user, and a session. For most apps it is the id; for one with pairwise
 * subjects it is a random text that the apps of its sector share, and by which no other app can tell who it is. Owns the table, and
 * leaves to the features where a subject is used.
 *
 * Invariants: a subject never changes; what revokes tokens of a user reads the subjects under a lock that each new one waits for, so
 * that a token with a subject is covered by every later revocation of its user.
 */
import { type Keyring, randomSecret } from '../../base/crypto.ts'
import type { Db, Statements, Tx } from '../../base/db/types.ts'
import { type Eventual, whenReady } from '../../base/eventual.ts'
import { isId } from '../../base/ids.ts'
import type { Client } from '../clients/index.ts'
import { sectorHostOf } from '../clients/redirect-uris.ts'
import {
  insertSubject,
  keepSid,
  lockForSubject,
  lockForSubjects,
  selectAppFamilies,
  selectSid,
  selectSubject,
  selectSubjectsOf,
  selectUserOf,
} from './sql.ts'

export const isPairwise = ({ settings }: Pick<Client, 'settings'>): boolean =>
  settings.subject_type === 'pairwise'

/**
 * The apps that know a user by the same subject: those of one owner at one host (§8.1), so that no app gets into the sector of another
 * owner by naming its host; apps that have registered themselves are apart. Null where the redirect URIs are not of one host.
 */
export function sectorOf({
  organizationId,
  source,
  settings,
}: Pick<Client, 'organizationId' | 'source' | 'settings'>): string | null {
  const host = sectorHostOf(settings.redirect_uris)
  const owner = organizationId ?? (source === 'operator' ? 'server' : 'registered')
  return host === null ? null : `${owner}/${host}`
}

/** A client with pairwise subjects that is in no sector gets no user. */
export const hasSubjects = (client: Client): boolean => !isPairwise(client) || sectorOf(client) !== null

/**
 * By what the app knows the user; made where there is none yet. Immediate for public subjects.
 * @throws Error for a client without subjects (`hasSubjects`), or a user who was deleted
 */
export function subjectFor(
  { db }: { db: Pick<Db, 'hot' | 'tx'> },
  client: Client,
  userId: string,
  now: Date,
): Eventual<string> {
  if (!isPairwise(client)) return userId
  return whenReady(findKnownSubject(db.hot, client, userId), (found) =>
    found === null ? db.tx('system', (tx) => ensureSubject(tx, client, userId, now)) : found,
  )
}

/** Null where there is none. Immediate for public subjects. */
export function findKnownSubject(db: Statements, client: Client, userId: string): Eventual<string | null> {
  if (!isPairwise(client)) return userId
  const sector = sectorOf(client)
  return sector === null ? null : selectSubject(db, userId, sector)
}

/** As `subjectFor`, in a transaction of the system. Before it locks sessions. */
export async function ensureSubject(tx: Tx, client: Client, userId: string, now: Date): Promise<string> {
  if (!isPairwise(client)) return userId
  const sector = sectorOf(client)
  if (sector === null) throw new Error(`the client ${client.id} is in no sector`)
  const known = await selectSubject(tx, userId, sector)
  if (known !== null) return known
  await lockForSubject(tx, userId)
  await insertSubject(tx, { user_id: userId, sector, subject: randomSecret(), created_at: now })
  const made = await selectSubject(tx, userId, sector)
  if (made === null) throw new Error('the user of a subject was deleted')
  return made
}

/** The user whom the app knows by this subject; null: none. Immediate for public subjects. */
export function userOfSubject(db: Statements, client: Client, subject: string): Eventual<string | null> {
  if (!isPairwise(client)) return subject
  const sector = sectorOf(client)
  return sector === null ? null : selectUserOf(db, subject, sector)
}

/** The user in the `sub` of a token of ours, of any app; null: none any more. Immediate for public subjects. */
export const userInSub = (db: Statements, sub: string): Eventual<string | null> =>
  isId('usr', sub) ? sub : selectUserOf(db, sub, null)

/**
 * What names a session to an app with pairwise subjects: a text that is for it alone. All other apps get the id of the session, by which
 * it could tell with them that two users are one. It is stored when the session signs in to the app, because the app keeps it: under
 * another secret it would be another text. Null for public subjects.
 */
export const newSid = (keyring: Keyring, client: Client, sessionId: string): string | null =>
  isPairwise(client) ? keyring.mac('sids', `${client.id} ${sessionId}`).toString('base64url') : null

/** What names the session to the app. Immediate for public subjects. */
export function findSid(
  { db, keyring }: { db: Pick<Db, 'hot'>; keyring: Keyring },
  client: Client,
  sessionId: string,
): Eventual<string> {
  const made = newSid(keyring, client, sessionId)
  if (made === null) return sessionId
  return whenReady(selectSid(db.hot, sessionId, client.id), (found) => {
    // a session whose sign-in to the app a previous version has stored
    if (found === null) return keepSid(db.hot, { sessionId, clientId: client.id, sid: made })
    return found
  })
}

/** The same for a session that has ended, by what was stored with the message about it. */
export const sidAtEnd = (
  keyring: Keyring,
  client: Client,
  { sessionId, sid }: { sessionId: string; sid: string | null },
): string => sid ?? newSid(keyring, client, sessionId) ?? sessionId

/** The subjects of a user, for revoking what has them: new ones wait for the end of the transaction. As the system. */
export async function lockSubjects(tx: Tx, userId: string): Promise<string[]> {
  await lockForSubjects(tx, userId)
  return await selectSubjectsOf(tx, userId)
}

/**
 * The families of apps in these sessions, some of whose tokens do not name the session: those of apps with pairwise subjects, and what such
 * an app has got for the token of another one. After the sessions were locked; as the system.
 */
export const appFamiliesOf = (tx: Tx, sessionIds: readonly string[]): Promise<string[]> =>
  sessionIds.length === 0 ? Promise.resolve([]) : selectAppFamilies(tx, sessionIds)
