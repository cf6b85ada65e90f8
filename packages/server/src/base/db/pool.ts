/**
 * Lines for transactions: each is lent to one transaction at a time, the most recently used first. Opens them
 * when they are needed, up to a maximum; drops lost ones; whoever waits too long is told so instead of
 * piling up. With a maximum of one it is also the queue in front of PGlite.
 */
import { Unreachable } from './faults.ts'
import type { Line } from './line.ts'

/** How long a transaction waits for a line before it is refused; longer only makes an overload worse. */
const PATIENCE_MS = 5000

interface Waiter {
  resolve(line: Line): void
  reject(error: unknown): void
  timer: NodeJS.Timeout
}

export class Pool {
  readonly #open: () => Promise<Line>
  readonly #max: number
  readonly #lines = new Set<Line>()
  readonly #idle: Line[] = []
  readonly #waiters: Waiter[] = []
  #opening = 0
  #closing: Promise<void> | null = null
  #onEmpty: (() => void) | null = null

  constructor(max: number, open: () => Promise<Line>) {
    this.#max = max
    this.#open = open
  }

  get lines(): Iterable<Line> {
    return this.#lines
  }

  async acquire(): Promise<Line> {
    if (this.#closing) throw new Unreachable('the database is being closed')
    for (;;) {
      const line = this.#idle.pop()
      if (!line) break
      if (!line.lost) return line
    }
    if (this.#lines.size + this.#opening < this.#max) {
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

  /** Gives a line back. One that is not between transactions is cut: nobody inherits another's transaction. */
  release(line: Line): void {
    if (!line.lost && !line.isIdle) line.destroy(new Error('given back inside a transaction'))
    if (!line.lost) line.tidy()
    if (this.#closing) {
      this.#drop(line)
      void line.close()
    } else if (line.lost) {
      this.#drop(line)
      this.#refill()
    } else {
      const waiter = this.#waiters.shift()
      if (!waiter) {
        this.#idle.push(line)
        return
      }
      clearTimeout(waiter.timer)
      waiter.resolve(line)
    }
  }

  /** Waits for the transactions that run, at most `patience` milliseconds, then closes every line. */
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
    for (const line of idle) this.#lines.delete(line)
    if (this.#lines.size + this.#opening > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patience)
        this.#onEmpty = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    for (const line of this.#lines) line.destroy(new Error('the database was closed'))
    await Promise.all(idle.map((line) => line.close()))
  }

  async #add(): Promise<Line> {
    this.#opening++
    try {
      const line = await this.#open()
      this.#lines.add(line)
      // one that is lost while it is lent is dropped when it comes back
      line.onLost(() => {
        const at = this.#idle.indexOf(line)
        if (at < 0) return
        this.#idle.splice(at, 1)
        this.#drop(line)
      })
      return line
    } finally {
      this.#opening--
      this.#settle()
    }
  }

  /** A place became free by a loss: the first who waits gets a new line, or the reason why there is none. */
  #refill(): void {
    const waiter = this.#waiters.shift()
    if (!waiter) return
    clearTimeout(waiter.timer)
    this.#add().then(waiter.resolve, (error) => {
      waiter.reject(error)
      this.#refill()
    })
  }

  #drop(line: Line): void {
    this.#lines.delete(line)
    this.#settle()
  }

  #settle(): void {
    if (this.#lines.size + this.#opening === 0) this.#onEmpty?.()
  }
}
