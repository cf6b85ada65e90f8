/** The statements of revocations. */
import { sql } from 'kysely'
import type { Statements, Tx } from '../../base/db/types.ts'
import { memberIn, type Revocable } from './list.ts'
import type { RevocationsTable } from './tables.ts'

export async function insertRevocations(tx: Tx, rows: RevocationsTable[]): Promise<void> {
  await tx.insertInto('revocations').values(rows).execute()
}

/** The latest `before` of a value's revocations. */
export async function selectLast(
  tx: Tx,
  kind: RevocationsTable['kind'],
  value: string,
): Promise<Date | null> {
  const row = await tx
    .selectFrom('revocations')
    .select((of) => of.fn.max('before').as('last'))
    .where('kind', '=', kind)
    .where('value', '=', value)
    .executeTakeFirst()
  return row?.last ?? null
}

/** A page of unexpired revocations by id; ids sort by time. */
export const selectRevocationsAfter = (
  db: Statements,
  after: string,
  now: Date,
  limit: number,
): Promise<RevocationsTable[]> =>
  db
    .selectFrom('revocations')
    .selectAll()
    .where('id', '>', after)
    .where('until', '>', now)
    .orderBy('id')
    .limit(limit)
    .execute()

export async function isCovered(db: Statements, credential: Revocable, now: Date): Promise<boolean> {
  const { jti = null, sid = null, sub = null, key = null, org = null, roles = [], issuedAt } = credential
  const { family = null, client = null, actors = [] } = credential
  const { rows } = await sql`
    select 1 from revocations
    where ((kind, value) in (('jti', ${jti}), ('sid', ${sid}), ('sub', ${sub}), ('key', ${key}), ('org', ${org}),
          ('family', ${family}), ('client', ${client}),
          ('org', ${org && sub ? memberIn(org, sub) : null}))
        or kind = 'role' and value = any(${[...roles]}::text[])
        or kind in ('sub', 'client') and value = any(${[...actors]}::text[]))
      and (before is null or before >= to_timestamp(${issuedAt}::float8)) and until > ${now}
    limit 1`.execute(db)
  return rows.length > 0
}

export async function deleteBefore(db: Statements, now: Date): Promise<void> {
  await db.deleteFrom('revocations').where('until', '<', now).execute()
}
