/** Cuts connections of a test database on PostgreSQL, by the application name that the driver gives them. */
import type { Connection } from '../base/db/connection.ts'
import type { Database } from '../base/db/database.ts'

/** Ends connections, and waits until the server has ended them: the process learns of it immediately afterwards. */
export const cutConnections = (db: Database, like: string): Promise<void> =>
  db.asOwner((connection) => terminate(connection, like))

export const cutListener = (db: Database): Promise<void> => cutConnections(db, 'latchkey listener')

/**
 * Keeps the LISTEN connection down during `work`. The database accepts no connections at all in that time, so that `work`
 * has only those that are open.
 */
export const withoutListener = (db: Database, work: () => Promise<void>): Promise<void> =>
  db.asOwner(async (connection) => {
    const limit = (connections: number) =>
      connection.plain(`do $$ begin
        execute format('alter database %I connection limit ${connections}', current_database());
      end $$`)
    await limit(0)
    try {
      await terminate(connection, 'latchkey listener')
      await work()
    } finally {
      await limit(-1)
    }
  })

async function terminate(connection: Connection, like: string): Promise<void> {
  await connection.plain(`select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name like '${like}'`)
}
