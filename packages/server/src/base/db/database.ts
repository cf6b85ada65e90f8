/**
 * Transactions and scopes, for both databases. A transaction sends BEGIN, its scope and its first statement as a
 * pipeline; no result is returned before the scope has been confirmed.
 * Invariant: a statement runs in exactly the scope for which it was called, or not at all.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { CompiledQuery, Kysely } from 'kysely'
import type { Log } from '../log/index.ts'
import { runTogether } from './compiled.ts'
import { type Connection, type DatabaseRole, isOutdated, type StatementResult } from './connection.ts'
import type { Driver } from './driver.ts'
import { isAborted, isConnectionLost, isUnwritable, TransactionRolledBack } from './faults.ts'
import { Handle, type Tell, TxHandle } from './handle.ts'
import { pendingMigrations } from './migrate.ts'
import type { DatabaseSpans, ObservedTransaction, ObservedWork } from './spans.ts'
import type { Tables } from './tables.ts'
import type { Db, DbObserver, LockWait, Scope, Tx } from './types.ts'

/** The interface for the composition root, migrations and startup checks; features see only `Db`. */
export interface Database extends Db {
  /** A connection with the privileges of the login role, for migrations and checks; never for a request. */
  asOwner<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  /** Reports transactions and statements from now on, for traces. */
  trace(by: DatabaseSpans): void
}

export interface DatabaseOptions {
  driver: Driver
  guardNesting: boolean
  log: Log
  /** Runs after the last connection is closed. */
  onClosed?(): Promise<void>
}

const BEGIN: Record<DatabaseRole, string> = {
  system: 'begin; set local role latchkey_system',
  caller: 'begin; set local role latchkey_request',
}
/** Much longer than a transaction of a request holds a lock, and much shorter than the usual timeout (postgres.ts). */
const BEGIN_BRIEF = `${BEGIN.system}; set local lock_timeout = 250`
const SET_CALLER = `select set_config('latchkey.user_id', $1, true), set_config('latchkey.organization_id', $2, true), set_config('latchkey.permissions', $3, true), set_config('latchkey.organization_permissions', $4, true)`

