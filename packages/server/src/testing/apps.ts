/** Apps of tests: clients of the OpenID provider, written as rows, and what an app does with the answers. */
import { createHash } from 'node:crypto'
import { sha256 } from '../base/crypto.ts'
import { makeClientSecret } from '../core/clients/index.ts'
import type { Client, Reply } from './client.ts'
import type { World } from './world.ts'

export const CALLBACK = 'https://app.example.com/callback'

export interface TestApp {
  id: string
  secret: string
  /** A request as the app sends it from its server, authenticated by HTTP Basic. */
  post(
    path: string,
    form: Record<string, string> | URLSearchParams,
    headers?: Record<string, string>,
  ): Promise<Reply>
  /** Exchanges a code, with the verifier of `CHALLENGE`. */
  exchange(code: string, more?: Record<string, string>): Promise<Reply>
}

let count = 0

/** Writes a client with a secret. `settings` are those that differ from an ordinary app of another party. */
export async function testApp(
  world: World,
  settings: Record<string, unknown> = {},
  more: { id?: string; name?: string; organization?: string | null; status?: 'active' | 'disabled' } = {},
): Promise<TestApp> {
  count += 1
  const { id = `app-${process.pid}-${count}`, name = 'Portal', organization = null, status = 'active' } = more
  const { secret, hash, hint } = makeClientSecret()
  const now = world.clock.now()
  await world.db.tx('system', async (tx) => {
    await tx
      .insertInto('clients')
      .values({
        id,
        organization_id: organization,
        source: organization === null ? 'operator' : 'organization',
        name,
        status,
        settings: JSON.stringify({ redirect_uris: [CALLBACK], ...settings }),
        created_by: null,
        created_at: now,
        updated_at: now,
        last_used_at: null,
        expires_at: null,
      })
      .execute()
    await tx
      .insertInto('client_secrets')
      .values({
        id: `csec_${sha256(id).toString('hex').slice(0, 32)}`,
        client_id: id,
        hash,
        hint,
        created_at: now,
        expires_at: null,
        last_used_at: null,
      })
      .execute()
  })
  const isPublic = settings.token_endpoint_auth_method === 'none'
  const post: TestApp['post'] = (path, form, headers = {}) => {
    const body = new URLSearchParams(form)
    if (isPublic) body.set('client_id', id)
    const basic = `Basic ${Buffer.from(`${encodeURIComponent(id)}:${secret}`).toString('base64')}`
    const authorization: Record<string, string> = isPublic ? {} : { authorization: basic }
    return world.client().send('POST', path, body.toString(), {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...authorization, ...headers },
    })
  }
  return {
    id,
    secret,
    post,
    exchange: (code, given = {}) =>
      post('/oidc/token', {
        grant_type: 'authorization_code',
        code,
        redirect_uri: CALLBACK,
        code_verifier: VERIFIER,
        ...given,
      }),
  }
}

/** Writes an API that belongs to the server, or to an organization, with these scopes. */
export async function testResource(
  world: World,
  identifier: string,
  scopes: readonly string[] = ['read'],
  organization: string | null = null,
  claims: 'minimal' | 'full' = 'minimal',
): Promise<void> {
  const now = world.clock.now()
  const id = `res_${sha256(identifier).toString('hex').slice(0, 32)}`
  const described = scopes.map((name) => ({ name, description: `To ${name}` }))
  const row = { id, identifier, organization_id: organization, name: 'API', claims }
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('resources')
      .values({
        ...row,
        scopes: JSON.stringify(described),
        token_lifetime_seconds: null,
        created_at: now,
        updated_at: now,
      })
      .execute(),
  )
}

export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

/** The parameters of an authorization request. @param more null leaves a parameter out */
function requestOf(app: Pick<TestApp, 'id'>, more: Record<string, string | null>): URLSearchParams {
  const all: Record<string, string | null> = {
    client_id: app.id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid',
    state: 'a state',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  }
  return new URLSearchParams(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null),
  )
}

/** The path at which an app begins. @param more null leaves a parameter out */
export const authorizePath = (app: Pick<TestApp, 'id'>, more: Record<string, string | null> = {}): string =>
  `/oidc/authorize?${requestOf(app, more)}`

/** Pushes such a request. */
export const push = (
  app: TestApp,
  more: Record<string, string | null> = {},
  headers: Record<string, string> = {},
): Promise<Reply> => app.post('/oidc/par', requestOf(app, more), headers)

/** The path at which the browser brings a request that was pushed. */
export const pushedPath = (app: Pick<TestApp, 'id'>, { body }: Pick<Reply, 'body'>): string =>
  `/oidc/authorize?${new URLSearchParams({ client_id: app.id, request_uri: body.request_uri })}`

/** Follows redirects on this server, as a browser does. @returns the last answer, and where it leads outside of it */
export async function follow(
  browser: Client,
  path: string,
): Promise<{ reply: Reply; at: string; left: URL | null }> {
  let at = path
  for (let n = 0; n < 10; n += 1) {
    const reply = await browser.get(at, { headers: { accept: 'text/html' } })
    const location = reply.headers.get('location')
    if (location === null) return { reply, at, left: null }
    if (!location.startsWith('/')) return { reply, at, left: new URL(location) }
    at = location
  }
  throw new Error(`redirects without an end: ${at}`)
}

/** The hidden fields of the form with this action on a page. */
export function formOf(html: string, action: string): Record<string, string> {
  const form = html.split('<form').find((part) => part.includes(`action="${action}"`)) ?? ''
  const inputs = [...form.matchAll(/<input[^>]*?name="([^"]*)"[^>]*?value="([^"]*)"/g)]
  return Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, value.replaceAll('&amp;', '&')]))
}

/** Answers the consent page that the browser sees. @returns where it leads */
export async function answerConsent(
  browser: Client,
  html: string,
  decision: 'allow' | 'deny' = 'allow',
): Promise<URL> {
  const fields = formOf(html, '/consent')
  const reply = await browser.post('/consent', { ...fields, decision }, { form: true })
  const location = reply.headers.get('location')
  if (location === null) throw new Error(`no redirect: ${reply.status} ${reply.text.slice(0, 400)}`)
  return new URL(location, browser.url)
}

/** Signs the browser’s user in to the app. @returns the code */
export async function authorizedCode(
  browser: Client,
  app: TestApp,
  more: Record<string, string | null> = {},
): Promise<string> {
  const { reply, left } = await follow(browser, authorizePath(app, more))
  const led = left ?? (await answerConsent(browser, reply.text))
  const code = led.searchParams.get('code')
  if (code === null) throw new Error(`no code: ${led.href}`)
  return code
}

/** The claims of a JWT, not verified. */
export const claimsIn = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
