/**
 * For tests: a fake server that implements the contract between Latchkey and its guards and nothing else;
 * real-server.test.ts uses the real one. Tokens are signed by jose, so that the guard is checked against an independent
 * implementation of the standards.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

type Alg = 'ES256' | 'RS256' | 'EdDSA'

export interface SigningKey {
  kid: string
  alg: Alg
  privateKey: CryptoKey
  jwk: JWK
}

export async function makeKey(alg: Alg = 'ES256', kid: string = randomUUID()): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** What the server answers for a credential. */
export interface Account {
  user_id: string
  username: string | null
  role: string | null
  roles: string[]
  permissions: string[]
  method: 'session' | 'access_token' | 'api_key'
  session_id: string | null
  key_id: string | null
  organization_id: string | null
  token_id: string | null
  authenticated_at: string | null
  expires_at: string | null
  amr: string[]
  /** A server of an earlier version does not answer it. */
  acr?: string | null
}

export interface RevocationEntry {
  kind: string
  value: string
  before: number | null
  until: number
}

export interface Counterpart {
  issuer: string
  keys: SigningKey[]
  /** Number of requests by path. */
  count: Record<string, number>
  /** Valid credentials, as they are sent; `token()` adds its tokens. */
  accounts: Map<string, Account>
  /** Replaces the answer of `auth/validate`: a status, or a delay in milliseconds. */
  trouble: { status?: number; wait?: number; body?: string }
  jwksHeaders: Record<string, string>
  lines: Set<ServerResponse>
  lastEventIds: (string | undefined)[]
  guardCredential: string
  /** The CSRF token of every session. */
  csrfToken: string
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>, key?: SigningKey): Promise<string>
  /** Revokes, and sends the event to every stream. */
  revoke(revoked: Partial<RevocationEntry> & Pick<RevocationEntry, 'kind' | 'value'>): void
  /** Revokes without an event. */
  forget(credential: string): void
  tell(event: string, data?: string): void
  /** Closes every stream; refuses new ones until `back`. */
  cut(): void
  back(): void
  /** Closes the port and every connection; `rise` opens the same port again. */
  fall(): Promise<void>
  rise(): Promise<void>
  close(): Promise<void>
}

export const SAMPLE_USER = {
  username: 'ada',
  role: 'staff',
  roles: ['staff', 'viewer'],
  permissions: ['invoices:read', 'chat:*'],
}

