/**
 * The walk through what a policy demands, with real authenticators: refused, proven or set up, and continued where the user
 * was, by the JSON API and on the pages.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { formIn, proveOnPage, type SentForm } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { actIn, pathOf } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const VERIFY = '/api/v1/auth/mfa/verify'
const SWITCH = '/account/active-organization'
const html = { headers: { accept: 'text/html' } }
const AT_ONCE = { grace_days: 0, notify_days_before: [] }

/** An organization whose owner signs in by a passkey, with its policy. */
async function organization(
  members: readonly Person[],
  policy: object,
  role: 'owner' | 'member' = 'member',
): Promise<string> {
  const owner = await world.person()
  const authenticator = new Authenticator()
  await addPasskey(owner.client, authenticator)
  await signInByPasskey(owner.client, authenticator)
  const id = await world.organization({
    members: [[owner, 'owner'] as const, ...members.map((one) => [one, role] as const)],
  })
  const reply = await owner.client.patch(pathOf(id), policy)
  expect(reply.status, reply.text).toBe(200)
  return id
}
const codesOf = ({ status, body }: Reply) => [status, body.error?.code]
const detailsOf = ({ body }: Reply) => body.error?.details ?? {}
const locationOf = ({ headers }: Reply) => headers.get('location')
const login = ({ email }: Person, client = world.client()) =>
  client.post('/api/v1/auth/login', { email, password: PASSWORD })
const actsIn = async (client: Client) => (await client.get('/api/v1/auth/validate')).data?.organization_id
const complianceOf = async ({ client }: { client: Client }) =>
  (await client.get('/api/v1/users/me/mfa-compliance')).data.state
const switchTo = (client: Client, id: string) =>
  client.post('/api/v1/auth/organization', { organization_id: id })

/** A step-up by the password, which is enough where no level is required. */
async function proveByPassword(client: Client): Promise<void> {
  const { attempt } = (await client.post('/api/v1/auth/step-up', {})).data
  const { data } = await client.post(VERIFY, { attempt, method: 'password', password: PASSWORD })
  client.csrfToken = data.session.csrf_token
}

/** Sends the form by which a browser switches to the organization. */
const switchForm = ({ client }: Person, id: string) =>
  client.post(SWITCH, { csrf_token: client.csrfToken ?? '', organization_id: id }, { form: true, ...html })

/** Sets up an authenticator app on the page of an enrolment. @returns the page after it, and the app's secret */
async function enrolOnPage(client: Client, at: string): Promise<{ reply: Reply; secret: string }> {
  const page = await client.get(`${at}?method=totp`, html)
  const secret = (/<code id="secret">([A-Z2-7 ]+)</.exec(page.text)?.[1] ?? '').replaceAll(' ', '')
  const { action, fields } = formIn(page.text)
  const sent = { ...fields, code: codeOf(world, secret) }
  return { reply: await client.post(action, sent, { form: true, ...html }), secret }
}

/** The form that the completed step-up held. */
const keptForm = async (client: Client): Promise<SentForm> =>
  formIn((await client.get('/step-up/continue', html)).text)
const send = (client: Client, { action, fields }: SentForm) =>
  client.post(action, fields, { form: true, ...html })

