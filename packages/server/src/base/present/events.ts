/**
 * Server-sent events (HTML Living Standard §9.2). Backpressure is bounded: a client that is too far behind is
 * disconnected, and resumes from its cursor.
 */
import type { ServerResponse } from 'node:http'

/** The connection of one client. */
export interface EventStream {
  /** The cursor that the client has reached, from `Last-Event-ID`; null for its first request. */
  readonly lastEventId: string | null
  readonly isOpen: boolean
  send(event: string, data: unknown, id?: string): void
  /** Sends a comment, which clients ignore, so that both sides detect a dead connection. */
  heartbeat(): void
  /** Resolves when the client has received everything that was sent, or has disconnected. */
  drained(): Promise<void>
  /** Calls once when the stream ends for any reason; immediately if it has ended. */
  onEnd(run: () => void): void
  end(): void
}

/** Bytes that a client may be behind. */
const MOST_BEHIND = 1_048_576
/** Milliseconds until a client that `drained` waits for is disconnected. */
const DRAIN_TIMEOUT = 30_000

export function eventStream(res: ServerResponse, headers: string[], lastEventId: string | null): EventStream {
  let isOpen = true
  const endings: (() => void)[] = []
  const close = (): void => {
    if (!isOpen) return
    isOpen = false
    for (const run of endings.splice(0)) run()
  }
  res.on('close', close)
  res.writeHead(200, [
    'content-type',
    'text/event-stream; charset=utf-8',
    'cache-control',
    'no-store',
    // nginx would buffer events
    'x-accel-buffering',
    'no',
    ...headers,
  ])
  res.flushHeaders()
  const write = (text: string): void => {
    if (!isOpen) return
    if (res.writableLength > MOST_BEHIND) res.destroy()
    else res.write(text)
  }
  return {
    lastEventId,
    get isOpen() {
      return isOpen
    },
    send: (event, data, id) =>
      write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`),
    heartbeat: () => write(': beat\n\n'),
    drained: () =>
      new Promise((resolve) => {
        if (!isOpen || !res.writableNeedDrain) return resolve()
        const timer = setTimeout(() => res.destroy(), DRAIN_TIMEOUT)
        const done = (): void => {
          clearTimeout(timer)
          res.off('drain', done)
          resolve()
        }
        res.once('drain', done)
        res.once('close', done)
      }),
    onEnd(run) {
      if (isOpen) endings.push(run)
      else run()
    },
    end() {
      if (!isOpen) return
      close()
      res.end()
    },
  }
}