export async function startCounterpart(): Promise<Counterpart> {
  const log: { id: number; revoked: RevocationEntry }[] = []
  const state = { isCut: false, port: 0 }
  const self: Counterpart = {
    issuer: '',
    keys: [await makeKey()],
    count: {},
    accounts: new Map(),
    trouble: {},
    jwksHeaders: { 'cache-control': 'public, max-age=300' },
    lines: new Set(),
    lastEventIds: [],
    guardCredential: `lk_test_${'g'.repeat(32)}`,
    csrfToken: `${'n'.repeat(22)}.${'m'.repeat(43)}`,
    async token(claims = {}, header = {}, key = self.keys[0]) {
      if (!key) throw new Error('there is no key')
      const now = Math.floor(Date.now() / 1000)
      const all: Record<string, unknown> = {
        ...SAMPLE_USER,
        iss: self.issuer,
        aud: self.issuer,
        sub: 'usr_1',
        sid: 'ses_1',
        jti: randomUUID(),
        iat: now,
        exp: now + 3600,
        amr: ['pwd'],
        acr: '1',
        ...claims,
      }
      const protectedHeader = { alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header }
      const token = await new SignJWT(JSON.parse(JSON.stringify(all)))
        .setProtectedHeader(protectedHeader)
        .sign(key.privateKey)
      self.accounts.set(token, accountOf(all))
      return token
    },
    revoke({ kind, value, before = null, until = Math.floor(Date.now() / 1000) + 3600 }) {
      const revoked = { kind, value, before, until }
      log.push({ id: log.length + 1, revoked })
      const member = { jti: 'token_id', sid: 'session_id', sub: 'user_id', key: 'key_id' }[kind] ?? 'user_id'
      for (const [credential, account] of self.accounts)
        if (account[member as keyof Account] === value) self.accounts.delete(credential)
      for (const line of self.lines) writeRevoked(line, log.length, revoked)
    },
    forget: (credential) => void self.accounts.delete(credential),
    tell(event, data = '{}') {
      for (const line of self.lines) line.write(`event: ${event}\ndata: ${data}\n\n`)
    },
    cut() {
      state.isCut = true
      for (const line of self.lines) line.destroy()
    },
    back() {
      state.isCut = false
    },
    async fall() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
    rise: () => new Promise((resolve) => server.listen(state.port, '127.0.0.1', () => resolve())),
    close: () => (server.listening ? self.fall() : Promise.resolve()),
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url ?? '/'
    self.count[path] = (self.count[path] ?? 0) + 1
    if (path === '/.well-known/jwks.json') {
      const body = JSON.stringify({ keys: self.keys.map(({ jwk }) => jwk) })
      res.writeHead(200, { 'content-type': 'application/json', ...self.jwksHeaders }).end(body)
    } else if (path === '/api/v1/auth/validate') await validate(req, res)
    else if (path === '/api/v1/auth/revocations') stream(req, res)
    else res.writeHead(404).end()
  }

  async function validate(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { status, wait, body } = self.trouble
    // the answer is from before the delay
    const credential = credentialOf(req)
    const account = isUnderKnownKey(credential) ? self.accounts.get(credential) : undefined
    if (wait) await new Promise((resolve) => setTimeout(resolve, wait))
    if (status) return void res.writeHead(status).end(body ?? '{}')
    if (account && req.method === 'POST' && req.headers['x-csrf-token'] !== self.csrfToken) {
      const error = { code: 'CSRF_FAILED', type: 'AUTHORIZATION_ERROR', message: 'No.', details: null }
      return void res.writeHead(403).end(JSON.stringify({ success: false, code: 403, message: 'No.', error }))
    }
    if (!account) {
      const code = /^[a-z]+_(?:live|test)_/.test(credential) ? 'INVALID_API_KEY' : 'INVALID_TOKEN'
      const error = { code, type: 'AUTHENTICATION_ERROR', message: 'No.', details: null }
      return void res.writeHead(401).end(JSON.stringify({ success: false, code: 401, message: 'No.', error }))
    }
    res.writeHead(200).end(JSON.stringify({ success: true, code: 200, message: 'Yes.', data: account }))
  }

  /** Opaque credentials have none. */
  function isUnderKnownKey(credential: string): boolean {
    if (!credential.includes('.')) return true
    const header = JSON.parse(Buffer.from(credential.split('.')[0] ?? '', 'base64url').toString()) as JWK
    return self.keys.some(({ kid }) => kid === header.kid)
  }

  function stream(req: IncomingMessage, res: ServerResponse): void {
    self.lastEventIds.push(req.headers['last-event-id'] as string | undefined)
    if (state.isCut) return void res.destroy()
    if (credentialOf(req) !== self.guardCredential) return void res.writeHead(403).end('{}')
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    const after = Number(req.headers['last-event-id'] ?? 0)
    // repeats the last event: guards must tolerate duplicates
    for (const { id, revoked } of log) if (id >= after) writeRevoked(res, id, revoked)
    res.write('event: ready\ndata: {}\n\n: beat\n\n')
    self.lines.add(res)
    res.once('close', () => self.lines.delete(res))
  }

  const server = createServer((req, res) => void answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  state.port = (server.address() as AddressInfo).port
  self.issuer = `http://127.0.0.1:${state.port}`
  return self
}

const writeRevoked = (line: ServerResponse, id: number, revoked: RevocationEntry): void =>
  void line.write(`id: ${id}\nevent: revoked\ndata: ${JSON.stringify(revoked)}\n\n`)

const credentialOf = ({ headers }: IncomingMessage): string =>
  headers.authorization?.replace(/^bearer /i, '') ??
  /^lk_session=(.*)$/.exec(headers.cookie ?? '')?.[1] ??
  String(headers['x-api-key'] ?? '')

const accountOf = (claims: Record<string, unknown>): Account => ({
  user_id: String(claims.sub),
  username: (claims.username as string) ?? null,
  role: (claims.role as string) ?? null,
  roles: (claims.roles as string[]) ?? [],
  permissions: (claims.permissions as string[]) ?? [],
  method: 'access_token',
  session_id: (claims.sid as string) ?? null,
  key_id: null,
  organization_id: (claims.org as string) ?? null,
  token_id: (claims.jti as string) ?? null,
  authenticated_at: null,
  expires_at: Number.isFinite(claims.exp) ? new Date(Number(claims.exp) * 1000).toISOString() : null,
  amr: [],
})

/** Adds an API key or a session token to the server. */
export function opaqueOf(
  server: Counterpart,
  kind: 'api_key' | 'session',
  more: Partial<Account> = {},
): string {
  const text = randomBytes(64).toString('hex')
  const credential = kind === 'api_key' ? `lk_live_${text.slice(0, 32)}` : `st_${text.slice(0, 43)}`
  server.accounts.set(credential, {
    ...accountOf({ ...SAMPLE_USER, sub: 'usr_1', exp: Date.now() / 1000 + 3600 }),
    method: kind,
    token_id: null,
    session_id: kind === 'session' ? 'ses_1' : null,
    key_id: kind === 'api_key' ? 'key_1' : null,
    ...more,
  })
  return credential
}