describe('a sign-in after the due date', () => {
  it('enrols by the JSON API, is signed in and compliant', async () => {
    const person = await world.person({ signIn: false })
    const id = await organization([person], { mode: 'require_any', ...AT_ONCE })
    const client = world.client()
    const refused = await login(person, client)
    expect(codesOf(refused)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    const { attempt, organization_id: whose } = detailsOf(refused)
    expect(whose).toBe(id)
    const at = `/api/v1/auth/attempts/${attempt}/mfa`
    const begun = await client.post(`${at}/enable`, { method: 'totp' })
    const { secret, factor_id } = begun.data
    const done = await client.post(`${at}/confirm`, { code: codeOf(world, secret), factor_id })
    expect([done.status, done.data.mfa_compliance]).toEqual([200, { state: 'compliant', due_at: null }])
    expect([await complianceOf({ client }), await actsIn(client)]).toEqual(['compliant', id])
    // from now on the code is required
    const next = await login(person)
    expect(codesOf(next)).toEqual([401, 'MFA_REQUIRED'])
    await world.clock.advance('30 seconds')
    const code = codeOf(world, secret)
    const by = { attempt: detailsOf(next).attempt, method: 'totp', code }
    expect((await world.client().post(VERIFY, by)).data.mfa_compliance.state).toBe('compliant')
  })

  it('enrols on the pages, and comes to where it was going', async () => {
    const person = await world.person({ signIn: false })
    const id = await organization([person], { mode: 'require_totp', ...AT_ONCE })
    const client = world.client()
    const { action, fields } = formIn((await client.get('/sign-in?return_to=/account/sessions', html)).text)
    const form = { ...fields, identifier: person.email, password: PASSWORD }
    const stopped = await client.post(action, form, { form: true, ...html })
    expect(locationOf(stopped)).toBe('/second-factor/enrol')
    expect(client.cookies.has('lk_session')).toBe(false)
    const { reply } = await enrolOnPage(client, '/second-factor/enrol')
    expect([reply.status, reply.text.includes('href="/account/sessions"')]).toEqual([200, true])
    expect([await complianceOf({ client }), await actsIn(client)]).toEqual(['compliant', id])
  })
})

describe('a session from before the due date', () => {
  it('loses the organization, sets up what is missing, and is switched by the form that was kept', async () => {
    const person = await world.person()
    const id = await organization([person], { mode: 'require_any', grace_days: 1, notify_days_before: [] })
    await person.client.signIn(person.email, PASSWORD, { remember_me: true })
    await actIn(person, id)
    await world.clock.advance('1 day')
    const { client } = person
    expect(await actsIn(client)).toBeNull()
    expect(locationOf(await switchForm(person, id))).toBe('/step-up')
    // the last proof is a day old: the password again, then the factor
    expect(locationOf(await client.get('/step-up/continue', html))).toBe('/step-up')
    expect(locationOf(await proveOnPage(client))).toBe('/step-up/enrol')
    expect(locationOf(await client.get('/step-up/continue', html))).toBe('/step-up/enrol')
    expect(await actsIn(client)).toBeNull()
    const { reply } = await enrolOnPage(client, '/step-up/enrol')
    expect([reply.status, reply.text.includes('href="/step-up/continue"')]).toEqual([200, true])
    const kept = await keptForm(client)
    expect([kept.action, kept.fields.organization_id]).toEqual([SWITCH, id])
    expect(locationOf(await send(client, kept))).toBe('/account/organizations?done=active')
    expect([await actsIn(client), await complianceOf(person)]).toEqual([id, 'compliant'])
    expect(await world.events(person.id)).toEqual(
      expect.arrayContaining(['organization.member.mfa_stopped', 'auth.mfa.enabled', 'auth.step_up.success']),
    )
  })

  it('proves a factor that it has, and comes back to the page about the organization', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client, { backup_codes: true })
    const client = world.client()
    const { attempt } = detailsOf(await login(person, client))
    const [backup] = app.backupCodes
    await client.post(VERIFY, { attempt, method: 'backup_code', code: backup })
    const id = await organization([person], {
      mode: 'require_any',
      allowed_methods: ['totp', 'passkey'],
      ...AT_ONCE,
    })
    // a backup code does not meet this policy, and is not offered as what would
    const refused = await client.get(`/api/v1/organizations/${id}`)
    expect([codesOf(refused), detailsOf(refused)]).toEqual([
      [401, 'STEP_UP_REQUIRED'],
      { acr: 'aal2', methods: ['totp'], organization_id: id },
    ])
    const at = `/account/organizations/${id}`
    expect(locationOf(await client.get(at, html))).toBe('/step-up')
    const { action, fields } = formIn((await client.get('/step-up', html)).text)
    expect(fields.method).toBe('totp')
    const proven = await client.post(action, { ...fields, code: await app.next() }, { form: true, ...html })
    expect(locationOf(proven)).toBe('/step-up/continue')
    expect(locationOf(await client.get('/step-up/continue', html))).toBe(at)
    expect((await client.get(at, html)).status).toBe(200)
  })

  it('proves a factor by the JSON API under an access token, which counts what the session has proven', async () => {
    const person = await world.person()
    const { data } = await world.client().signIn(person.email, PASSWORD, { tokens: true })
    const app = await enrolAuthenticator(world, person.client)
    const id = await organization([person], { mode: 'require_any', ...AT_ONCE })
    const client = world.client({ headers: { authorization: `Bearer ${data.access_token}` } })
    const refused = await client.get(`/api/v1/organizations/${id}`)
    expect(detailsOf(refused)).toEqual({
      acr: 'aal2',
      methods: ['totp', 'backup_code'],
      organization_id: id,
    })
    const begun = await client.post('/api/v1/auth/step-up', { acr: 'aal2', max_age: 600 })
    expect(begun.data.methods).toEqual(['totp', 'backup_code'])
    const by = { attempt: begun.data.attempt, method: 'totp', code: await app.next() }
    expect((await client.post(VERIFY, by)).status).toBe(200)
    expect((await client.get(`/api/v1/organizations/${id}`)).status).toBe(200)
  })
})

