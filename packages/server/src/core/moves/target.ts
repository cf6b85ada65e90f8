/**
 * Whether a database can be the target of a move: new enough, writable, with the text that the source has, used by a
 * role that row-level security binds, and empty but for an unfinished move of the same source. Reads only.
 */
import type { Connection } from '../../base/db/connection.ts'
import { findMove, type MoveHeader } from './progress.ts'

export interface TargetState {
  /** Of a move that was interrupted; null: it is empty. */
  unfinished: MoveHeader | null
}

/** The target or the source refuses the move. */
export class MoveRefused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
    this.name = 'MoveRefused'
  }
}

interface Facts {
  version: string
  number: number
  standby: boolean
  encoding: string
  lower: string
  bypasses: boolean
  role: string
  tables: string[] | null
}

/**
 * @param move `from`: a name for people of what is moved; `movedTo`: where it was moved before, so that only that move
 * may be finished
 * @throws MoveRefused
 */
export async function inspectTarget(
  connection: Connection,
  { from, isStrict, movedTo }: { from: string; isStrict: boolean; movedTo: string | null },
): Promise<TargetState> {
  const { rows } = await connection.plain(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
       pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as standby,
       current_setting('server_encoding') as encoding, lower('ÀÉÜЖ') as lower,
       (select rolsuper or rolbypassrls from pg_roles where rolname = session_user) as bypasses,
       session_user::text as role,
       (select json_agg(relname order by relname) from pg_class
          where relnamespace = to_regnamespace('latchkey') and relkind in ('r', 'p')) as tables`,
  )
  const { version, number, standby, encoding, lower, bypasses, role, tables } = rows[0] as Facts
  if (number < 150_000)
    throw new MoveRefused('DATABASE_TOO_OLD', `PostgreSQL ${version} is too old: 15 or newer is required.`)
  if (standby)
    throw new MoveRefused('DATABASE_READ_ONLY', 'The target is read-only, as a standby is: use the primary.')
  if (encoding !== 'UTF8' || lower !== 'àéüж')
    throw new MoveRefused(
      'TARGET_LOCALE',
      `The target has the encoding ${encoding} and a locale in which ${lower === 'àéüж' ? 'other characters are stored' : 'letters beyond ASCII have no lower case'}, so that names would be compared differently: create it with template template0 encoding 'UTF8' locale 'C.UTF-8'.`,
    )
  if (bypasses && isStrict)
    throw new MoveRefused(
      'ROLE_BYPASSES',
      `The role ${role} is a superuser or has BYPASSRLS, which production refuses: use a role without these in --to.`,
    )
  const unfinished = await findMove(connection)
  if (!unfinished && movedTo !== null)
    throw new MoveRefused(
      'ALREADY_PROMOTED',
      `The database of ${from} was moved to PostgreSQL before (${movedTo}), and what has changed since is there alone. To move the data from before that move again, delete the marker that \`latchkey start\` names.`,
    )
  if (!unfinished && tables !== null)
    throw new MoveRefused(
      'TARGET_NOT_EMPTY',
      `The target is not empty: its schema latchkey has ${tables.length} tables (${tables.slice(0, 3).join(', ')}, …). Use a new database.`,
    )
  if (unfinished && unfinished.from !== from)
    throw new MoveRefused(
      'TARGET_NOT_EMPTY',
      `The target has an unfinished move of ${unfinished.from}: finish it, or use a new database.`,
    )
  return { unfinished }
}
