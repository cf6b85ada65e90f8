/** The statements of pairwise subjects. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../base/db/types.ts'
import type { PairwiseSubjectsTable } from './tables.ts'

export async function selectSubject(db: Statements, userId: string, sector: string): Promise<string | null> {
  const { rows } = await sql<{ subject: string }>`
    select subject from pairwise_subjects where user_id = ${userId} and sector = ${sector}`.execute(db)
  return rows[0]?.subject ?? null
}

/** As `randomSecret` makes them. */
const SUBJECT = /^[A-Za-z0-9_-]{43}$/

/** @param sector null: of any */
export async function selectUserOf(
  db: Statements,
  subject: string,
  sector: string | null,
): Promise<string | null> {
  if (!SUBJECT.test(subject)) return null
  const { rows } = await sql<Pick<PairwiseSubjectsTable, 'user_id' | 'sector'>>`
    select user_id, sector from pairwise_subjects where subject = ${subject}`.execute(db)
  const [row] = rows
  return row !== undefined && (sector === null || row.sector === sector) ? row.user_id : null
}

export async function selectSubjectsOf(tx: Tx, userId: string): Promise<string[]> {
  const { rows } = await sql<{ subject: string }>`
    select subject from pairwise_subjects where user_id = ${userId}`.execute(tx)
  return rows.map(({ subject }) => subject)
}

/** Of concurrent ones, the first stays. */
export async function insertSubject(tx: Tx, row: PairwiseSubjectsTable): Promise<void> {
  await sql`
    insert into pairwise_subjects (user_id, sector, subject, created_at)
    select id, ${row.sector}, ${row.subject}, ${row.created_at}::timestamptz from users where id = ${row.user_id}
    on conflict (user_id, sector) do nothing`.execute(tx)
}

/** For a new subject: waits for revocations of what the user has. */
export async function lockForSubject(tx: Tx, userId: string): Promise<void> {
  await sql`select 1 from users where id = ${userId} for share`.execute(tx)
}

/** For revocations: waits for new subjects, and they for it. */
export async function lockForSubjects(tx: Tx, userId: string): Promise<void> {
  await sql`select 1 from users where id = ${userId} for no key update`.execute(tx)
}

/** Null where none is stored. */
export async function selectSid(db: Statements, sessionId: string, clientId: string): Promise<string | null> {
  const { rows } = await sql<{ sid: string | null }>`
    select sid from client_sessions where session_id = ${sessionId} and client_id = ${clientId}`.execute(db)
  return rows[0]?.sid ?? null
}

/** Of concurrent ones, the first stays. @returns what is stored now; where the session is not at the app any more, `sid` */
export async function keepSid(
  db: Statements,
  { sessionId, clientId, sid }: { sessionId: string; clientId: string; sid: string },
): Promise<string> {
  const { rows } = await sql<{ sid: string }>`
    update client_sessions set sid = coalesce(sid, ${sid})
    where session_id = ${sessionId} and client_id = ${clientId} returning sid`.execute(db)
  return rows[0]?.sid ?? sid
}

export async function selectAppFamilies(tx: Tx, sessionIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from token_families
    where session_id = any(${[...sessionIds]}::text[]) and client_id is not null`.execute(tx)
  return rows.map(({ id }) => id)
}
