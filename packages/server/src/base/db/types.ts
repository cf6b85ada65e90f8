/**
 * What the rest of the server knows of the database: one small interface over PostgreSQL (pg) and the
 * embedded PGlite. Feature code is given a `Tx` or a `Db`, never both, and inside a transaction awaits
 * nothing but SQL.
 */
import type { CompiledQuery, Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/**
 * For whom a transaction runs. `system` sees every row (jobs, sign-in, the CLI); a caller's transaction runs
 * as a role that row-level security binds, with the caller set for that transaction only.
 */
export type Scope = 'system' | CallerScope
export interface CallerScope {
  userId: string
  /** The organization to act in; only one that the caller was found to belong to. */
  organizationId: string | null
  /** Of the server. */
  permissions: readonly string[]
  /** Inside the organization; absent: none. */
  organizationPermissions?: readonly string[]
}

/** Whatever runs a statement: a transaction, or `Db.hot` for a look-up that needs none. */
export type Statements = Kysely<Tables>

/**
 * Typed SQL inside one transaction. Holding it past the end of the transaction is an error.
 * A statement is on its way when its `execute` was called, and the database runs them in that order: those that do
 * not need each other's answers are sent together with `Promise.all`, and cost one wait.
 */
export interface Tx extends Kysely<Tables> {
  /**
   * Inside a caller's transaction: what the caller may not do by themselves, but is done in consequence (refusing
   * somebody's tokens, looking up an address). No other statement of the transaction may be under way meanwhile.
   */
  asSystem<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs after a successful commit, not after a rollback; never awaited by the transaction; must not throw. */
  afterCommit(run: () => void): void
  /**
   * NOTIFY with the commit. Listeners of this process have heard it when the transaction is done; they hear it a
   * second time when the database tells everybody.
   */
  notify(channel: string, payload: string): Promise<void>
}

export interface Db {
  readonly kind: 'postgres' | 'pglite'
  /**
   * One transaction, pipelined so that begin and the scope cost no extra wait. Commits when `work` resolves,
   * rolls back when it throws, and throws when the COMMIT turned out a ROLLBACK.
   * A second `db` call from inside `work` throws at once outside production (it would wait for ever on PGlite).
   */
  tx<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * One statement of its own in system scope, as a named prepared statement on the pipelined pair of
   * connections: for hot look-ups. It shares its line, so it must be quick: it is cut after 5 seconds.
   */
  readonly hot: Statements
  /** Runs a statement compiled once, as `hot` does (hot paths keep the CompiledQuery and only change the parameters). */
  run<R>(query: CompiledQuery<R>, parameters: readonly unknown[]): Promise<R[]>
  /** Subscribes to NOTIFY on a channel; `onLost` is called when the line is down, `onBack` when it is up again. */
  listen(
    channel: string,
    onMessage: (payload: string) => void,
    line?: { onLost(): void; onBack(): void },
  ): Promise<() => Promise<void>>
  /** Whether the database answers; for readiness. Never throws. */
  isReachable(): Promise<boolean>
  /** Migrations not yet applied, by name, oldest first. */
  pendingMigrations(): Promise<string[]>
  /** Waits for running transactions, then closes every connection (and the data-directory lock). Idempotent. */
  close(): Promise<void>
}
