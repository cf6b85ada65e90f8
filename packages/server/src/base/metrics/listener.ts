/**
 * The listener of `LATCHKEY_METRICS_ADDRESS`: `/metrics` and `/healthz` for operators' programs, without credentials, because it is for a
 * network that only they reach. Of several workers the primary process has it, so that one address answers for all.
 */
import { createServer, type ServerResponse } from 'node:http'
import { plainText } from '../present/plain.ts'

/** Prometheus, text-based format 0.0.4. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Scrapers are few. */
const MOST_CONNECTIONS = 100
const REQUEST_TIMEOUT = 10_000

export interface MetricsListener {
  close(): Promise<void>
}

/** @param write the text of all metrics. @throws where the address cannot be listened on */
export async function listenForMetrics(
  address: { host: string; port: number },
  write: () => Promise<string>,
): Promise<MetricsListener> {
  const answer = async (res: ServerResponse, method: string, path: string): Promise<void> => {
    if (path !== '/metrics' && path !== '/healthz')
      return plainText(res, 404, 'Only /metrics and /healthz are here.\n')
    if (method !== 'GET' && method !== 'HEAD') return plainText(res, 405, 'Only GET is allowed here.\n')
    if (path === '/healthz') return plainText(res, 200, 'ok\n')
    try {
      plainText(res, 200, await write(), METRICS_TYPE)
    } catch {
      plainText(res, 503, 'The metrics cannot be read at present.\n')
    }
  }
  const server = createServer(
    { headersTimeout: REQUEST_TIMEOUT, requestTimeout: REQUEST_TIMEOUT },
    ({ method = '', url = '' }, res) => void answer(res, method, url.split('?')[0] ?? ''),
  )
  server.maxConnections = MOST_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
