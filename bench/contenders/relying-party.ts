/**
 * The bare contender of a sign-in by an OpenID Connect issuer: node:http that uses up its state, exchanges the code over a
 * connection that is kept open, verifies the ID token with a key in memory, and starts a session in a transaction of two
 * statements. No routing, no limits, no linking, no audit, no policies, no devices.
 */
import { createHash, createPublicKey, type JsonWebKey, randomBytes, verify } from 'node:crypto'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'

const [databaseUrl, issuer = ''] = process.argv.slice(2)
const pool = new pg.Pool({
  connectionString: databaseUrl,
  max: 10,
  options: '-c role=latchkey_system -c search_path=latchkey',
})
const agent = new Agent({ keepAlive: true })
const sha256 = (text: string) => createHash('sha256').update(text).digest()
const secret = () => randomBytes(32).toString('base64url')

const keySet = (await (await fetch(`${issuer}/keys`)).json()) as { keys: JsonWebKey[] }
const key = createPublicKey({ key: keySet.keys[0] ?? {}, format: 'jwk' })

const STORE = {
  name: 'store',
  text: 'insert into bench_round_trips (state_hash, nonce) values ($1, $2)',
}
const USE_UP = {
  name: 'use up',
  text: 'delete from bench_round_trips where state_hash = $1 returning nonce',
}
const FIND = {
  name: 'find',
  text: `select u.id, u.status from identities i join users u on u.id = i.user_id
    where i.scope = '' and i.issuer = $1 and i.subject = $2`,
}
const START = {
  name: 'start',
  text: `insert into sessions (id, user_id, token_hash, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds, remember, amr)
    values ($1, $2, $3, now(), now(), now(), now() + interval '12 hours', 7200, false, array['fed'])`,
}

function exchange(code: string): Promise<{ id_token: string }> {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    client_id: 'bench',
    client_secret: 'bench',
  }).toString()
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    }
    request(`${issuer}/token`, { method: 'POST', agent, headers }, (res) => {
      const chunks: Buffer[] = []
      res
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
    })
      .once('error', reject)
      .end(body)
  })
}

/** The subject of a valid ID token; null for any other. */
function subjectOf(idToken: string, nonce: string): string | null {
  const [header = '', payload = '', signature = ''] = idToken.split('.')
  const isSigned = verify(
    'RSA-SHA256',
    Buffer.from(`${header}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  )
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const isFor = claims.iss === issuer && claims.aud === 'bench' && claims.nonce === nonce
  return isSigned && isFor && claims.exp > Date.now() / 1000 ? claims.sub : null
}

async function startSession(subject: string): Promise<string | null> {
  const token = `st_${secret()}`
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    const { rows } = await connection.query({ ...FIND, values: [issuer, subject] })
    const [user] = rows
    if (user?.status === 'active')
      await connection.query({
        ...START,
        values: [`ses_${randomBytes(16).toString('hex')}`, user.id, sha256(token)],
      })
    await connection.query('commit')
    return user?.status === 'active' ? token : null
  } finally {
    connection.release()
  }
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url ?? '/', 'http://bare.invalid')
  if (url.pathname === '/begin') {
    const [state, nonce] = [secret(), secret()]
    await pool.query({ ...STORE, values: [sha256(state), nonce] })
    const location = `${issuer}/authorize?${new URLSearchParams({ state, nonce })}`
    res.writeHead(303, { location }).end()
    return
  }
  const { rows } = await pool.query({
    ...USE_UP,
    values: [sha256(url.searchParams.get('state') ?? '')],
  })
  const tokens = await exchange(url.searchParams.get('code') ?? '')
  const subject = rows[0] ? subjectOf(tokens.id_token, rows[0].nonce) : null
  const token = subject === null ? null : await startSession(subject)
  if (token === null) res.writeHead(401).end()
  else res.writeHead(303, { location: '/account', 'set-cookie': `session=${token}; HttpOnly; Path=/` }).end()
})
server.keepAliveTimeout = 72_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
