/**
 * An answer as long as it takes: written piece by piece, each only when the reader has taken the one before, so that
 * a log of years passes through the memory of a page. One that was broken off ends without its last chunk
 * (RFC 9112 §8): no reader takes a part for the whole.
 */
import type { ServerResponse } from 'node:http'

export interface DownloadLine {
  readonly isOpen: boolean
  /** Resolves when the next piece may come, or the reader is gone. */
  send(piece: string): Promise<void>
  end(): void
  /** Breaks it off, so that the reader notices. */
  cut(): void
}

/** Milliseconds in which a reader has to take a piece. */
const PATIENCE = 30_000

export function downloadLine(res: ServerResponse, headers: readonly string[]): DownloadLine {
  res.writeHead(200, [...headers])
  res.flushHeaders()
  return {
    get isOpen() {
      return !res.destroyed && !res.writableEnded
    },
    send: (piece) =>
      new Promise((resolve) => {
        if (res.destroyed || res.writableEnded || res.write(piece)) return resolve()
        const cut = setTimeout(() => res.destroy(), PATIENCE)
        const done = (): void => {
          clearTimeout(cut)
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
    cut: () => void res.destroy(),
  }
}
