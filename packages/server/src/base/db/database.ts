/**
 * Transactions and scopes, written once for both databases. A transaction sends begin, its scope and its
 * first statement without waiting in between; no result is handed out before the scope has been confirmed.
 * The invariant: a statement runs as exactly the scope it was asked for, or not at all.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { CompiledQuery, Kysely } from 'kysely'
import type { Log } from '../log/index.ts'
import type { Driver } from './driver.ts'
import { TransactionRolledBack } from './faults.ts'
import { Handle, type Tell, TxHandle } from './handle.ts'
import { type Answer, isOutdated, type Line, type Role } from './line.ts'
import { pendingMigrations } from './migrate.ts'
import type { Tables } from './tables.ts'
import type { Db, Scope, Tx } from './types.ts'

/** What the composition root, the migrations and the checks at the start are given; features see only `Db`. */
export interface Database extends Db {
  /** A line with the rights of the login role, for migrations and checks; never for a request. */
  asOwner<T>(work: (line: Line) => Promise<T>): Promise<T>
}

export interface DatabaseOptions {
  driver: Driver
  guardNesting: boolean
  log: Log
  /** Runs after the last connection is closed. */
  onClosed?(): Promise<void>
}

const BEGIN: Record<Role, string> = {
  system: 'begin; set local role latchkey_system',
  caller: 'begin; set local role latchkey_request',
}
const SET_CALLER = `select set_config('latchkey.user_id', $1, true), set_config('latchkey.organization_id', $2, true), set_config('latchkey.permissions', $3, true), set_config('latchkey.organization_permissions', $4, true)`

export function database(options: DatabaseOptions): Database {
  const { driver, log } = options
  const nesting = options.guardNesting ? new AsyncLocalStorage<{ open: boolean }>() : null
  const here = new Set<{ channel: string; onMessage(payload: string): void }>()
  let closing: Promise<void> | null = null

  const tell: Tell = (channel, payload) => {
    for (const listener of here) if (listener.channel === channel) listener.onMessage(payload)
  }
  const assertOutside = (): void => {
    if (nesting?.getStore()?.open) {
      throw new Error(
        'db was used inside the work of db.tx: use the tx it was given (on PGlite this would wait for ever)',
      )
    }
  }
  const statement = async <R>(text: string, values: readonly unknown[]): Promise<Answer<R>> => {
    assertOutside()
    for (let again = 2; ; again--) {
      try {
        return await driver.statement<R>(text, values)
      } catch (error) {
        // each line of the pair may have prepared it; it did not run, so it may be sent again
        if (again === 0 || !isOutdated(error)) throw error
      }
    }
  }
  const hot: Kysely<Tables> = new Handle(statement)

  return {
    kind: driver.kind,
    hot,
    async run<R>(query: CompiledQuery<R>, parameters: readonly unknown[]): Promise<R[]> {
      return (await statement<R>(query.sql, parameters)).rows
    },
    async tx<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
      assertOutside()
      const line = await driver.acquire()
      const transaction = new Transaction(line, scope, tell)
      let result: T
      try {
        const store = { open: true }
        try {
          result = await (nesting ? nesting.run(store, work, transaction.handle) : work(transaction.handle))
        } catch (error) {
          throw await transaction.rollback(error)
        } finally {
          store.open = false
        }
        await transaction.commit()
      } finally {
        driver.release(line)
      }
      for (const run of transaction.after) {
        try {
          run()
        } catch (error) {
          log.error({ err: error }, 'what was to happen after a commit has failed')
        }
      }
      return result
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
    pendingMigrations: () => pendingMigrations(driver),
    asOwner: (work) => driver.asOwner(work),
    close() {
      closing ??= driver.close().finally(() => options.onClosed?.())
      return closing
    },
  }
}

class Transaction {
  readonly after: (() => void)[] = []
  readonly handle: TxHandle
  readonly #line: Line
  /** What its statements run as at this moment. */
  #role: Role
  #underWay = 0
  readonly #tell: Tell
  readonly #opening: Promise<unknown>
  #isOpen = false
  #isOver = false
  #failure: unknown = null

  constructor(line: Line, scope: Scope, tell: Tell) {
    this.#line = line
    this.#role = scope === 'system' ? 'system' : 'caller'
    this.#tell = tell
    this.#opening = this.#begin(scope)
    // its failure is reported by whoever awaits it: the first statement, or the commit
    this.#opening.catch(() => {})
    this.handle = this.#handleAs(this.#role)
  }

  #handleAs(role: Role): TxHandle {
    const send = (text: string, values: readonly unknown[]) => this.#send(role, text, values)
    return new TxHandle(send, this.after, this.#tell, (work) => this.#asSystem(role, work))
  }

  /** Its work has a handle of its own: the caller's is refused until it is over, so nothing runs with rights it was not given. */
  async #asSystem<T>(role: Role, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (role === 'system') return work(this.handle)
    if (this.#role === 'system') throw new Error('asSystem does not nest')
    if (this.#underWay > 0) throw new Error('a statement of the caller is still under way')
    this.#role = 'system'
    const raised = this.#become('set local role latchkey_system')
    try {
      return await work(this.#handleAs('system'))
    } finally {
      await raised
      await this.#become('set local role latchkey_request')
      this.#role = 'caller'
    }
  }

  /** Where it fails the transaction is aborted, and no statement of it runs any more. */
  async #become(text: string): Promise<void> {
    try {
      await this.#line.plain(text)
    } catch (error) {
      this.#failure ??= error
    }
  }

  async commit(): Promise<void> {
    this.#isOver = true
    const done = this.#line.plain('commit')
    done.catch(() => {})
    await this.#opened()
    // in pipeline mode the COMMIT of a failed transaction is fulfilled: with ROLLBACK
    if ((await done).command !== 'COMMIT') throw new TransactionRolledBack(this.#failure)
  }

  /** @returns what to throw: the reason the transaction could not even begin, before what followed from it */
  async rollback(error: unknown): Promise<unknown> {
    this.#isOver = true
    try {
      await Promise.all([this.#opened(), this.#line.plain('rollback')])
      return error
    } catch (cause) {
      this.#line.destroy(new Error('the transaction could not be rolled back'))
      return error instanceof Error && this.#isOpen ? error : cause
    }
  }

  async #begin(scope: Scope): Promise<void> {
    const begun = this.#line.plain(BEGIN[this.#role])
    if (scope === 'system') return void (await begun)
    const { userId, organizationId, permissions, organizationPermissions = [] } = scope
    const values = [userId, organizationId ?? '', permissions.join(' '), organizationPermissions.join(' ')]
    await Promise.all([begun, this.#line.send(SET_CALLER, values, 'caller')])
  }

  async #opened(): Promise<void> {
    if (this.#isOpen) return
    try {
      await this.#opening
      this.#isOpen = true
    } catch (error) {
      this.#line.destroy(new Error('the transaction could not be begun'))
      throw error
    }
  }

  async #send(role: Role, text: string, values: readonly unknown[]) {
    if (this.#isOver) throw new Error('this transaction is over: its tx must not be used any more')
    if (role !== this.#role) throw new Error('this tx is of the caller, and the system is at work')
    this.#underWay += 1
    const sent = this.#line.send(text, values, role)
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