describe('require_passkey', () => {
  /** A session by the password alone, of a person with both factors. */
  async function both() {
    const person = await world.person()
    const authenticator = new Authenticator()
    const old = world.client()
    await old.signIn(person.email, PASSWORD)
    await addPasskey(person.client, authenticator)
    const app = await enrolAuthenticator(world, person.client)
    return { person: { ...person, client: old }, authenticator, app }
  }
  const origin = () => world.config.publicUrl
  /** Proves on the page of the step-up, as its script does. */
  async function proveByPasskey(client: Client, authenticator: Authenticator): Promise<void> {
    const { action, fields } = formIn((await client.get('/step-up?method=passkey', html)).text)
    const attempt = attemptOf(client)
    const { data } = await client.post('/api/v1/auth/passkeys/login/begin', { attempt })
    const credential = JSON.stringify(authenticator.get(data.options, { origin: origin() }))
    const proven = await client.post(action, { ...fields, credential }, { form: true, ...html })
    expect(locationOf(proven)).toBe('/step-up/continue')
  }
  const attemptOf = (client: Client) => client.cookies.get('lk_step_up') ?? ''

  it('is met by the authenticator app where the policy accepts it as well', async () => {
    const { person, app } = await both()
    const policy = { mode: 'require_passkey', allowed_methods: ['passkey', 'totp'], ...AT_ONCE }
    const id = await organization([person], policy)
    const refused = await switchTo(person.client, id)
    expect(detailsOf(refused)).toEqual({ acr: 'aal2', methods: ['passkey', 'totp'], organization_id: id })
    expect(locationOf(await switchForm(person, id))).toBe('/step-up')
    const { action, fields } = formIn((await person.client.get('/step-up?method=totp', html)).text)
    const code = await app.next()
    const proven = await person.client.post(action, { ...fields, code }, { form: true, ...html })
    expect(locationOf(proven)).toBe('/step-up/continue')
    await send(person.client, await keptForm(person.client))
    expect(await actsIn(person.client)).toBe(id)
  })

  it('is met by nothing else where the policy does not, and nothing else is offered', async () => {
    const { person, authenticator, app } = await both()
    const policy = { mode: 'require_passkey', allowed_methods: ['passkey'], ...AT_ONCE }
    const id = await organization([person], policy)
    const { client } = person
    expect(detailsOf(await switchTo(client, id))).toMatchObject({ acr: 'aal2-phr', methods: ['passkey'] })
    await switchForm(person, id)
    const page = await client.get('/step-up', html)
    expect(page.text).not.toContain('?method=')
    const by = { attempt: attemptOf(client), method: 'totp', code: await app.next() }
    expect(codesOf(await client.post(VERIFY, by))).toEqual([400, 'VALIDATION_ERROR'])
    await proveByPasskey(client, authenticator)
    await send(client, await keptForm(client))
    expect(await actsIn(client)).toBe(id)
  })

  it('requires a passkey to be set up, also of those whose app is accepted', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    const policy = { mode: 'require_passkey', allowed_methods: ['passkey', 'totp'], ...AT_ONCE }
    const id = await organization([person], policy)
    const refused = await switchTo(person.client, id)
    expect([codesOf(refused), detailsOf(refused).methods]).toEqual([
      [403, 'MFA_ENROLMENT_REQUIRED'],
      ['passkey'],
    ])
    // a repeated request is answered with the same attempt
    expect(detailsOf(await switchTo(person.client, id)).attempt).toBe(detailsOf(refused).attempt)
    expect(locationOf(await switchForm(person, id))).toBe('/step-up/enrol')
    const authenticator = new Authenticator()
    const { client } = person
    const { action, fields } = formIn((await client.get('/step-up/enrol', html)).text)
    const begin = `/api/v1/auth/attempts/${attemptOf(client)}/passkeys/register/begin`
    const { options } = (await client.post(begin)).data
    const credential = JSON.stringify(authenticator.create(options, { origin: origin() }))
    const done = await client.post(action, { ...fields, credential }, { form: true, ...html })
    expect(locationOf(done)).toBe('/step-up/continue')
    await send(person.client, await keptForm(person.client))
    expect(await actsIn(person.client)).toBe(id)
  })

  it('and require_totp: a session goes from one to the other by what is missing, and back by nothing', async () => {
    const { person, authenticator, app } = await both()
    const { client } = person
    const byApp = await organization([person], {
      mode: 'require_totp',
      allowed_methods: ['totp'],
      ...AT_ONCE,
    })
    const byKey = await organization([person], {
      mode: 'require_passkey',
      allowed_methods: ['passkey'],
      ...AT_ONCE,
    })
    const first = await switchTo(client, byApp)
    expect(detailsOf(first).methods).toEqual(['passkey', 'totp'])
    const begun = await client.post('/api/v1/auth/step-up', { acr: 'aal2', max_age: 600 })
    await client.post(VERIFY, { attempt: begun.data.attempt, method: 'totp', code: await app.next() })
    expect((await switchTo(client, byApp)).status).toBe(200)
    expect(detailsOf(await switchTo(client, byKey)).methods).toEqual(['passkey'])
    expect(await actsIn(client)).toBe(byApp)
    client.csrfToken = (await client.get('/api/v1/auth/csrf')).data?.csrf_token ?? client.csrfToken
    expect(locationOf(await switchForm(person, byKey))).toBe('/step-up')
    await proveByPasskey(client, authenticator)
    await send(client, await keptForm(client))
    expect(await actsIn(client)).toBe(byKey)
    expect((await switchTo(client, byApp)).status).toBe(200)
  })
})

