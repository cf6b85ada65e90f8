/**
 * The limits of the platform: node:http that answers a constant, and node:http that runs the server's own session
 * check, the very same statement, prepared, through a pg pool of 10. No routing, no limits, no envelope.
 */
import { createHash } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { Handle } from '../../packages/server/src/base/db/handle.ts'
import { sessionCheck } from '../../packages/server/src/features/sessions/sql.ts'

const [kind, databaseUrl] = process.argv.slice(2)

const constant: RequestListener = (_req, res) => {
  const body = '{"status":"ok"}'
  res.writeHead(200, ['content-type', 'application/json', 'content-length', String(body.length)])
  res.end(body)
}

function select(): RequestListener {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 10,
    options: '-c role=latchkey_system -c search_path=latchkey',
  })
  const { sql: text } = sessionCheck(new Handle(() => Promise.reject(new Error('only compiled'))))
  return async (req, res) => {
    const token = req.headers.authorization?.slice('Bearer '.length) ?? ''
    const hash = createHash('sha256').update(token).digest()
    const { rows } = await pool.query({ name: 'check', text, values: [hash] })
    const body = JSON.stringify(rows[0] ?? null)
    const headers = ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))]
    res.writeHead(rows[0] ? 200 : 401, headers)
    res.end(body)
  }
}

const server = createServer(kind === 'select' ? select() : constant)
server.keepAliveTimeout = 72_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
