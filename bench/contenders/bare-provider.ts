/**
 * A bare OpenID provider: node:http with only what the answers of the rows need, so that it shows what this platform allows. One app
 * that is compared in constant time, no routing, no validation beyond the grant, no limits, audit, consent, scopes or revocation;
 * narrow tables, prepared statements through a pool of 10, durable, one transaction for a request; signatures by node:crypto.
 */
import {
  createHash,
  generateKeyPairSync,
  hash,
  type KeyObject,
  randomBytes,
  sign,
  timingSafeEqual,
} from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import pg from 'pg'
import { API, ISSUER, type Stored } from '../harness/apps.ts'

const [databaseUrl, count = '0', redirectUri = '', secret = ''] = process.argv.slice(2)
const HOUR = 3600
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
await pool.query(`
  create table sessions (hash bytea primary key, user_id text not null);
  create table codes (hash bytea primary key, user_id text not null, challenge text not null, nonce text, used_at timestamptz);
  create table refresh_tokens (hash bytea primary key, user_id text not null, app text not null, used_at timestamptz)`)

const AUTHORIZE = {
  name: 'authorize',
  text: `insert into codes (hash, user_id, challenge, nonce) select $1, user_id, $2, $3 from sessions where hash = $4 returning 1`,
}
const EXCHANGE = {
  name: 'exchange',
  text: `with used as (update codes set used_at = now() where hash = $1 and challenge = $2 and used_at is null returning user_id, nonce),
    made as (insert into refresh_tokens (hash, user_id, app) select $3, user_id, $4 from used)
    select user_id, nonce from used`,
}
const ROTATE = {
  name: 'rotate',
  text: `with used as (update refresh_tokens set used_at = now() where hash = $1 and app = $2 and used_at is null returning user_id),
    made as (insert into refresh_tokens (hash, user_id, app) select $3, user_id, $2 from used)
    select user_id from used`,
}

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer')
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const es256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const rs256 = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const HEADS = {
  access: base64url({ alg: 'ES256', typ: 'at+jwt', kid: 'ES256' }),
  ES256: base64url({ alg: 'ES256', typ: 'JWT', kid: 'ES256' }),
  RS256: base64url({ alg: 'RS256', typ: 'JWT', kid: 'RS256' }),
}
const signPooled = promisify<string, Buffer, KeyObject, Buffer>(sign)
const signES256 = (text: string): string =>
  sign('sha256', Buffer.from(text), { key: es256, dsaEncoding: 'ieee-p1363' }).toString('base64url')

function accessToken(app: string, sub: string): { token: string; claims: object } {
  const iat = Math.floor(Date.now() / 1000)
  const jti = randomBytes(16).toString('base64url')
  const claims = { iss: ISSUER, aud: API.identifier, sub, client_id: app, scope: API.scope, jti, iat, exp: iat + HOUR }
  const text = `${HEADS.access}.${base64url(claims)}`
  return { token: `${text}.${signES256(text)}`, claims }
} // biome-ignore format: claims

async function idToken(app: string, sub: string, access: string, nonce: string | null): Promise<string> {
  const iat = Math.floor(Date.now() / 1000)
  const at_hash = sha256(access).subarray(0, 16).toString('base64url')
  const claims = { iss: ISSUER, aud: app, sub, iat, exp: iat + HOUR, auth_time: iat, at_hash, ...(nonce !== null && { nonce }) }
  if (app === 'bench-es256') {
    const text = `${HEADS.ES256}.${base64url(claims)}`
    return `${text}.${signES256(text)}`
  }
  const text = `${HEADS.RS256}.${base64url(claims)}`
  return `${text}.${(await signPooled('sha256', Buffer.from(text), rs256)).toString('base64url')}`
} // biome-ignore format: claims

/** The introspection answers of the tokens that were seen. */
const seen = new Map<string, string>()
const expectedSecret = sha256(secret)

/** The app of HTTP Basic. @throws where the secret is wrong */
function appOf({ headers: { authorization = '' } }: IncomingMessage): string {
  const text = Buffer.from(authorization.slice('Basic '.length), 'base64').toString()
  const colon = text.indexOf(':')
  if (!timingSafeEqual(sha256(text.slice(colon + 1)), expectedSecret)) throw new Error('the secret is wrong')
  return text.slice(0, colon)
}

