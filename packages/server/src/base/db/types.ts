/**
 * The database interface of the server, for PostgreSQL (pg) and the embedded PGlite. A function receives a `Tx` or a
 * `Db`, never both, and awaits only SQL inside a transaction.
 */
import type { CompiledQuery, Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/**
 * The scope of a transaction. `system` sees every row (jobs, sign-in, the CLI); the transaction of a caller runs as a role
 * to which row-level security applies, with the caller in its settings.
 */
export type Scope = 'system' | CallerScope
export interface CallerScope {
  userId: string
  /** The active organization; the caller must be a member of it. */
  organizationId: string | null
  /** Permissions of the server. */
  permissions: readonly string[]
  /** Permissions inside the organization; absent: none. */
  organizationPermissions?: readonly string[]
}

/** Runs statements: a transaction, or `Db.hot` for a single look-up. */
export type Statements = Kysely<Tables>

/**
 * Typed SQL inside one transaction; it must not be used after the end of the transaction.
 * A statement is sent when its `execute` is called, and the database runs them in that order: statements that do not
 * depend on each other's results are sent together with `Promise.all`, in one round trip.
 */
export interface Tx extends Kysely<Tables> {
  /**
   * Inside the transaction of a caller: runs statements that the caller's role may not run (revoking tokens of another
   * user, looking up an address). No other statement of the transaction may be pending meanwhile.
   */
  asSystem<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs after a successful commit, not after a rollback; never awaited by the transaction; must not throw. */
  afterCommit(run: () => void): void
  /**
   * Runs statements together (compiled.ts) as the last of the transaction, in one round trip with COMMIT. What they do
   * is not visible before; where one fails, the transaction is rolled back and throws its error.
   */
  withCommit(queries: readonly CompiledQuery[]): void
  /**
   * Sends NOTIFY with the commit. Listeners of this process are called before the transaction resolves; they are called a
   * second time when the notification of the database arrives.
   */
  notify(channel: string, payload: string): Promise<void>
}

/** How long a statement waits for locked rows: `isBrief` a quarter of a second, otherwise ten. It fails then (`isLockTimeout`). */
export interface LockWait {
  readonly isBrief: boolean
}

/** Observes what the database is used for, for metrics. */
export interface DbObserver {
  ticks(): number
  /** `statement`: one by itself; `transaction`: from the wait for a connection to the end. */
  took(what: 'statement' | 'transaction', milliseconds: number): void
  /** A statement or transaction that found no database. */
  unreachable(): void
}

export interface Db {
  readonly kind: 'postgres' | 'pglite'
  /**
   * Runs a transaction, pipelined so that BEGIN and the scope cost no additional round trip. Commits when `work` resolves,
   * rolls back when it throws, and throws when COMMIT was answered with ROLLBACK.
   * Outside production, a `db` call inside `work` throws immediately (it would deadlock on PGlite).
   */
  tx<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Runs a single statement in system scope, as a named prepared statement on the pipelined pair of connections: for hot
   * look-ups. It shares its connection, so that it must be fast: its timeout is 5 seconds.
   */
  readonly hot: Statements
  /** Runs a statement compiled once, as `hot` does (hot paths keep the CompiledQuery and only change the parameters). */
  run<R>(query: CompiledQuery<R>, parameters: readonly unknown[]): Promise<R[]>
  /**
   * Runs a statement in a transaction for itself, in system scope: as `tx`, with BEGIN and COMMIT in the same round trip. For
   * writes of hot paths, whose commit other statements of `hot` would wait for.
   */
  commit<R>(query: CompiledQuery<R>, wait?: LockWait): Promise<R[]>
  /** Subscribes to NOTIFY on a channel; `onLost` is called when the connection is down, `onBack` when it is restored. */
  listen(
    channel: string,
    onMessage: (payload: string) => void,
    connection?: { onLost(): void; onBack(): void },
  ): Promise<() => Promise<void>>
  /**
   * Resolves when every notification of a transaction that committed before this call has been delivered to its
   * listeners; rejects where the LISTEN connection is down.
   */
  heard(): Promise<void>
  /** Whether the database answers; for readiness. Never throws. */
  isReachable(): Promise<boolean>
  /**
   * Whether writes succeed, as far as this process knows: after one failed because the disk is full, or the database is
   * read-only, `write` is tried in a transaction that is rolled back. Never throws.
   */
  isWritable(write: (tx: Tx) => Promise<void>): Promise<boolean>
  /** Migrations not yet applied, by name, oldest first. */
  pendingMigrations(): Promise<string[]>
  /** Has one observer from now on, also of what other features do. */
  observe(observer: DbObserver): void
  /** The number of transactions that wait for a connection of this process. */
  waiting(): number
  /** Waits for running transactions, then closes every connection (and the data-directory lock). Idempotent. */
  close(): Promise<void>
}
