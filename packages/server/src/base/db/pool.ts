/**
 * The connection pool for transactions: each connection is used by one transaction at a time, the most recently used
 * first. It opens connections on demand, up to a maximum, removes lost ones, and rejects requests that wait too long.
 * With a maximum of one it is also the queue before PGlite.
 */

import type { Connection } from './connection.ts'
import { Unreachable } from './faults.ts'

/** How long a transaction waits for a connection before it is refused; a longer wait makes an overload worse. */
const PATIENCE_MS = 5000

interface Waiter {
  resolve(connection: Connection): void
  reject(error: unknown): void
  timer: NodeJS.Timeout
}

export class Pool {
  readonly #open: () => Promise<Connection>
  readonly #max: number
  readonly #connections = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #waiters: Waiter[] = []
  #opening = 0
  #closing: Promise<void> | null = null
  #onEmpty: (() => void) | null = null

  constructor(max: number, open: () => Promise<Connection>) {
    this.#max = max
    this.#open = open
  }

  /** The number of transactions that wait for a connection. */
  get waiting(): number {
    return this.#waiters.length
  }

  get connections(): Iterable<Connection> {
    return this.#connections
  }

  async acquire(): Promise<Connection> {
    if (this.#closing) throw new Unreachable('the database is being closed')
    for (;;) {
      const connection = this.#idle.pop()
      if (!connection) break
      if (!connection.lost) return connection
    }
    if (this.#connections.size + this.#opening < this.#max) {
      return this.#add().catch((error) => {
        this.#refill()
        throw error
      })
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve,
        reject,
        timer: setTimeout(() => {
          this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
          reject(new Unreachable('every connection to the database is busy'))
        }, PATIENCE_MS),
      }
      this.#waiters.push(waiter)
    })
  }

  /** Returns a connection. One with an open transaction is closed, so that no other caller inherits it. */
  release(connection: Connection): void {
    if (!connection.lost && !connection.isIdle) connection.destroy(new Error('released inside a transaction'))
    if (!connection.lost) connection.tidy()
    if (this.#closing) {
      this.#drop(connection)
      void connection.close()
    } else if (connection.lost) {
      this.#drop(connection)
      this.#refill()
    } else {
      const waiter = this.#waiters.shift()
      if (!waiter) {
        this.#idle.push(connection)
        return
      }
      clearTimeout(waiter.timer)
      waiter.resolve(connection)
    }
  }

  /** Closes every connection, and rejects the requests that wait for one; later requests open connections again. */
  abandon(reason: Unreachable): void {
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer)
      waiter.reject(reason)
    }
    // one in use is dropped when it is released
    for (const connection of this.#connections) connection.destroy(reason)
  }

  /** Waits for running transactions, at most `patience` milliseconds, then closes every connection. */
  close(patience: number): Promise<void> {
    this.#closing ??= this.#drain(patience)
    return this.#closing
  }

  async #drain(patience: number): Promise<void> {
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer)
      waiter.reject(new Unreachable('the database is being closed'))
    }
    const idle = this.#idle.splice(0)
    for (const connection of idle) this.#connections.delete(connection)
    if (this.#connections.size + this.#opening > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patience)
        this.#onEmpty = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    for (const connection of this.#connections) connection.destroy(new Error('the database was closed'))
    await Promise.all(idle.map((connection) => connection.close()))
  }

  async #add(): Promise<Connection> {
    this.#opening++
    try {
      const connection = await this.#open()
      this.#connections.add(connection)
      // a connection that is lost while in use is removed when it is released
      connection.onLost(() => {
        const at = this.#idle.indexOf(connection)
        if (at < 0) return
        this.#idle.splice(at, 1)
        this.#drop(connection)
      })
      return connection
    } finally {
      this.#opening--
      this.#settle()
    }
  }

  /** After a loss: the first waiter gets a new connection, or the error of opening it. */
  #refill(): void {
    const waiter = this.#waiters.shift()
    if (!waiter) return
    clearTimeout(waiter.timer)
    this.#add().then(waiter.resolve, (error) => {
      waiter.reject(error)
      this.#refill()
    })
  }

  #drop(connection: Connection): void {
    this.#connections.delete(connection)
    this.#settle()
  }

  #settle(): void {
    if (this.#connections.size + this.#opening === 0) this.#onEmpty?.()
  }
}
