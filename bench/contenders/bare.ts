/**
 * Bare contenders: node:http that answers a constant; that runs the server's own prepared check of a session or of an
 * API key; that runs a narrow check of either, with only the columns that a check needs; or that rotates a refresh
 * token in a transaction of two statements. The pg pool of 10 is as large as the server's. No routing, no limits, no
 * envelope.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { Handle } from '../../packages/server/src/base/db/handle.ts'
import { keyCheck } from '../../packages/server/src/features/access/api-keys/sql.ts'
import { sessionCheck } from '../../packages/server/src/features/identity/sessions/sql.ts'

const [kind = 'constant', databaseUrl] = process.argv.slice(2)
const KINDS: Readonly<Record<string, () => RequestListener>> = {
  constant: () => (_req, res) => answer(res, 200, { status: 'ok' }),
  session: () => select(textOf(sessionCheck), bearer),
  'narrow-session': () => select(NARROW_SESSION, bearer),
  'narrow-api-key': () => select(NARROW_KEY, (req) => req.headers['x-api-key']?.toString()),
  'api-key': () => select(textOf(keyCheck), (req) => req.headers['x-api-key']?.toString()),
  rotation,
}

const pool = () =>
  new pg.Pool({
    connectionString: databaseUrl,
    max: 10,
    options: '-c role=latchkey_system -c search_path=latchkey',
  })
const sha256 = (text: string) => createHash('sha256').update(text).digest()

function answer(res: ServerResponse, status: number, content: unknown): void {
  const body = JSON.stringify(content)
  const headers = ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))]
  res.writeHead(status, headers)
  res.end(body)
}

/** What a check needs to know, and no more: the server's own selects join five tables. */
const NARROW_SESSION = `
  select s.id, s.user_id, s.last_seen_at, s.idle_seconds, s.expires_at, s.ended_at, u.status, u.roles
  from sessions s join users u on u.id = s.user_id where s.token_hash = $1`
const NARROW_KEY = `
  select k.id, k.user_id, k.scopes, k.expires_at, k.revoked_at, u.status, u.roles
  from api_keys k join users u on u.id = k.user_id where k.token_hash = $1`

const bearer = (req: IncomingMessage) => req.headers.authorization?.slice('Bearer '.length)

const textOf = (check: typeof sessionCheck | typeof keyCheck): string =>
  check(new Handle(() => Promise.reject(new Error('only compiled'))), false).sql

function select(text: string, credentialOf: (req: IncomingMessage) => string | undefined): RequestListener {
  const connections = pool()
  return async (req, res) => {
    const hash = sha256(credentialOf(req) ?? '')
    const { rows } = await connections.query({ name: 'check', text, values: [hash] })
    answer(res, rows[0] ? 200 : 401, rows[0] ?? null)
  }
}

function rotation(): RequestListener {
  const connections = pool()
  const lock = {
    name: 'lock',
    text: 'select family_id from refresh_tokens where token_hash = $1 and used_at is null for update',
  }
  const rotate = {
    name: 'rotate',
    text: `with used as (update refresh_tokens set used_at = now() where token_hash = $1 returning family_id)
      insert into refresh_tokens (token_hash, family_id, created_at) select $2, family_id, now() from used`,
  }
  return async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const given = JSON.parse(Buffer.concat(chunks).toString()) as { refresh_token: string }
    const hash = sha256(given.refresh_token)
    const next = `rt_${randomBytes(32).toString('base64url')}`
    const connection = await connections.connect()
    try {
      await connection.query('begin')
      const { rows } = await connection.query({ ...lock, values: [hash] })
      if (rows[0]) await connection.query({ ...rotate, values: [hash, sha256(next)] })
      await connection.query('commit')
      answer(res, rows[0] ? 200 : 401, rows[0] ? { refresh_token: next } : null)
    } finally {
      connection.release()
    }
  }
}

const server = createServer(KINDS[kind]?.())
server.keepAliveTimeout = 72_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
