/** Operations and their faces: one action has one set of rules and one rate limit, for JSON, forms and other faces. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../packages/server/src/base/http/row/route.ts'
import { PASSWORD, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let rows: readonly Row[]
beforeAll(async () => {
  world = await startWorld({
    compat: ['tokens-by-password'],
    rateLimits: 'standard',
    trustedProxies: ['127.0.0.1'],
  })
  rows = world.app.rows
})
afterAll(() => world.stop())

const facesOf = (): Map<string, Row[]> => {
  const faces = new Map<string, Row[]>()
  for (const row of rows) faces.set(row.of.name, [...(faces.get(row.of.name) ?? []), row])
  return faces
}

describe('an operation', () => {
  it('is one object: faces of one name share it', () => {
    const wrong = [...facesOf()].filter(([, faces]) => new Set(faces.map(({ of }) => of)).size > 1)
    expect(wrong.map(([name]) => name)).toEqual([])
  })

  it('is declared once: no two have the same summary, but for signing out, whose form is open', () => {
    const names = new Map<string, Set<string>>()
    for (const { of } of rows) names.set(of.summary, (names.get(of.summary) ?? new Set()).add(of.name))
    const repeated = [...names.values()].filter(({ size }) => size > 1)
    expect(repeated).toEqual([new Set(['auth.logout', 'pages.sign_out.submit'])])
  })

  it('gives each of its faces the same access, freshness, limit and audit', () => {
    const wrong = rows.filter((row) =>
      (
        [
          'needs',
          'open',
          'organization',
          'deletedToo',
          'fresh',
          'limit',
          'audit',
          'quiet',
          'errors',
          'anonymous',
        ] as const
      ).some((field) => row[field] !== row.of[field]),
    )
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  it('has a JSON route for each hosted form that changes something, except those of FORMS_ALONE', () => {
    const formsAlone = [...facesOf()]
      .filter(([, faces]) => faces.every(({ kind, method }) => kind === 'page' && method !== 'GET'))
      .map(([name]) => name)
    // sign-out from an ended session is an error in JSON but not on the page;
    // the first administrator is created by the printed link, or by the CLI
    expect(formsAlone.sort()).toEqual(Object.keys(FORMS_ALONE))
  })

  it('has one counter for a form alone and the JSON routes of the same action', () => {
    for (const [form, routes] of Object.entries(FORMS_ALONE))
      for (const route of routes) expect(countersOf(route), `${form} and ${route}`).toEqual(countersOf(form))
  })

  it('has one counter for the JSON route and the page that begin a step-up', () =>
    expect(countersOf('pages.step_up')).toEqual(countersOf('auth.step_up')))

  it('that shares a counter has the limit of the operation that it shares it with', () => {
    const shared = rows
      .flatMap((row) => [row.limit ?? []].flat())
      .flatMap(({ sharedWith, ...limit }) => (sharedWith ? [{ limit, sharedWith }] : []))
    expect([...new Set(shared.map(({ sharedWith }) => sharedWith.name))].sort()).toEqual([
      'auth.external.authorize',
      'auth.external.callback',
      'auth.login',
      'auth.mfa.enrol',
      'auth.mfa.verify',
      'auth.step_up',
      'organizations.connections.test',
      'organizations.invitations.send',
    ])
    for (const { limit, sharedWith } of shared) expect([sharedWith.limit].flat()).toContainEqual(limit)
  })

  it('has either only safe or only unsafe faces, except for a check by POST, which demands the CSRF token', () => {
    const mixed = [...facesOf()].filter(
      ([, faces]) => new Set(faces.map(({ method }) => method === 'GET')).size > 1,
    )
    // apps send requests of authorization, of userinfo and to sign out in either way (OpenID Connect Core §3.1.2.1, §5.3.1,
    // RP-Initiated Logout §2)
    expect(mixed.map(([name]) => name).sort()).toEqual([
      'auth.validate',
      'oidc.authorize',
      'oidc.logout',
      'oidc.userinfo',
    ])
  })
})

/** The counters of an operation, each with its limit. */
function countersOf(name: string) {
  const [face] = facesOf().get(name) ?? []
  if (!face) throw new Error(`no operation ${name}`)
  return [face.limit ?? []].flat().map(({ sharedWith, ...limit }) => ({
    ...limit,
    counter: sharedWith?.name ?? name,
  }))
}

