/**
 * glewlwyd (Debian) as an OpenID Connect issuer on a free port of the loopback interface: a server in C that is neither
 * ours nor of our libraries' authors. It is configured by its own API, with its database and configuration in a temporary
 * folder, and stopped by its pid.
 */
import { spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../packages/server/src/testing/world.ts'

const PROGRAM = '/usr/bin/glewlwyd'
const SCHEMA = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3'
const MODULES = '/usr/lib/glewlwyd'
export const hasGlewlwyd = [PROGRAM, SCHEMA, MODULES, '/usr/bin/sqlite3'].every((path) => existsSync(path))

export const GLEWLWYD_CLIENT = { id: 'latchkey', secret: 'secret-of-the-client' }

export interface Glewlwyd {
  /** For LATCHKEY_CONNECTION_HOSTS. */
  host: string
  /** Issuers, which sign their ID tokens with RS256 and ES256. */
  issuers: Readonly<Record<'rsa' | 'ecdsa', string>>
  /** Registers the client, which the issuers share. */
  register(redirectUris: readonly string[]): Promise<void>
  /** An account, whose password is `analytical`. */
  account(username: string, name: string, email: string): Promise<void>
  /** Signs in at an authorization URL as its pages do, and consents. @returns the URL of the callback */
  signIn(authorizationUrl: string, username: string): Promise<string>
  stop(): Promise<void>
}

const PASSWORD = 'analytical'
const SCOPES = ['profile', 'email']

const configuration = (folder: string, port: number): string => `
port=${port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:${port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="WARNING"
log_file="${join(folder, 'log')}"
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${MODULES}/user"
client_module_path="${MODULES}/client"
user_auth_scheme_module_path="${MODULES}/scheme"
plugin_module_path="${MODULES}/plugin"
hash_algorithm="SHA512"
database = { type = "sqlite3" path = "${join(folder, 'database')}" };
`

/** Requests to its API by one browser, which keeps the cookie of its session. */
class Session {
  private cookie = ''
  readonly #url: string
  constructor(url: string) {
    this.#url = url
  }
  async send(method: string, path: string, body?: object): Promise<Response> {
    const response = await fetch(new URL(path, `${this.#url}/api/`), {
      method,
      redirect: 'manual',
      headers: { cookie: this.cookie, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const [set] = response.headers.getSetCookie()
    if (set !== undefined) this.cookie = set.slice(0, set.indexOf(';'))
    if (response.status >= 400)
      throw new Error(`glewlwyd: ${method} ${path}: ${response.status} ${await response.text()}`)
    return response
  }
  logIn = (username: string, password: string) => this.send('POST', 'auth/', { username, password })
}

const issuerOf = (kind: 'rsa' | 'ecdsa', issuer: string): object => {
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    module: 'oidc',
    name: kind,
    display_name: kind,
    order_rank: 0,
    parameters: {
      iss: issuer,
      'jwt-type': kind,
      'jwt-key-size': '256',
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: publicKey.export({ type: 'spki', format: 'pem' }),
      'jwks-show': true,
      'allowed-scope': ['openid', ...SCOPES],
      'auth-type-code-enabled': true,
      'pkce-allowed': true,
      'pkce-required': true,
      // RFC 9207
      'oauth-as-iss-id': true,
      'name-claim': 'on-demand',
      'name-claim-scope': ['profile'],
      'email-claim': 'on-demand',
      'email-claim-scope': ['email'],
      'scope-claim': 'no',
    },
  }
}

export async function startGlewlwyd(): Promise<Glewlwyd> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-glewlwyd-'))
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const url = `http://${host}`
  const schema = spawnSync('/usr/bin/sqlite3', [join(folder, 'database')], { input: readFileSync(SCHEMA) })
  if (schema.status !== 0) throw new Error(`the schema of glewlwyd: ${schema.stderr}`)
  writeFileSync(join(folder, 'conf'), configuration(folder, port))
  const child = spawn(PROGRAM, [`--config-file=${join(folder, 'conf')}`], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const issuers = { rsa: `${url}/api/rsa`, ecdsa: `${url}/api/ecdsa` }
  const administrator = new Session(url)
  try {
    // the account that its schema has
    for (let tries = 0; ; tries += 1) {
      const answer = await administrator.logIn('admin', 'password').catch((error: unknown) => error)
      if (answer instanceof Response) break
      if (tries >= 100 || child.exitCode !== null) throw answer
      await pause(100)
    }
    for (const kind of ['rsa', 'ecdsa'] as const)
      await administrator.send('POST', 'mod/plugin/', issuerOf(kind, issuers[kind]))
    for (const name of SCOPES)
      await administrator.send('POST', 'scope/', {
        name,
        display_name: name,
        description: name,
        password_required: true,
        password_max_age: 0,
        scheme: {},
        scheme_required: {},
      })
  } catch (error) {
    const log = existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : ''
    await stop()
    throw new Error(`glewlwyd did not start: ${log.slice(-2000)}`, { cause: error })
  }
  return {
    host,
    issuers,
    async register(redirectUris) {
      await administrator.send('POST', 'client/', {
        client_id: GLEWLWYD_CLIENT.id,
        name: 'Latchkey',
        confidential: true,
        client_secret: GLEWLWYD_CLIENT.secret,
        enabled: true,
        scope: [],
        redirect_uri: redirectUris,
        authorization_type: ['code'],
        token_endpoint_auth_method: ['client_secret_basic'],
      })
    },
    async account(username, name, email) {
      const scope = ['g_profile', 'openid', ...SCOPES]
      await administrator.send('POST', 'user/', {
        username,
        password: PASSWORD,
        name,
        email,
        enabled: true,
        scope,
      })
    },
    async signIn(authorizationUrl, username) {
      const browser = new Session(url)
      const form = (await browser.send('GET', authorizationUrl)).headers.get('location')
      if (!form?.startsWith(`${url}/login.html?`)) throw new Error(`glewlwyd shows no form, but ${form}`)
      await browser.logIn(username, PASSWORD)
      await browser.send('PUT', `auth/grant/${GLEWLWYD_CLIENT.id}/`, {
        scope: ['openid', ...SCOPES].join(' '),
      })
      const back = (await browser.send('GET', `${authorizationUrl}&g_continue`)).headers.get('location')
      if (!back) throw new Error('glewlwyd does not answer')
      return back
    },
    stop,
  }
}
