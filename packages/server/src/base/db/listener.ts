/**
 * The LISTEN connection to PostgreSQL: one for every channel. Subscribers are notified when it goes down, because they
 * miss messages. It is probed at every beat, since a silent loss would not be detected otherwise; no answer to a probe
 * is the sign that the database, or the way to it, is frozen.
 */
import type { Log } from '../log/index.ts'
import type { Connection } from './connection.ts'
import type { Watch } from './driver.ts'
import { Unreachable } from './faults.ts'

interface Subscription {
  channel: string
  onMessage(payload: string): void
  watch: Watch | undefined
}

export interface ListenerOptions {
  /** Makes a connection that listens on the channels. */
  open(channels: readonly string[]): Promise<Connection>
  /** Called when a probe was not answered; the connection is closed already. */
  onSilent(): void
  /** Milliseconds between attempts to connect; the last one is repeated. */
  backOff: readonly number[]
  log: Log
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #subscriptions = new Set<Subscription>()
  #connection: Connection | null = null
  #opening: Promise<Connection> | null = null
  #retry: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  async listen(
    channel: string,
    onMessage: (payload: string) => void,
    watch?: Watch,
  ): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel, onMessage, watch }
    const connection = await this.#reach()
    // added before the answer: the end of another subscription must not unlisten, and a loss must be reported
    this.#subscriptions.add(subscription)
    try {
      await connection.plain(`listen ${channel}`)
    } catch (error) {
      this.#subscriptions.delete(subscription)
      throw error
    }
    return async () => {
      this.#subscriptions.delete(subscription)
      if ([...this.#subscriptions].some((other) => other.channel === channel)) return
      await this.#connection?.plain(`unlisten ${channel}`).catch(() => {})
    }
  }

  /** Delivers a notification that this connection, or another one of the process, has received. */
  deliver(channel: string, payload: string): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.channel === channel) subscription.onMessage(payload)
    }
  }

  /** The server delivers a session's notifications before it answers the session's next statement. */
  async heard(): Promise<void> {
    if (!this.#connection) throw new Unreachable('the LISTEN connection is down')
    await this.#connection.plain('select 1')
  }

  /** Probes the connection. @param patience the number of beats within which a probe is answered */
  beat(patience: number): void {
    const connection = this.#connection
    if (!connection) return
    if (connection.beat({ inside: patience, outside: patience })) this.#options.onSilent()
    else if (connection.waiting === 0) connection.plain('select 1').catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry) clearTimeout(this.#retry)
    const connection = this.#connection ?? (await this.#opening?.catch(() => null))
    await connection?.close()
  }

  async #reach(): Promise<Connection> {
    if (this.#closed) throw new Unreachable('the database is being closed')
    if (this.#connection) return this.#connection
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #connect(): Promise<Connection> {
    const channels = new Set([...this.#subscriptions].map((subscription) => subscription.channel))
    const connection = await this.#options.open([...channels])
    this.#connection = connection
    connection.onLost(() => {
      this.#connection = null
      if (this.#closed) return
      this.#options.log.warn({}, 'LISTEN connection down')
      for (const subscription of this.#subscriptions) subscription.watch?.onLost()
      this.#retryAfter(0)
    })
    return connection
  }

  #retryAfter(failures: number): void {
    if (this.#closed) return
    const { backOff, log } = this.#options
    this.#retry = setTimeout(
      () => {
        this.#reach().then(
          () => {
            log.info({}, 'LISTEN connection restored')
            for (const subscription of this.#subscriptions) subscription.watch?.onBack()
          },
          () => this.#retryAfter(failures + 1),
        )
      },
      backOff[Math.min(failures, backOff.length - 1)],
    )
    this.#retry.unref()
  }
}