describe('an operation that requires a recent proof, in an organization whose policy is not met', () => {
  /** A session by the password alone, 11 minutes old, of an owner with an app. */
  async function owner() {
    const person = await world.person()
    const { client } = person
    const setUp = world.client()
    await setUp.signIn(person.email, PASSWORD)
    const app = await enrolAuthenticator(world, setUp, { backup_codes: true })
    const policy = { mode: 'require_totp', allowed_methods: ['totp'], ...AT_ONCE }
    const id = await organization([person], policy, 'owner')
    await world.clock.advance('11 minutes')
    return { client, id, app }
  }

  it('is refused with both, and done after one step-up by the JSON API', async () => {
    const { client, id, app } = await owner()
    const change = () => client.patch(pathOf(id), { notify_days_before: [3] })
    const refused = await change()
    expect([codesOf(refused), detailsOf(refused)]).toEqual([
      [401, 'STEP_UP_REQUIRED'],
      { acr: 'aal2', max_age: 600, methods: ['totp'], organization_id: id },
    ])
    const { attempt } = (await client.post('/api/v1/auth/step-up', {})).data
    expect((await client.post(VERIFY, { attempt, method: 'totp', code: await app.next() })).status).toBe(200)
    expect((await change()).status).toBe(200)
  })

  it('is walked through once on the pages, by the method that answers both', async () => {
    const { client, id, app } = await owner()
    const at = `/account/organizations/${id}/delete`
    expect(locationOf(await client.get(at, html))).toBe('/step-up')
    const page = await client.get('/step-up', html)
    const { action, fields } = formIn(page.text)
    expect([fields.method, page.text.includes('?method=')]).toEqual(['totp', false])
    const proven = await client.post(action, { ...fields, code: await app.next() }, { form: true, ...html })
    expect(locationOf(proven)).toBe('/step-up/continue')
    expect(locationOf(await client.get('/step-up/continue', html))).toBe(at)
    expect((await client.get(at, html)).status).toBe(200)
  })

  it('sets up what is missing in the same step-up', async () => {
    const person = await world.person()
    const policy = { mode: 'require_totp', allowed_methods: ['totp'], ...AT_ONCE }
    const id = await organization([person], policy, 'owner')
    await world.clock.advance('11 minutes')
    const { client } = person
    const at = `/account/organizations/${id}/delete`
    expect(locationOf(await client.get(at, html))).toBe('/step-up')
    expect(locationOf(await proveOnPage(client))).toBe('/step-up/enrol')
    await enrolOnPage(client, '/step-up/enrol')
    expect(locationOf(await client.get('/step-up/continue', html))).toBe(at)
    expect((await client.get(at, html)).status).toBe(200)
  })

  it('is refused for the recent proof alone to one who is no member', async () => {
    const { id } = await owner()
    const { client } = await world.person()
    await world.clock.advance('11 minutes')
    expect(detailsOf(await client.patch(pathOf(id), {}))).toEqual({ max_age: 600, methods: ['password'] })
  })
})

