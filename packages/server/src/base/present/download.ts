/**
 * A streamed file: written piece by piece, each after the client has received the one before, so that an export of any
 * size needs the memory of one page. An aborted file ends without its last chunk (RFC 9112 §8), so that clients detect
 * that it is incomplete.
 */
import type { ServerResponse } from 'node:http'

export interface DownloadStream {
  readonly isOpen: boolean
  /** Resolves when the next piece may be sent, or the client has disconnected. */
  send(piece: string): Promise<void>
  end(): void
  /** Closes the connection, so that the client detects an incomplete file. */
  abort(): void
}

/** Milliseconds until a client that does not receive a piece is disconnected. */
const DRAIN_TIMEOUT = 30_000

export function downloadStream(res: ServerResponse, headers: readonly string[]): DownloadStream {
  res.writeHead(200, [...headers])
  res.flushHeaders()
  return {
    get isOpen() {
      return !res.destroyed && !res.writableEnded
    },
    send: (piece) =>
      new Promise((resolve) => {
        if (res.destroyed || res.writableEnded || res.write(piece)) return resolve()
        const timer = setTimeout(() => res.destroy(), DRAIN_TIMEOUT)
        const done = (): void => {
          clearTimeout(timer)
          res.off('drain', done)
          res.off('close', done)
          resolve()
        }
        res.once('drain', done)
        res.once('close', done)
      }),
    end() {
      if (!res.writableEnded) res.end()
    },
    abort: () => void res.destroy(),
  }
}