function answer(res: ServerResponse, body: string): void {
  const length = String(Buffer.byteLength(body))
  res.writeHead(200, [
    'content-type',
    'application/json',
    'content-length',
    length,
    'cache-control',
    'no-store',
  ])
  res.end(body)
}

async function tokens(app: string, form: URLSearchParams): Promise<string> {
  const grant = form.get('grant_type')
  const common = { token_type: 'Bearer', expires_in: HOUR, scope: API.scope }
  if (grant === 'client_credentials')
    return JSON.stringify({ access_token: accessToken(app, app).token, ...common })
  const refresh = `rt_${randomBytes(32).toString('base64url')}`
  const exchanged = grant === 'authorization_code'
  const challenge = () =>
    createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
  const { rows } = exchanged
    ? await pool.query({
        ...EXCHANGE,
        values: [sha256(form.get('code') ?? ''), challenge(), sha256(refresh), app],
      })
    : await pool.query({
        ...ROTATE,
        values: [sha256(form.get('refresh_token') ?? ''), app, sha256(refresh)],
      })
  const { user_id: sub, nonce = null } = rows[0] as { user_id: string; nonce?: string }
  const { token } = accessToken(app, sub)
  const id_token = await idToken(app, sub, token, nonce)
  return JSON.stringify({ access_token: token, ...common, refresh_token: refresh, id_token })
}

async function authorize(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const query = new URL(req.url ?? '', ISSUER).searchParams
  const code = randomBytes(32).toString('base64url')
  const session = sha256((req.headers.cookie ?? '').slice('session='.length))
  const values = [sha256(code), query.get('code_challenge'), query.get('nonce'), session]
  const { rowCount } = await pool.query({ ...AUTHORIZE, values })
  if (rowCount !== 1 || query.get('redirect_uri') !== redirectUri) throw new Error('not authorized')
  const location = `${redirectUri}?code=${code}&state=${encodeURIComponent(query.get('state') ?? '')}`
  res.writeHead(303, ['location', location, 'content-length', '0', 'cache-control', 'no-store'])
  res.end()
}

async function body(req: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = []
  req.on('data', (chunk) => chunks.push(chunk))
  await new Promise((resolve) => req.once('end', resolve))
  return new URLSearchParams(Buffer.concat(chunks).toString())
}

async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'GET') return await authorize(req, res)
  const app = appOf(req)
  const form = await body(req)
  if (req.url === '/token') return answer(res, await tokens(app, form))
  answer(res, seen.get(form.get('token') ?? '') ?? '{"active":false}')
}

async function fill(users: number): Promise<Stored> {
  const numbers = Array.from({ length: users }, (_, i) => i)
  const ids = numbers.map((i) => `person${i}`)
  const stored: Stored = { cookies: [], refreshTokens: {}, accessTokens: [] }
  const sessions = numbers.map((i) => `session-${i}-`.padEnd(43, '0'))
  await pool.query('insert into sessions select * from unnest($1::bytea[], $2::text[])', [
    sessions.map(sha256),
    ids,
  ])
  stored.cookies = sessions.map((one) => `session=${one}`)
  for (const app of ['bench-es256', 'bench-rs256']) {
    const tokens = numbers.map((i) => `rt_${app}-${i}-`.padEnd(46, '0'))
    await pool.query(
      'insert into refresh_tokens (hash, user_id, app) select hash, id, $3 from unnest($1::bytea[], $2::text[]) as p(hash, id)',
      [tokens.map(sha256), ids, app],
    )
    stored.refreshTokens[app] = tokens
  }
  for (const id of ids) {
    const { token, claims } = accessToken('bench-es256', id)
    seen.set(token, JSON.stringify({ active: true, token_type: 'Bearer', ...claims }))
    stored.accessTokens.push(token)
  }
  await pool.query('vacuum analyze')
  return stored
}

const stored = await fill(Number(count))
const server = createServer((req, res) => void serve(req, res).catch(() => res.writeHead(400).end()))
server.keepAliveTimeout = 72_000
server.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port, ...stored }),
)
process.on('disconnect', () => process.exit(0))
