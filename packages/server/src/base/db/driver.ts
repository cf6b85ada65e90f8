/**
 * The driver interface, which hides the only difference between PostgreSQL and PGlite: how connections are made.
 * Everything above it (transactions, Kysely, migrations, scopes) is shared.
 */
import type { Connection, StatementResult } from './connection.ts'

export interface Driver {
  readonly kind: 'postgres' | 'pglite'
  /** A connection for one transaction; every connection that is acquired must be released, also after errors. */
  acquire(): Promise<Connection>
  release(connection: Connection): void
  /** The number of transactions that wait for a connection. */
  waiting(): number
  /** A single statement outside of a transaction, in system scope. */
  statement<R>(text: string, values: readonly unknown[]): Promise<StatementResult<R>>
  listen(
    channel: string,
    onMessage: (payload: string) => void,
    connection?: Watch,
  ): Promise<() => Promise<void>>
  /** As `heard` of Db. */
  heard(): Promise<void>
  /** A connection with the privileges of the login role, not shared, for migrations and startup checks. */
  asOwner<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Watch {
  onLost(): void
  onBack(): void
}

/**
 * The channel of base/changes.ts. Every connection listens to it: PostgreSQL sends a session the notifications that it
 * made before it answers COMMIT, so that a process knows of a change that it made when the commit returns.
 */
export const CHANGES_CHANNEL = 'latchkey_changes'

/** Channel names are written into SQL without quotes. */
export function assertChannel(channel: string): void {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(channel)) throw new Error(`not a channel name: ${channel}`)
}

/** How long closing the database waits for running transactions. */
export const CLOSE_PATIENCE_MS = 10_000

/** Session settings of every connection, which override those of the server and of the URL. */
export const SESSION = `
  set client_encoding = 'UTF8';
  set timezone = 'UTC';
  set datestyle = 'ISO, MDY';
  set intervalstyle = 'postgres';
  set bytea_output = 'hex';
  set standard_conforming_strings = on;
  set default_transaction_isolation = 'read committed';
  set default_transaction_read_only = off;
  set row_security = on;
  set jit = off;
`
