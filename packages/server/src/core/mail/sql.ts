/** The statements of the mail room. */
import { sql } from 'kysely'
import type { Statements } from '../../base/db/types.ts'

export interface ClaimedLetter {
  id: string
  sealed: string | null
  attempts: number
}

export async function insertLetter(
  tx: Statements,
  letter: { id: string; sealed: string; status: 'waiting' | 'sent'; now: Date; about: string | null },
): Promise<void> {
  const sentAt = letter.status === 'sent' ? letter.now : null
  await sql`
    insert into latchkey.letters (id, sealed, status, next_at, created_at, sent_at, user_id)
    values (${letter.id}, ${letter.sealed}, ${letter.status}, ${letter.now}, ${letter.now}, ${sentAt}::timestamptz, ${letter.about}::text)`.execute(
    tx,
  )
}

/** Takes letters that are due; until `leaseEnd` they are due for nobody else. */
export async function claimLetters(
  db: Statements,
  of: { now: Date; leaseEnd: Date; limit: number },
): Promise<ClaimedLetter[]> {
  const { rows } = await sql<ClaimedLetter>`
    with due as materialized (
      select id from latchkey.letters where status = 'waiting' and next_at <= ${of.now}
      order by next_at, id limit ${of.limit} for update skip locked
    )
    update latchkey.letters l set next_at = ${of.leaseEnd}, attempts = attempts + 1
    from due where l.id = due.id
    returning l.id, l.sealed, l.attempts`.execute(db)
  return rows
}

export async function markSent(db: Statements, id: string, now: Date, keepSealed: boolean): Promise<void> {
  await sql`
    update latchkey.letters
    set status = 'sent', sent_at = ${now}, last_error = null, sealed = case when ${keepSealed}::boolean then sealed end
    where id = ${id} and status = 'waiting'`.execute(db)
}

export async function markFailed(
  db: Statements,
  id: string,
  error: string,
  keepSealed: boolean,
): Promise<void> {
  await sql`
    update latchkey.letters
    set status = 'failed', last_error = ${error}, sealed = case when ${keepSealed}::boolean then sealed end
    where id = ${id} and status = 'waiting'`.execute(db)
}

/** Without effect where the lease ran out and another node has it. */
export async function postponeLetter(
  db: Statements,
  letter: ClaimedLetter,
  error: string,
  nextAt: Date,
): Promise<void> {
  await sql`
    update latchkey.letters set next_at = ${nextAt}, last_error = ${error}
    where id = ${letter.id} and attempts = ${letter.attempts} and status = 'waiting'`.execute(db)
}

export async function deleteOldLetters(db: Statements, before: Date): Promise<void> {
  await sql`delete from latchkey.letters where status <> 'waiting' and created_at < ${before}`.execute(db)
}

/** Of those delivered all but the newest. */
export async function trimLetters(db: Statements, keep: number): Promise<void> {
  await sql`
    delete from latchkey.letters where id in (
      select id from latchkey.letters where status = 'sent' order by sent_at desc, id desc offset ${keep}
    )`.execute(db)
}

export interface SentLetter {
  id: string
  sealed: string
  sent_at: Date
}

/** Newest first. */
export async function listSentLetters(db: Statements, limit: number): Promise<SentLetter[]> {
  const { rows } = await sql<SentLetter>`
    select id, sealed, sent_at from latchkey.letters
    where status = 'sent' and sealed is not null
    order by sent_at desc, id desc limit ${limit}`.execute(db)
  return rows
}

export async function findSentLetter(db: Statements, id: string): Promise<SentLetter | null> {
  const { rows } = await sql<SentLetter>`
    select id, sealed, sent_at from latchkey.letters
    where id = ${id} and status = 'sent' and sealed is not null`.execute(db)
  return rows[0] ?? null
}

export async function deleteSentLetters(db: Statements): Promise<void> {
  await sql`delete from latchkey.letters where status = 'sent'`.execute(db)
}