export function database(options: DatabaseOptions): Database {
  const { driver, log } = options
  const nesting = options.guardNesting ? new AsyncLocalStorage<{ open: boolean }>() : null
  const here = new Set<{ channel: string; onMessage(payload: string): void }>()
  let closing: Promise<void> | null = null
  let isWritable = true
  let observer: DbObserver | null = null
  let spans: DatabaseSpans | null = null

  const note = (error: unknown): void => {
    if (observer !== null && isConnectionLost(error)) observer.unreachable()
    if (!isWritable || !isUnwritable(error instanceof TransactionRolledBack ? error.cause : error)) return
    isWritable = false
    log.error({ err: error }, 'the database cannot be written to; the server is not ready until it can')
  }
  const tell: Tell = (channel, payload) => {
    for (const listener of here) if (listener.channel === channel) listener.onMessage(payload)
  }
  const assertOutside = (): void => {
    if (nesting?.getStore()?.open) {
      throw new Error('db was used inside the work of db.tx: use its tx (on PGlite this would deadlock)')
    }
  }
  const plain = async <R>(text: string, values: readonly unknown[]): Promise<StatementResult<R>> => {
    assertOutside()
    const began = observer === null ? 0 : observer.ticks()
    for (let again = 2; ; again--) {
      try {
        const answered = await driver.statement<R>(text, values)
        observer?.took('statement', observer.ticks() - began)
        return answered
      } catch (error) {
        // each connection of the pair may have prepared it; it did not run, so that it may be sent again
        if (again > 0 && isOutdated(error)) continue
        note(error)
        throw error
      }
    }
  }
  /** On a connection for itself; its time is that of a transaction, with the wait for the connection. */
  const onConnection = async <T>(use: (connection: Connection) => Promise<T>): Promise<T> => {
    assertOutside()
    const began = observer === null ? 0 : observer.ticks()
    let connection: Connection | null = null
    try {
      connection = await driver.acquire()
      return await use(connection)
    } catch (error) {
      note(error)
      throw error
    } finally {
      if (connection !== null) {
        driver.release(connection)
        observer?.took('transaction', observer.ticks() - began)
      }
    }
  }
  const statement: typeof plain = <R>(text: string, values: readonly unknown[]) => {
    const seen = spans === null ? null : spans.statement(text)
    return seen === null ? plain<R>(text, values) : observed(seen, () => plain<R>(text, values))
  }
  const transactIn = async <T>(
    scope: Scope,
    work: (tx: Tx) => Promise<T>,
    seen: ObservedTransaction | null,
  ): Promise<T> => {
    const { result, after } = await onConnection(async (connection) => {
      const transaction = new Transaction(connection, scope, tell, seen)
      const store = { open: true }
      let done: T
      try {
        done = await (nesting ? nesting.run(store, work, transaction.handle) : work(transaction.handle))
      } catch (error) {
        throw await transaction.rollback(error)
      } finally {
        store.open = false
      }
      await transaction.commit()
      return { result: done, after: transaction.after }
    })
    for (const run of after) {
      try {
        run()
      } catch (error) {
        log.error({ err: error }, 'an afterCommit callback failed')
      }
    }
    return result
  }
  const commitOne = <R>(begin: string, text: string, values: readonly unknown[]): Promise<R[]> =>
    onConnection((connection) => transact<R>(connection, begin, text, values))
  const hot: Kysely<Tables> = new Handle(statement)

  return {
    kind: driver.kind,
    hot,
    async run<R>(query: CompiledQuery<R>, parameters: readonly unknown[]): Promise<R[]> {
      return (await statement<R>(query.sql, parameters)).rows
    },
    tx(scope, work) {
      const seen = spans?.transaction() ?? null
      return seen === null
        ? transactIn(scope, work, null)
        : observed(seen, () => transactIn(scope, work, seen))
    },
    commit<R>({ sql, parameters }: CompiledQuery<R>, wait?: LockWait): Promise<R[]> {
      const begin = wait?.isBrief ? BEGIN_BRIEF : BEGIN.system
      const seen = spans?.transaction() ?? null
      if (seen === null) return commitOne<R>(begin, sql, parameters)
      return observed(seen, () => observed(seen.statement(sql), () => commitOne<R>(begin, sql, parameters)))
    },
    async listen(channel, onMessage, watch) {
      const listener = { channel, onMessage }
      const stop = await driver.listen(channel, onMessage, watch)
      here.add(listener)
      return async () => {
        here.delete(listener)
        await stop()
      }
    },
    async isReachable() {
      try {
        await driver.statement('select 1', [])
        return true
      } catch {
        return false
      }
    },
    async isWritable(write) {
      if (isWritable) return true
      const undo = new Error('the write was a check')
      try {
        await this.tx('system', async (tx) => {
          await write(tx)
          throw undo
        })
      } catch (error) {
        if (error !== undo) return false
      }
      isWritable = true
      log.info({}, 'the database can be written to again')
      return true
    },
    heard: () => driver.heard(),
    observe(by) {
      observer = by
    },
    trace(by) {
      spans = by
    },
    waiting: driver.waiting,
    pendingMigrations: () => pendingMigrations(driver),
    asOwner: (work) => driver.asOwner(work),
    close() {
      closing ??= driver.close().finally(() => options.onClosed?.())
      return closing
    },
  }
}

/** Runs work that is observed, where it is. */
async function observed<T>(seen: ObservedWork | null, work: () => Promise<T>): Promise<T> {
  if (seen === null) return await work()
  let result: T
  try {
    result = await work()
  } catch (error) {
    seen.end(error)
    throw error
  }
  seen.end()
  return result
}

/** A transaction of one statement of the system. Where BEGIN or the role fails, the statement does, and nothing is committed. */
async function transact<R>(
  connection: Connection,
  begin: string,
  text: string,
  values: readonly unknown[],
): Promise<R[]> {
  const [begun, answer, ended] = await Promise.allSettled([
    connection.plain(begin),
    connection.send<R>(text, values, 'system'),
    connection.plain('commit'),
  ])
  if (begun.status === 'rejected') {
    connection.destroy(new Error('the transaction could not begin'))
    throw begun.reason
  }
  if (answer.status === 'rejected') throw answer.reason
  if (ended.status === 'rejected') throw ended.reason
  if (ended.value.command !== 'COMMIT') throw new TransactionRolledBack()
  return answer.value.rows
}

class Transaction {
  readonly after: (() => void)[] = []
  readonly handle: TxHandle
  readonly #connection: Connection
  /** The role of its statements at present. */
  #role: DatabaseRole
  #underWay = 0
  readonly #tell: Tell
  readonly #last: CompiledQuery[] = []
  readonly #opening: Promise<unknown>
  readonly #seen: ObservedTransaction | null
  #isOpen = false
  #isOver = false
  #failure: unknown = null

