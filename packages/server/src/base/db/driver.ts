/**
 * What the two adapters have in common, and the only thing that differs between PostgreSQL and PGlite: where
 * lines come from. Everything above (transactions, Kysely, migrations, scopes) is written once.
 */
import type { Answer, Line } from './line.ts'

export interface Driver {
  readonly kind: 'postgres' | 'pglite'
  /** A line for one transaction; every line that is acquired is released, whatever happened. */
  acquire(): Promise<Line>
  release(line: Line): void
  /** One statement of its own, in system scope. */
  statement<R>(text: string, values: readonly unknown[]): Promise<Answer<R>>
  listen(channel: string, onMessage: (payload: string) => void, line?: Watch): Promise<() => Promise<void>>
  /** A line with the rights of the login role and nobody else on it: migrations and the checks at the start. */
  asOwner<T>(work: (line: Line) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Watch {
  onLost(): void
  onBack(): void
}

/** A channel goes into SQL unquoted. */
export function assertChannel(channel: string): void {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(channel)) throw new Error(`not a channel name: ${channel}`)
}

/** How long transactions that still run are waited for when the database is closed. */
export const CLOSE_PATIENCE_MS = 10_000

/** What holds on every line, whatever the server's or the URL's own settings say. */
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
