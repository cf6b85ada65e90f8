/** Every SQL statement of SAML sign-ins. */
import { hash } from 'node:crypto'
import { sql } from 'kysely'
import { compiledOnce, type NewRow } from '../../../base/db/compiled.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { ProviderSessions } from '../../../core/providers/index.ts'
import { hasNameOf } from '../../../core/saml/named-sessions.ts'
import type { SamlSessionsTable } from './tables.ts'

/**
 * Uses an assertion or a logout request up: one conditional statement, of which one of several at once succeeds.
 * @returns false where it was used before
 */
export async function takeMessage(
  db: Statements,
  {
    connectionId,
    kind,
    id,
    until,
  }: { connectionId: string; kind: 'assertion' | 'logout'; id: string; until: Date },
): Promise<boolean> {
  const row = await db
    .insertInto('used_assertions')
    .values({ connection_id: connectionId, hash: hash('sha256', `${kind} ${id}`, 'buffer'), until })
    .onConflict((on) => on.doNothing())
    .returning('connection_id')
    .executeTakeFirst()
  return row !== undefined
}

/** Messages that are refused for their age by now. */
export const deleteUsedUntil = async (db: Statements, now: Date): Promise<void> => {
  await db.deleteFrom('used_assertions').where('until', '<=', now).execute()
}

/**
 * The statement that remembers which session of the provider began one of ours, so that the provider can end it. A later one
 * of the same session takes its place; of a connection that was deleted meanwhile there is none. System scope.
 */
export const samlSessionInsert = compiledOnce(
  (_, row: NewRow<SamlSessionsTable>) => sql`
    insert into saml_sessions as m
      (session_id, connection_id, name_id, name_id_format, name_qualifier, sp_name_qualifier, session_index)
    select ${row.session_id}::text, c.id, ${row.name_id}::text, ${row.name_id_format}::text, ${row.name_qualifier}::text,
      ${row.sp_name_qualifier}::text, ${row.session_index}::text
    from connections c where c.id = ${row.connection_id} for key share
    on conflict (session_id) do update set connection_id = excluded.connection_id, name_id = excluded.name_id,
      name_id_format = excluded.name_id_format, name_qualifier = excluded.name_qualifier,
      sp_name_qualifier = excluded.sp_name_qualifier, session_index = excluded.session_index`,
)

/** The live sessions of ours that a logout request names; without indexes all of the NameID (SAML core §3.7.1). */
export async function selectSessionsNamed(tx: Tx, which: ProviderSessions, limit: number): Promise<string[]> {
  const { connectionId, nameId, sessionIndexes } = which
  let query = tx
    .selectFrom('saml_sessions as m')
    .innerJoin('sessions as s', 's.id', 'm.session_id')
    .select('m.session_id')
    .where('m.connection_id', '=', connectionId)
    .where('m.name_id', '=', nameId)
    .where(
      hasNameOf(
        {
          format: sql.ref('m.name_id_format'),
          nameQualifier: sql.ref('m.name_qualifier'),
          spNameQualifier: sql.ref('m.sp_name_qualifier'),
        },
        which,
      ),
    )
    .where('s.ended_at', 'is', null)
  if (sessionIndexes.length > 0) query = query.where('m.session_index', 'in', sessionIndexes)
  const rows = await query.orderBy('m.session_id').limit(limit).execute()
  return rows.map(({ session_id }) => session_id)
}

/** What the identity provider calls a session; null where it did not begin with SAML. */
export async function findSamlSession(db: Statements, sessionId: string) {
  const row = await db
    .selectFrom('saml_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  return row ?? null
}
