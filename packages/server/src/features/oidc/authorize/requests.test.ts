/** Authorization requests through the public surface: what is refused, where, and what the sign-in has to be. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  CALLBACK,
  claimsIn,
  follow,
  formOf,
  type TestApp,
  testApp,
  testResource,
} from '../../../testing/apps.ts'
import { pngLogo } from '../../../testing/png.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true, require_pkce: false })
})
afterAll(() => world?.stop())

const ask = (more: Record<string, string | null>, of = app) => follow(ada.client, authorizePath(of, more))
const errorOf = async (more: Record<string, string | null>, of = app) => {
  const { left, reply } = await ask(more, of)
  return left?.searchParams.get('error') ?? `page ${reply.status}`
}

describe('a request that names no app, or an address that is not its own, ends on a page', () => {
  it.each([
    ['no app', { client_id: null }],
    ['an unknown app', { client_id: 'unknown-app' }],
    ['no address', { redirect_uri: null }],
    ['another address', { redirect_uri: 'https://evil.example/callback' }],
    ['a longer path', { redirect_uri: `${CALLBACK}/more` }],
    ['a query', { redirect_uri: `${CALLBACK}?a=b` }],
    ['a fragment', { redirect_uri: `${CALLBACK}#a` }],
    ['another case', { redirect_uri: CALLBACK.toUpperCase() }],
    ['user info', { redirect_uri: CALLBACK.replace('https://', 'https://app.example.com@') }],
    ['a trailing dot', { redirect_uri: CALLBACK.replace('example.com', 'example.com.') }],
    ['dot segments', { redirect_uri: CALLBACK.replace('/callback', '/x/../callback') }],
    ['an encoded slash', { redirect_uri: CALLBACK.replace('/callback', '%2fcallback') }],
    ['a scheme of scripts', { redirect_uri: 'javascript:alert(1)' }],
  ])('%s', async (_what, more) => {
    const { left, reply } = await ask(more)
    expect([left, reply.status]).toEqual([null, 400])
    expect(reply.headers.get('location')).toBeNull()
    expect(reply.text).toContain('invalid_request')
  })

  it('a disabled app', async () => {
    const disabled = await testApp(world, {}, { status: 'disabled' })
    expect((await ask({}, disabled)).reply.status).toBe(400)
  })

  it('a parameter that is sent twice, or is longer than 8,192 characters', async () => {
    for (const path of [
      `${authorizePath(app)}&state=b`,
      `${authorizePath(app, { state: 'x'.repeat(8193) })}`,
    ])
      expect((await follow(ada.client, path)).reply.status).toBe(400)
  })
})

describe('a request that is wrong otherwise is answered to the app', () => {
  it.each([
    ['no response_type', { response_type: null }, 'invalid_request'],
    ['an implicit one', { response_type: 'id_token' }, 'unsupported_response_type'],
    ['an unknown response_mode', { response_mode: 'fragment' }, 'invalid_request'],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['a request_uri elsewhere', { request_uri: 'https://app.example.com/r' }, 'request_uri_not_supported'],
    ['a registration', { registration: '{}' }, 'registration_not_supported'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a challenge without a method', { code_challenge_method: null }, 'invalid_request'],
    ['a method without a challenge', { code_challenge: null }, 'invalid_request'],
    ['a challenge of another form', { code_challenge: 'short' }, 'invalid_request'],
    ['scopes of which none exists', { scope: 'nothing at all' }, 'invalid_scope'],
    ['an unknown resource', { resource: 'https://api.example.com' }, 'invalid_target'],
    ['an unknown prompt', { prompt: 'sometimes' }, 'invalid_request'],
    ['none with another prompt', { prompt: 'none login' }, 'invalid_request'],
    ['a max_age that is no number', { max_age: '-1' }, 'invalid_request'],
    ['claims that are no JSON', { claims: '{' }, 'invalid_request'],
    ['claims of another form', { claims: '{"userinfo":[]}' }, 'invalid_request'],
    ['a scope of other characters', { scope: 'openid "' }, 'invalid_scope'],
    [
      'an essential acr that there is not',
      { claims: '{"id_token":{"acr":{"essential":true,"value":"loa4"}}}' },
      'unmet_authentication_requirements',
    ],
    ['a hint that is no ID token', { id_token_hint: 'a.b.c' }, 'invalid_request'],
    ['a long nonce', { nonce: 'n'.repeat(1001) }, 'invalid_request'],
    ['a digest of a key of another form', { dpop_jkt: 'x' }, 'invalid_request'],
  ])('%s', async (_what, more, error) => {
    const { left } = await ask(more)
    expect(left?.searchParams.get('error')).toBe(error)
    expect(left?.searchParams.get('state')).toBe('a state')
    expect(left?.searchParams.get('iss')).toBe(world.config.publicUrl)
    expect(left?.searchParams.get('code')).toBeNull()
    expect(left?.searchParams.get('error_description')).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  it('one without PKCE, of an app that has to use it, and of a public one', async () => {
    const without = { code_challenge: null, code_challenge_method: null }
    const strict = await testApp(world, { first_party: true })
    const open = await testApp(world, { token_endpoint_auth_method: 'none', require_pkce: false })
    expect(await errorOf(without, strict)).toBe('invalid_request')
    expect(await errorOf(without, open)).toBe('invalid_request')
    expect((await ask(without)).left?.searchParams.get('code')).toMatch(/^ac_/)
  })

  it('one of an app that has to push its requests, or has no such grant', async () => {
    const pushing = await testApp(world, { require_pushed_authorization_requests: true })
    const program = await testApp(world, { grant_types: ['client_credentials'] })
    expect(await errorOf({}, pushing)).toBe('invalid_request')
    expect(await errorOf({}, program)).toBe('unauthorized_client')
  })
})

describe('prompt and max_age', () => {
  it('none is answered to the app in every case', async () => {
    const stranger = await testApp(world)
    const { left } = await follow(world.client(), authorizePath(app, { prompt: 'none' }))
    expect(left?.searchParams.get('error')).toBe('login_required')
    expect(await errorOf({ prompt: 'none' }, stranger)).toBe('consent_required')
    await world.clock.advance('2 seconds')
    expect(await errorOf({ prompt: 'none', max_age: '1' })).toBe('login_required')
    expect((await ask({ prompt: 'none' })).left?.searchParams.get('code')).toMatch(/^ac_/)
  })

  it.each([
    ['login', { prompt: 'login' }],
    ['a max_age that has passed', { max_age: '1' }],
  ])('%s demands a proof, and the time of it is in the ID token', async (_what, more) => {
    await world.clock.advance('10 seconds')
    const before = Math.floor(world.clock.now().getTime() / 1000)
    const { at } = await ask(more)
    expect(at).toBe('/step-up')
    await world.clock.advance('1 second')
    const { reply } = await follow(ada.client, '/step-up')
    const fields = formOf(reply.text, '/step-up')
    const proven = await ada.client.post('/step-up', { ...fields, password: PASSWORD }, { form: true })
    const { left } = await follow(ada.client, proven.headers.get('location') ?? '')
    const { body } = await app.exchange(left?.searchParams.get('code') ?? '')
    expect(Number(claimsIn(body.id_token).auth_time)).toBeGreaterThan(before)
  })

  it('a max_age that has not passed demands nothing, and the app of default_max_age neither', async () => {
    const own = await testApp(world, { first_party: true, default_max_age: 10_000 })
    expect((await ask({ max_age: '10000' })).left?.searchParams.get('code')).toMatch(/^ac_/)
    expect((await ask({}, own)).left?.searchParams.get('code')).toMatch(/^ac_/)
  })

  it('consent and select_account put a question for an app of our own too, each in its words', async () => {
    const shown = async (prompt: string, of = app) => (await ask({ prompt }, of)).reply.text
    expect(await shown('consent')).toContain('<h1>Allow Portal?</h1>')
    expect(await shown('consent select_account')).toContain('<h1>Allow Portal?</h1>')
    const choice = await shown('select_account')
    expect(choice).toContain('<title>Which account for Portal?')
    expect(choice).toContain('<h1>Which account for Portal?</h1>')
    expect(choice).toMatch(/Continue with this account[\s\S]*Use another account/)
    // that of another party gets something by it
    const other = await shown('select_account', await testApp(world))
    expect(other).toMatch(/Which account for Portal\?[\s\S]*>Allow<[\s\S]*>Do not allow</)
    const { reply } = await follow(
      ada.client,
      authorizePath(app, { prompt: 'select_account', ui_locales: 'de' }),
    )
    const fields = formOf(reply.text, '/consent')
    const { headers } = await ada.client.post('/consent', { ...fields, decision: 'allow' }, { form: true })
    expect(new URL(headers.get('location') ?? '').searchParams.get('code')).toMatch(/^ac_/)
  })

  it('create leads to the registration', async () => {
    const { at, reply } = await follow(world.client(), authorizePath(app, { prompt: 'create' }))
    expect(at).toMatch(/^\/sign-up\?return_to=/)
    expect([reply.status, reply.text.includes('action="/sign-up"')]).toEqual([200, true])
  })
})

describe('a hint', () => {
  it('of the user who is signed in changes nothing, also after its end; of another the app learns', async () => {
    const { body } = await app.exchange(await authorizedCode(ada.client, app))
    const hinted = { prompt: 'none', id_token_hint: body.id_token }
    expect((await ask(hinted)).left?.searchParams.get('code')).toMatch(/^ac_/)
    await world.clock.advance('2 hours')
    await ada.client.signIn('ada@example.com', PASSWORD)
    expect((await ask(hinted)).left?.searchParams.get('code')).toMatch(/^ac_/)
    const ben = await world.person({ email: 'ben@example.com' })
    const { left } = await follow(ben.client, authorizePath(app, hinted))
    expect(left?.searchParams.get('error')).toBe('login_required')
    const other = await testApp(world, { first_party: true })
    expect(await errorOf(hinted, other)).toBe('invalid_request')
  })
})

describe('the claim sub', () => {
  const claimsOf = (sub: unknown) => JSON.stringify({ id_token: { sub: { value: sub } } })

  it('names the only user whom an answer may be about (OpenID Connect Core §3.1.2.2)', async () => {
    await ada.client.signIn('ada@example.com', PASSWORD)
    expect((await ask({ claims: claimsOf(ada.id) })).left?.searchParams.get('code')).toMatch(/^ac_/)
    const [bob] = await world.people(1)
    for (const prompt of [null, 'none'])
      expect(await errorOf({ claims: claimsOf(bob?.id), prompt })).toBe('login_required')
    // who is not signed in may be that user
    const { at } = await follow(world.client(), authorizePath(app, { claims: claimsOf(ada.id) }))
    expect(at).toMatch(/^\/sign-in\?/)
    const { body } = await app.exchange(await authorizedCode(ada.client, app))
    expect(await errorOf({ claims: claimsOf(bob?.id), id_token_hint: body.id_token })).toBe('invalid_request')
  })
})

describe('who may sign in', () => {
  it('are holders of a role, or members of an organization, where the app says so', async () => {
    const ben = await world.person({ email: 'ben2@example.com' })
    const [admin, outside] = [
      await world.person({ roles: ['super_admin'] }),
      await world.person({ roles: ['super_admin'] }),
    ]
    const organization = await world.organization({
      members: [
        [ada, 'owner'],
        [admin, 'member'],
      ],
    })
    const ofMembers = await testApp(world, { first_party: true, allowed_organizations: [organization] })
    const ofStaff = await testApp(world, { first_party: true, allowed_roles: ['super_admin'] })
    const ofOrganization = await testApp(world, {}, { organization })
    const error = async (who: Person, of: TestApp) =>
      (await follow(who.client, authorizePath(of))).left?.searchParams.get('error') ?? 'none'
    expect(await error(ada, ofMembers)).toBe('none')
    expect(await error(ben, ofMembers)).toBe('access_denied')
    expect(await error(ada, ofStaff)).toBe('access_denied')
    expect(await error(ben, ofOrganization)).toBe('access_denied')
    expect((await follow(ada.client, authorizePath(ofOrganization))).reply.text).toContain('An app of')
    // where it says both, both count
    const both = { allowed_roles: ['super_admin'], allowed_organizations: [organization] }
    for (const of of [
      await testApp(world, { first_party: true, ...both }),
      await testApp(world, both, { organization }),
    ])
      expect(await error(ada, of)).toBe('access_denied')
    const ofBoth = await testApp(world, { first_party: true, ...both })
    expect([await error(outside, ofBoth), await error(admin, ofBoth)]).toEqual(['access_denied', 'none'])
  })
})

describe('a request that is sent as a form', () => {
  it('is stored, and continued by the browser with its cookies', async () => {
    const fields = Object.fromEntries(new URL(authorizePath(app), world.url).searchParams)
    const posted = await ada.client.post('/oidc/authorize', fields, {
      form: true,
      headers: { origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' },
    })
    expect(posted.status).toBe(303)
    const { left } = await follow(ada.client, posted.headers.get('location') ?? '')
    expect(left?.searchParams.get('code')).toMatch(/^ac_/)
  })

  it('has parameters that are empty, which were not sent, and may have one several times', async () => {
    await testResource(world, 'https://orders.example.com', ['orders'])
    await testResource(world, 'https://bills.example.com', ['bills'])
    const api = await testApp(world, { first_party: true, scopes: ['openid', 'orders', 'bills'] })
    const fields = new URL(authorizePath(api, { scope: 'openid orders bills' }), world.url).searchParams
    for (const name of [
      'request',
      'request_uri',
      'registration',
      'response_mode',
      'prompt',
      'max_age',
      'nonce',
    ])
      fields.set(name, '')
    fields.set('state', '')
    for (const resource of ['https://orders.example.com', '', 'https://bills.example.com'])
      fields.append('resource', resource)
    const posted = await ada.client.post('/oidc/authorize', fields.toString(), { form: true })
    const { left } = await follow(ada.client, posted.headers.get('location') ?? '')
    expect([...(left?.searchParams.keys() ?? [])]).toEqual(['code', 'iss'])
    const { body } = await api.exchange(left?.searchParams.get('code') ?? '')
    expect(claimsIn(body.access_token).aud).toEqual(
      expect.arrayContaining(['https://orders.example.com', 'https://bills.example.com']),
    )
    // as by GET
    const { left: byGet } = await follow(ada.client, `/oidc/authorize?${fields}`)
    expect([...(byGet?.searchParams.keys() ?? [])]).toEqual(['code', 'iss'])
  })

  it('is that of the first browser that continues it', async () => {
    const fields = Object.fromEntries(new URL(authorizePath(app), world.url).searchParams)
    const posted = await world.client().post('/oidc/authorize', fields, { form: true })
    const path = posted.headers.get('location') ?? ''
    const first = await follow(world.client(), path)
    expect(first.at).toMatch(/^\/sign-in\?/)
    const { reply, left } = await follow(ada.client, path)
    expect([left, reply.status]).toEqual([null, 400])
  })
})

describe('response_mode form_post', () => {
  it('posts the answer by a form that runs one script alone', async () => {
    const { reply } = await ask({ response_mode: 'form_post', state: '"><script>alert(1)</script>' })
    expect(reply.status).toBe(200)
    const fields = formOf(reply.text, CALLBACK)
    expect(fields.code).toMatch(/^ac_/)
    expect(reply.text).not.toContain('<script>alert')
    const policy = reply.headers.get('content-security-policy') ?? ''
    expect(policy).toContain('form-action https://app.example.com;')
    expect(policy).toMatch(/script-src 'sha256-[^']+';/)
    expect(policy).not.toContain('unsafe')
    expect((await app.exchange(fields.code ?? '')).status).toBe(200)
  })
})

describe('an app of the operator that could be any app of the device', () => {
  it('asks each time, and gets nothing in silence (RFC 8252 §8.6)', async () => {
    const redirect_uri = 'http://127.0.0.1:41234/callback'
    const tool = await testApp(world, {
      first_party: true,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
    })
    for (const _ of [1, 2]) {
      expect(await errorOf({ redirect_uri, prompt: 'none' }, tool)).toBe('consent_required')
      const { reply } = await follow(ada.client, authorizePath(tool, { redirect_uri }))
      const left = await answerConsent(ada.client, reply.text)
      expect(left?.searchParams.get('code')).toMatch(/^ac_/)
    }
  })
})

it('the page of a question that is opened by hand says that the sign-in is over', async () => {
  for (const path of ['/consent', '/consent?client_id=x', `/consent?client_id=${app.id}&request_uri=x`]) {
    const { status, text } = await ada.client.get(path, { headers: { accept: 'text/html' } })
    expect(status).toBe(400)
    expect(text).toContain('This sign-in has ended')
  }
})

describe('the pages before an app', () => {
  const shown = async (path: string) => (await follow(world.client(), path)).reply.text

  it('say which one the user continues to, also when a form is displayed again', async () => {
    const portal = await testApp(world, {}, { name: 'Acme & Portal' })
    const begun = await follow(world.client(), authorizePath(portal))
    expect(begun.at).toMatch(/^\/sign-in\?return_to=/)
    expect(begun.reply.text).toContain('To continue to <strong>Acme &amp; Portal</strong>')
    expect(begun.reply.text).not.toContain('<img')
    const browser = world.client()
    const { at, reply } = await follow(browser, authorizePath(portal))
    const fields = formOf(reply.text, '/sign-in')
    const again = await browser.post('/sign-in', { ...fields, identifier: '', password: '' }, { form: true })
    expect(at).toContain(portal.id)
    expect(again.text).toContain('To continue to')
  })

  it('show its logo, as the question to the user does, and none of an app that registered itself', async () => {
    const logo = pngLogo(64)
    const portal = await testApp(world, { logo_uri: logo })
    const { reply } = await follow(world.client(), authorizePath(portal))
    expect(reply.text).toContain(`<img class="app" src="${logo}" alt/>`)
    expect(reply.headers.get('content-security-policy')).toMatch(/img-src 'self' data:/)
    const asked = await follow(ada.client, authorizePath(portal))
    expect(asked.at).toMatch(/^\/consent\?/)
    expect(asked.reply.text).toContain(logo)
    await world.db.tx('system', (tx) =>
      tx.updateTable('clients').set({ source: 'registration' }).where('id', '=', portal.id).execute(),
    )
    await expect.poll(() => shown(authorizePath(portal))).not.toContain('<img')
    const page = (await follow(ada.client, authorizePath(portal))).reply.text
    expect([page.includes('Acme'), page.includes('<img')]).toEqual([false, false])
  })

  it('are in the language that the app names, forms included, until a request names none', async () => {
    const browser = world.client()
    const first = await follow(browser, authorizePath(app, { ui_locales: 'fr DE-at en' }))
    expect(first.reply.text).toContain('<html lang="de">')
    const fields = { ...formOf(first.reply.text, '/sign-in'), identifier: ada.email, password: 'no' }
    const again = await browser.post('/sign-in', fields, { form: true })
    expect(again.text).toContain('<html lang="de">')
    for (const ui_locales of ['', 'xx', 'de'.repeat(3000)])
      expect((await follow(browser, authorizePath(app, { ui_locales }))).reply.text).toContain(
        '<html lang="en">',
      )
    // the language of an account comes first
    const german = { ui_locales: 'de', prompt: 'consent' }
    expect((await follow(ada.client, authorizePath(app, german))).reply.text).toContain('<html lang="en">')
  })

  it('name none that is disabled', async () => {
    const off = await testApp(world, {}, { name: 'Evil Bank', status: 'disabled' })
    const to = `/oidc/authorize?client_id=${off.id}`
    expect(await shown(`/sign-in?return_to=${encodeURIComponent(to)}`)).not.toContain('Evil Bank')
  })

  it('name none for other addresses, and for apps that are not there', async () => {
    for (const to of [
      '/account',
      '/oidc/authorize?client_id=gone',
      `/account?client_id=${app.id}`,
      'https://evil.example/oidc/authorize',
    ])
      expect(await shown(`/sign-in?return_to=${encodeURIComponent(to)}`)).not.toContain('To continue to')
  })
})

describe('an essential acr', () => {
  const essential = (values: string[]) => JSON.stringify({ id_token: { acr: { essential: true, values } } })

  it('demands the higher one of it and of what the app is registered for', async () => {
    const lax = await testApp(world, { first_party: true, required_acr: 'aal1' })
    const silent = { prompt: 'none', claims: essential(['aal2']) }
    expect(await errorOf(silent, lax)).toBe('unmet_authentication_requirements')
    expect(await errorOf({ prompt: 'none', claims: essential(['unknown']) }, lax)).toBe(
      'unmet_authentication_requirements',
    )
  })
})
