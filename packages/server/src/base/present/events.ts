/**
 * An answer that goes on: server-sent events (HTML Living Standard §9.2). What a reader does not take in time is
 * not kept for it without end: one that is too far behind is cut off, and begins again from its cursor.
 */
import type { ServerResponse } from 'node:http'

/** The wire of one reader. */
export interface EventLine {
  /** The cursor the reader has reached, from `Last-Event-ID`; null at its first request. */
  readonly lastEventId: string | null
  readonly isOpen: boolean
  send(event: string, data: unknown, id?: string): void
  /** A comment, for nobody but the line: it shows that both ends are alive. */
  beat(): void
  /** Resolves when the reader has taken what was sent, or is gone. */
  taken(): Promise<void>
  /** Called once, however the line ends; at once where it has. */
  onEnd(run: () => void): void
  end(): void
}

/** Bytes a reader may be behind. */
const MOST_BEHIND = 1_048_576
/** Milliseconds in which it has to take what `taken` waits for. */
const PATIENCE = 30_000

export function eventLine(res: ServerResponse, headers: string[], lastEventId: string | null): EventLine {
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
    // nginx would gather events before it passes them on
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
    beat: () => write(': beat\n\n'),
    taken: () =>
      new Promise((resolve) => {
        if (!isOpen || !res.writableNeedDrain) return resolve()
        const cut = setTimeout(() => res.destroy(), PATIENCE)
        const done = (): void => {
          clearTimeout(cut)
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