describe('setting up the passkey that a policy demands, beside an authenticator app', () => {
  const ONLY_PASSKEYS = { mode: 'require_passkey', allowed_methods: ['passkey'], ...AT_ONCE }
  const verify = (client: Client, attempt: string, proof: object) =>
    client.post(VERIFY, { attempt, ...proof })
  const beginsToAdd = async (client: Client, attempt: string) =>
    codesOf(await client.post(`/api/v1/auth/attempts/${attempt}/passkeys/register/begin`))

  it('requires the app in a browser that is remembered: it does not replace it there', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    const browser = world.client()
    const { attempt } = detailsOf(await login(person, browser))
    const code = await app.next()
    await verify(browser, attempt, { method: 'totp', code, remember_device: true })
    browser.cookies.delete('lk_session')
    expect((await login(person, browser)).status).toBe(200)
    browser.cookies.delete('lk_session')
    await organization([person], ONLY_PASSKEYS)
    const stopped = await login(person, browser)
    const at = detailsOf(stopped)
    expect([codesOf(stopped), at.methods]).toEqual([
      [401, 'MFA_REQUIRED'],
      ['totp', 'backup_code'],
    ])
    expect(await beginsToAdd(browser, at.attempt)).toEqual([409, 'CONFLICT'])
    const proven = await verify(browser, at.attempt, { method: 'totp', code: await app.next() })
    expect([codesOf(proven), detailsOf(proven).methods]).toEqual([
      [403, 'MFA_ENROLMENT_REQUIRED'],
      ['passkey'],
    ])
    expect(await beginsToAdd(browser, detailsOf(proven).attempt)).toEqual([200, undefined])
    expect(await world.events(person.id)).not.toContain('auth.passkey.added')
  })

  it('requires the app in a session whose last proof is the password alone', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    const id = await organization([person], ONLY_PASSKEYS)
    const { client } = person
    await world.clock.advance('20 minutes')
    await proveByPassword(client)
    const refused = await switchTo(client, id)
    const { attempt, methods } = detailsOf(refused)
    expect([codesOf(refused), methods]).toEqual([[403, 'MFA_ENROLMENT_REQUIRED'], ['passkey']])
    expect(await beginsToAdd(client, attempt)).toEqual([409, 'CONFLICT'])
    const waiting = (await client.get(`/api/v1/auth/attempts/${attempt}`)).data
    expect([waiting.step, waiting.methods]).toEqual(['prove', ['totp', 'backup_code']])
    const whole = await verify(client, attempt, { method: 'totp', code: await app.next() })
    expect(codesOf(whole)).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    expect(await beginsToAdd(client, attempt)).toEqual([200, undefined])
  })
})