const ENROLMENTS = ['auth.attempts.mfa.confirm', 'auth.attempts.passkeys.register.complete']
/** Hosted forms without a JSON route, and the JSON routes of the same action; a new one requires an entry here. */
const FORMS_ALONE: Readonly<Record<string, readonly string[]>> = {
  // what a provider's answer leads to, in the browser that brought it
  'auth.external.connect': [],
  'auth.external.post': [],
  'auth.external.register': [],
  'auth.external.sign_in': [],
  'auth.mfa.enrol': ENROLMENTS,
  'auth.not_me': [],
  'auth.step_up.enrol': ENROLMENTS,
  'auth.step_up.prove': ['auth.mfa.verify'],
  // links in e-mails, which lead to pages
  'auth.unlock': [],
  // a set-up link in the path is the credential, of people without an account
  'connection_setup.choose': [],
  'connection_setup.complete': [],
  'connection_setup.domains.add': [],
  'connection_setup.domains.remove': [],
  'connection_setup.domains.verify': [],
  'connection_setup.save': [],
  // what an app asks of the user who is in front of the browser
  'oidc.consent': [],
  'oidc.device.decide': [],
  'oidc.device.enter': [],
  'oidc.logout.confirm': [],
  'pages.setup.submit': [],
  'pages.sign_out.submit': ['auth.logout'],
  // a message of the identity provider
  'saml.logout.post': [],
}

describe('the limit of the login', () => {
  it('counts JSON, the form and both compatibility routes together', async () => {
    const address = { headers: { 'x-forwarded-for': '192.0.2.200' } }
    const visitor = world.client(address)
    const page = await visitor.get('/sign-in')
    const csrf = /name="csrf_token" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const identifier = 'unknown-account@example.com'
    const byJson = () =>
      world.client(address).post('/api/v1/auth/login', { username: identifier, password: 'wrong' })
    const byForm = () =>
      visitor.post('/sign-in', { identifier, password: 'wrong', csrf_token: csrf }, { form: true })
    const byCompat = () =>
      world.client(address).post('/api/users/create_token', { username: identifier, password: 'wrong' })
    const byRevocation = () =>
      world
        .client(address)
        .post('/api/users/revoke_token', { user: { username: identifier, password: 'wrong' } })
    const faces = [byJson, byForm, byCompat, byRevocation]
    for (let n = 0; n < 100; n += 1) {
      const { status } = await (faces[n % 4] ?? byJson)()
      expect([401, 423], `request ${n}`).toContain(status)
    }
    for (const face of faces) expect((await face()).status).toBe(429)
    const elsewhere = world.client({ headers: { 'x-forwarded-for': '192.0.2.201' } })
    expect(
      (await elsewhere.post('/api/v1/auth/login', { username: identifier, password: 'wrong' })).status,
    ).not.toBe(429)
  })
})

describe('the limit of further proofs', () => {
  it('counts JSON, and the forms of a sign-in and of a step-up together', async () => {
    const { email } = await world.person({ signIn: false })
    const client = world.client({ headers: { 'x-forwarded-for': '192.0.2.202' } })
    await client.signIn(email, PASSWORD)
    const attempt = `sgn_${'0'.repeat(32)}.${'a'.repeat(43)}`
    const form = { attempt, method: 'totp', code: '000000', csrf_token: client.csrfToken ?? '' }
    const replies = [
      await client.post('/api/v1/auth/mfa/verify', { attempt, method: 'totp', code: '000000' }),
      await client.post('/second-factor', form, { form: true }),
      await client.post('/step-up', form, { form: true }),
    ]
    expect(replies.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual(['59', '58', '57'])
  })
})
