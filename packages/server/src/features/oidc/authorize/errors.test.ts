/** What errors of the protocol say to the developers of an app: which parameter or value is wrong, within limits and without markup. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizePath, follow, type TestApp, testApp } from '../../../testing/apps.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { LOGOUT_SECTION } from '../logout/views.tsx'
import { REQUEST_SECTIONS } from './texts.ts'

const HTML = { accept: 'text/html' }

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person()
  app = await testApp(world, {
    first_party: true,
    scopes: ['openid'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  })
})
afterAll(() => world?.stop())

describe('the page of a request that cannot be read', () => {
  const shown = async (more: string, language = 'en') => {
    const headers = { ...HTML, 'accept-language': language }
    const { status, text } = await world.client().get(`${authorizePath(app)}${more}`, { headers })
    expect(status).toBe(400)
    return text
  }

  it('names a parameter that was sent twice, and one that is too long', async () => {
    expect(await shown('&state=b')).toContain('<code>state</code>: This field was sent more than once.')
    expect(await shown('&state=b', 'de')).toContain(
      '<code>state</code>: Dieses Feld wurde mehr als einmal gesendet.',
    )
    expect(await shown(`&nonce=${'n'.repeat(8193)}`)).toContain(
      '<code>nonce</code>: Use at most 8192 characters.',
    )
    expect(await shown('&nonce=%80')).toContain('<code>nonce</code>: This is not valid.')
  })

  it('names it also where the request is posted from the site of the app', async () => {
    const sent = `${authorizePath(app).split('?')[1]}&scope=openid`
    const { status, text } = await world.client().send('POST', '/oidc/authorize', sent, {
      headers: {
        ...HTML,
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'https://app.example.com',
        'sec-fetch-site': 'cross-site',
      },
    })
    expect([status, text.includes('<code>scope</code>: This field was sent more than once.')]).toEqual([
      400,
      true,
    ])
  })

  it('escapes a name, and shows the beginning of a long one', async () => {
    const name = encodeURIComponent('<img src=x>')
    expect(await shown(`&${name}=1&${name}=2`)).toContain('<code>&lt;img src=x></code>')
    const long = 'x'.repeat(3000)
    const text = await shown(`&${long}=1&${long}=2`)
    expect(text).toContain(`<code>${'x'.repeat(60)}…</code>`)
    expect(text).not.toContain('x'.repeat(61))
  })
})

describe('the documentation', () => {
  const headings = (file: string) => {
    const text = readFileSync(new URL(`../../../../../../${file}`, import.meta.url), 'utf8')
    return [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  }

  it('has every section that a page names', () => {
    for (const one of [...Object.values(REQUEST_SECTIONS), LOGOUT_SECTION])
      if (one !== null) expect(headings(one.file)).toContain(one.section)
  })

  it('is named to the developers of an app, and not where its user can only begin again', async () => {
    const shown = async (path: string, language = 'en') =>
      (await world.client().get(path, { headers: { ...HTML, 'accept-language': language } })).text
    const wrong = authorizePath(app, { redirect_uri: 'https://other.example/' })
    expect(await shown(wrong)).toContain('docs/guides/apps.md, “Redirect URIs”')
    expect(await shown(wrong, 'de')).toContain('In der Dokumentation von Latchkey: docs/guides/apps.md')
    expect(await shown(authorizePath({ id: 'gone' }))).toContain('docs/guides/apps.md, “Adding one”')
    expect(await shown('/oidc/logout?client_id=gone')).toContain('docs/guides/signing-out-of-apps.md')
    expect(await shown('/consent')).not.toContain('docs/guides')
  })
})

describe('an answer to the app', () => {
  const described = async (more: Record<string, string>) =>
    (await follow(ada.client, authorizePath(app, more))).left?.searchParams.get('error_description')
  const fromToken = async (form: Record<string, string>) =>
    (await app.post('/oidc/token', form)).body.error_description

  it('names the value that is wrong, and which there are', async () => {
    expect(await described({ prompt: 'login sometimes' })).toBe(
      'The prompt sometimes is none of none, login, consent, select_account, create.',
    )
    expect(await described({ response_mode: 'fragment' })).toBe(
      'The response_mode has to be query or form_post.',
    )
    expect(await described({ resource: 'https://api.example.com' })).toBe(
      'The resource https://api.example.com is not registered, or is not for this app.',
    )
    expect(await described({ claims: '{"id_token":[]}' })).toBe(
      'The member id_token of the parameter claims is no object.',
    )
    expect(await fromToken({ grant_type: 'password' })).toBe('The grant_type password is not supported.')
    expect(await fromToken({ grant_type: 'client_credentials', scope: 'read' })).toBe(
      'The scope read does not exist, or the app may not have it.',
    )
    const code = (await follow(ada.client, authorizePath(app))).left?.searchParams.get('code') ?? ''
    const { refresh_token } = (await app.exchange(code)).body
    const refresh = { grant_type: 'refresh_token', refresh_token }
    expect(await fromToken({ ...refresh, scope: 'openid email' })).toBe(
      'The scope email is beyond what was authorized.',
    )
    expect(await fromToken({ ...refresh, resource: 'https://api.example.com' })).toBe(
      'The resource https://api.example.com does not exist, or was not authorized.',
    )
  })

  it('repeats a value in the characters of RFC 6749 §5.2, and its beginning only', async () => {
    const odd = await described({ prompt: `"ä\\\n${'x'.repeat(3000)}` })
    expect(odd).toMatch(/^The prompt ''''x{96}\.\.\. is none of /)
    expect(await fromToken({ grant_type: 'client_credentials', scope: 'a"\u007f' })).toBe(
      "The scope a'' does not exist, or the app may not have it.",
    )
  })
})
