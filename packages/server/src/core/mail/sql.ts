/** The statements of the outbox: the table `letters`. */
import { sql } from 'kysely'
import type { Statements } from '../../base/db/types.ts'

export interface ClaimedEmail {
  id: string
  sealed: string | null
  attempts: number
}

export async function insertOutboxEmail(
  tx: Statements,
  email: { id: string; sealed: string; status: 'waiting' | 'sent'; now: Date; about: string | null },
): Promise<void> {
  const sentAt = email.status === 'sent' ? email.now : null
  await sql`
    insert into latchkey.letters (id, sealed, status, next_at, created_at, sent_at, user_id)
    values (${email.id}, ${email.sealed}, ${email.status}, ${email.now}, ${email.now}, ${sentAt}::timestamptz, ${email.about}::text)`.execute(
    tx,
  )
}

/** Claims emails that are due; no other process claims them before `leaseEnd`. */
export async function claimEmails(
  db: Statements,
  of: { now: Date; leaseEnd: Date; limit: number },
): Promise<ClaimedEmail[]> {
  const { rows } = await sql<ClaimedEmail>`
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

/** Without effect where the lease expired and another node claimed the email. */
export async function postponeEmail(
  db: Statements,
  email: ClaimedEmail,
  error: string,
  nextAt: Date,
): Promise<void> {
  await sql`
    update latchkey.letters set next_at = ${nextAt}, last_error = ${error}
    where id = ${email.id} and attempts = ${email.attempts} and status = 'waiting'`.execute(db)
}

export async function deleteOldEmails(db: Statements, before: Date): Promise<void> {
  await sql`delete from latchkey.letters where status <> 'waiting' and created_at < ${before}`.execute(db)
}

/** Deletes sent emails except the newest. */
export async function trimSentEmails(db: Statements, keep: number): Promise<void> {
  await sql`
    delete from latchkey.letters where id in (
      select id from latchkey.letters where status = 'sent' order by sent_at desc, id desc offset ${keep}
    )`.execute(db)
}

export interface SentEmail {
  id: string
  sealed: string
  sent_at: Date
}

/** Newest first. */
export async function listSentEmails(db: Statements, limit: number): Promise<SentEmail[]> {
  const { rows } = await sql<SentEmail>`
    select id, sealed, sent_at from latchkey.letters
    where status = 'sent' and sealed is not null
    order by sent_at desc, id desc limit ${limit}`.execute(db)
  return rows
}

export async function findSentEmail(db: Statements, id: string): Promise<SentEmail | null> {
  const { rows } = await sql<SentEmail>`
    select id, sealed, sent_at from latchkey.letters
    where id = ${id} and status = 'sent' and sealed is not null`.execute(db)
  return rows[0] ?? null
}

export async function deleteSentEmails(db: Statements): Promise<void> {
  await sql`delete from latchkey.letters where status = 'sent'`.execute(db)
}

/** A page of the emails that have content, by id. */
export async function listSealedEmails(
  db: Statements,
  after: string,
  limit: number,
): Promise<{ id: string; sealed: string }[]> {
  const { rows } = await sql<{ id: string; sealed: string }>`
    select id, sealed from latchkey.letters where sealed is not null and id > ${after} order by id limit ${limit}`.execute(
    db,
  )
  return rows
}

/** Without effect where the email was sent, or sealed again, in the meantime. */
export async function replaceSealed(
  db: Statements,
  rows: readonly { id: string; from: string; to: string }[],
): Promise<number> {
  const { numAffectedRows } = await sql`
    update latchkey.letters l set sealed = r.made
    from unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(({ from }) => from)}::text[],
      ${rows.map(({ to }) => to)}::text[]) as r (id, found, made)
    where l.id = r.id and l.sealed = r.found`.execute(db)
  return Number(numAffectedRows ?? 0)
}
