/**
 * Detection of a pooler in transaction mode (PgBouncer and the like) between the server and PostgreSQL. There a
 * connection keeps nothing from one transaction to the next: the role of single statements, LISTEN, prepared statements
 * and advisory locks would reach, or be lost to, other connections. A pooler in session mode is as good as none.
 */
import { StartRefused } from '../errors.ts'
import type { Connection } from './connection.ts'
import type { Driver } from './driver.ts'

/** @throws StartRefused. Without a pooler this is one short statement. */
export async function assertOwnSession(
  first: Connection,
  { asOwner }: Pick<Driver, 'asOwner'>,
): Promise<void> {
  const process = await backendOf(first)
  // a pooler announces a process id that it made up
  if (first.announcedProcess === process) return
  const again = await backendOf(first)
  const isShared = await asOwner(async (second) => {
    const other = await backendOf(second)
    return other === process || (await backendOf(first)) !== process
  })
  if (!isShared && again === process) return
  throw new StartRefused(
    'DATABASE_URL leads to a pooler in transaction mode, in which the roles, LISTEN and prepared statements of one connection reach others: connect to PostgreSQL directly, or through a pool with pool_mode = session.',
  )
}

async function backendOf(connection: Connection): Promise<number> {
  const { rows } = await connection.plain('select pg_backend_pid() as pid')
  return (rows[0] as { pid: number }).pid
}