  constructor(connection: Connection, scope: Scope, tell: Tell, seen: ObservedTransaction | null) {
    this.#connection = connection
    this.#seen = seen
    this.#role = scope === 'system' ? 'system' : 'caller'
    this.#tell = tell
    this.#opening = this.#begin(scope)
    // its failure is reported by the first statement, or by the commit
    this.#opening.catch(() => {})
    this.handle = this.#handleAs(this.#role)
  }

  /** @param isRaised whether it is for the work of asSystem */
  #handleAs(role: DatabaseRole, isRaised = false): TxHandle {
    const seen = this.#seen
    const plain = (text: string, values: readonly unknown[]) => this.#send(role, text, values)
    const send: typeof plain = seen
      ? (text, values) => observed(seen.statement(text), () => plain(text, values))
      : plain
    const withCommit = (queries: readonly CompiledQuery[]) => {
      this.#assertUsable(role)
      if (isRaised) throw new Error('withCommit runs in the scope of the transaction, not in asSystem')
      this.#last.push(...queries)
    }
    return new TxHandle(send, this.after, this.#tell, withCommit, (work) => this.#asSystem(role, work))
  }

  /** Its work has a separate handle; that of the caller is refused until it ends, so that no statement runs in the wrong role. */
  async #asSystem<T>(role: DatabaseRole, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (role === 'system') return work(this.handle)
    if (this.#role === 'system') throw new Error('asSystem does not nest')
    if (this.#underWay > 0) throw new Error('a statement of the caller is pending')
    this.#role = 'system'
    const raised = this.#become('set local role latchkey_system')
    try {
      return await work(this.#handleAs('system', true))
    } finally {
      await raised
      await this.#become('set local role latchkey_request')
      this.#role = 'caller'
    }
  }

  /** If it fails, the transaction is aborted, and none of its statements runs any more. */
  async #become(text: string): Promise<void> {
    try {
      await this.#connection.plain(text)
    } catch (error) {
      this.#failure ??= error
    }
  }

  async commit(): Promise<void> {
    const last = runTogether(this.handle, this.#last)
    this.#isOver = true
    const done = this.#connection.plain('commit')
    const [written, committed] = await Promise.allSettled([last, done, this.#opened()])
    await this.#opened()
    if (written.status === 'rejected') throw written.reason
    if (committed.status === 'rejected') throw committed.reason
    // the COMMIT of an aborted transaction succeeds with the command tag ROLLBACK
    if (committed.value.command !== 'COMMIT') throw new TransactionRolledBack(this.#failure)
  }

  /**
   * @returns the error to throw: if the transaction could not begin, or a statement sent together with others failed,
   * that error and not its consequences
   */
  async rollback(error: unknown): Promise<unknown> {
    this.#isOver = true
    try {
      await Promise.all([this.#opened(), this.#connection.plain('rollback')])
      return isAborted(error) ? this.#failure : error
    } catch (cause) {
      this.#connection.destroy(new Error('the transaction could not be rolled back'))
      return error instanceof Error && this.#isOpen ? error : cause
    }
  }

  async #begin(scope: Scope): Promise<void> {
    const begun = this.#connection.plain(BEGIN[this.#role])
    if (scope === 'system') return void (await begun)
    const { userId, organizationId, permissions, organizationPermissions = [] } = scope
    const values = [userId, organizationId ?? '', permissions.join(' '), organizationPermissions.join(' ')]
    await Promise.all([begun, this.#connection.send(SET_CALLER, values, 'caller')])
  }

  async #opened(): Promise<void> {
    if (this.#isOpen) return
    try {
      await this.#opening
      this.#isOpen = true
    } catch (error) {
      this.#connection.destroy(new Error('the transaction could not begin'))
      throw error
    }
  }

  #assertUsable(role: DatabaseRole): void {
    if (this.#isOver) throw new Error('this transaction has ended: its tx must not be used any more')
    if (role !== this.#role) throw new Error('the tx of the caller must not be used inside asSystem')
  }

  async #send(role: DatabaseRole, text: string, values: readonly unknown[]) {
    this.#assertUsable(role)
    this.#underWay += 1
    const sent = this.#connection.send(text, values, role)
    try {
      if (!this.#isOpen) {
        sent.catch(() => {})
        await this.#opened()
      }
      return await sent
    } catch (error) {
      this.#failure ??= error
      throw error
    } finally {
      this.#underWay -= 1
    }
  }
}
