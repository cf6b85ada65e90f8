/**
 * The access log: one entry for each answer, and for each connection that sent no readable request. A path is written
 * without its query and without secrets in it. `bytes` are those of the answer with its headers, as the socket counts them.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import { type Entries, scrub } from '../../log/index.ts'
import type { RequestTracer } from '../../traces/index.ts'
import type { Exchange } from '../request/exchange.ts'
import { onEnd } from './ended.ts'

export interface AccessLog {
  /** Writes the entry when the answer is sent, or the connection is lost before. */
  watch(exchange: Exchange): void
  /** A connection that sent no readable request. */
  unreadable(answer: { status: number; requestId: string; client: string | null; bytes: number }): void
}

const MESSAGE = 'request'
const LONGEST_PATH = 1000
/** A request id of this server, which holds no secret. */
const OWN_ID = /^req_[0-9a-f]{32}$/
/** Of API attempts and hosted forms that carry their token in the path; other secrets in paths are known to `scrub`. */
const ATTEMPT = /(\/attempts\/)[^/]+/

export function accessLog(
  { write: log }: Pick<Entries, 'write'>,
  clock: Pick<Clock, 'ticks'>,
  traces: RequestTracer | null,
): AccessLog {
  /** What each connection had sent when its last answer ended. */
  const sent = new WeakMap<Socket, number>()
  return {
    watch(exchange) {
      const { req, res, id, url, ip } = exchange
      const { socket } = req
      const began = clock.ticks()
      let isWritten = false
      const write = (isComplete: boolean): void => {
        if (isWritten) return
        isWritten = true
        const before = sent.get(socket) ?? 0
        sent.set(socket, socket.bytesWritten)
        const took = clock.ticks() - began
        const status = res.headersSent ? res.statusCode : null
        const traceId = traces?.idOf(req, id, status ?? 0, took) ?? null
        log(
          {
            method: req.method,
            path: pathOf(url),
            status,
            duration_ms: Math.round(took * 100) / 100,
            bytes: socket.bytesWritten - before,
            request_id: OWN_ID.test(id) ? id : scrub(id),
            ...(traceId === null ? {} : { trace_id: traceId }),
            user_id: exchange.userId,
            client: ip,
            ...(isComplete ? {} : { aborted: true }),
          },
          MESSAGE,
        )
      }
      // before node writes the answer to a pipelined request, whose bytes would be counted here
      res.prependOnceListener('finish', () => write(true))
      onEnd(req, res, () => write(false))
    },
    unreadable({ status, requestId, client, bytes }) {
      log({ method: null, path: null, status, bytes, request_id: requestId, user_id: null, client }, MESSAGE)
    },
  }
}

function pathOf(url: string): string {
  const end = url.indexOf('?')
  const path = scrub((end < 0 ? url : url.slice(0, end)).replace(ATTEMPT, '$1[redacted]'))
  return path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path
}
