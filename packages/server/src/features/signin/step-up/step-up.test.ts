/** Step-up by the JSON API and on the pages, and the forms that wait for it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyring } from '../../../base/crypto.ts'
import { insertFactor } from '../../../core/factors/index.ts'
import type { Client } from '../../../testing/client.ts'
import { formIn, proveOnPage, stepUp } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const KEYS = '/account/api-keys'
const html = { headers: { accept: 'text/html' } }
const begin = (client: Client, body = {}) => client.post('/api/v1/auth/step-up', body)
const verify = (client: Client, attempt: string, password = PASSWORD) =>
  client.post('/api/v1/auth/mfa/verify', { attempt, method: 'password', password })
const submit = ({ client }: Person, path: string, fields: Record<string, string>) =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { form: true, ...html })
const NEW_KEY = { name: 'K', description: '', environment: 'live', expires_in: '90d', access: 'some' }
const late = async (): Promise<Person> => {
  const person = await world.person()
  await world.clock.advance('11 minutes')
  return person
}
/** A person whose form waits for a step-up. */
const holding = async (fields: Record<string, string> = {}): Promise<Person> => {
  const person = await late()
  const sent = await submit(person, KEYS, { ...NEW_KEY, ...fields })
  expect([sent.status, sent.headers.get('location')]).toEqual([303, '/step-up'])
  return person
}
/** The page says that the form was lost, and leads to the page of the form. */
async function expectLost(client: Client): Promise<void> {
  const { status, text } = await client.get('/step-up/continue', html)
  expect([status, text.includes('could not be kept'), text.includes(`href="${KEYS}"`)]).toEqual([
    200,
    true,
    true,
  ])
  expect(client.cookies.has('lk_step_up')).toBe(false)
}
const storedForms = () =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('attempts').select(['id', 'held_form']).where('held_form', 'is not', null).execute(),
  )

describe('POST auth/step-up', () => {
  it('begins an attempt, which raises the session under a new token', async () => {
    const { client, id } = await late()
    const body = { name: 'K', permissions: [] }
    expect((await client.post('/api/v1/auth/api-keys', body)).code).toBe('STEP_UP_REQUIRED')
    const begun = await begin(client)
    expect(begun.data).toMatchObject({
      step: 'prove',
      methods: ['password'],
      attempt: expect.stringMatching(/^sgn_/),
    })
    const before = client.cookies.get('lk_session')
    const proven = await verify(client, begun.data.attempt)
    expect([proven.status, proven.body.message]).toEqual([200, 'Identity confirmed.'])
    expect(client.cookies.get('lk_session')).not.toBe(before)
    expect((await client.post('/api/v1/auth/api-keys', body)).status).toBe(201)
    expect(await world.events(id)).toContain('auth.step_up.success')
  })

  it('requires a session, and refuses what is no level and no age', async () => {
    expect((await begin(world.client())).status).toBe(401)
    const { client } = await world.person()
    for (const body of [{ acr: 'aal9' }, { max_age: -1 }, { max_age: '10' }, { max_age: 1e12 }, { more: 1 }])
      expect((await begin(client, body)).status).toBe(400)
  })

  it('is refused by a wrong password, which counts as a guess, and by an expired attempt', async () => {
    const { client, id } = await late()
    const { attempt } = (await begin(client)).data
    const wrong = await verify(client, attempt, 'not the password at all')
    expect([wrong.status, wrong.code]).toEqual([401, 'AUTHENTICATION_FAILED'])
    expect(await world.events(id)).toContain('auth.login.failure')
    await world.clock.advance('16 minutes')
    expect((await verify(client, attempt)).status).toBe(404)
  })

  it('counts what was proven within max_age, so that only the rest is required', async () => {
    const person = await world.person()
    const factor = { userId: person.id, kind: 'totp', name: null, confirmed: true } as const
    await world.db.tx('system', (tx) => insertFactor(tx, factor, world.clock.now()))
    const recent = await begin(person.client, { acr: 'aal2', max_age: 600 })
    expect(recent.data.methods).toEqual(['totp'])
    const whole = await begin(person.client, { acr: 'aal2' })
    expect(whole.data.methods).toEqual(['totp', 'password'])
    await world.clock.advance('11 minutes')
    const old = await begin(person.client, { acr: 'aal2', max_age: 600 })
    expect(old.data.methods).toEqual(['totp', 'password'])
    // the password alone does not reach it
    const half = await verify(person.client, old.data.attempt)
    expect([half.code, half.body.error.details.methods]).toEqual(['MFA_REQUIRED', ['totp']])
  })
})

describe('the pages of a step-up', () => {
  it('lead from a page that requires a recent proof, and back to it', async () => {
    const { client } = await late()
    const org = (await client.post('/api/v1/organizations', { name: 'Late' })).data.id
    const path = `/account/organizations/${org}/delete`
    expect((await client.get(path, html)).headers.get('location')).toBe('/step-up')
    const proven = await proveOnPage(client)
    expect(proven.headers.get('location')).toBe('/step-up/continue')
    const on = await client.get('/step-up/continue', html)
    expect([on.status, on.headers.get('location'), client.cookies.get('lk_step_up')]).toEqual([
      303,
      path,
      undefined,
    ])
    expect((await client.get(path, html)).status).toBe(200)
  })

  it('report a wrong password at its field, and continue with the right one', async () => {
    const { client } = await holding()
    const wrong = await proveOnPage(client, 'not the password at all')
    expect([wrong.status, wrong.text.includes('id="form-errors"')]).toEqual([401, true])
    expect((await proveOnPage(client)).status).toBe(303)
  })

  it('begin by a link with return_to, which cannot lead to another site', async () => {
    const { client } = await late()
    await client.get(`/step-up?return_to=${encodeURIComponent(KEYS)}`, html)
    await proveOnPage(client)
    expect((await client.get('/step-up/continue', html)).headers.get('location')).toBe(KEYS)
    await client.get(`/step-up?return_to=${encodeURIComponent('https://evil.example/')}`, html)
    await proveOnPage(client)
    expect((await client.get('/step-up/continue', html)).headers.get('location')).toBe('/account')
  })

  it('require a session, and do not replace a sign-in that waits in the same browser', async () => {
    const stranger = await world.client().get('/step-up', html)
    expect(stranger.headers.get('location')).toBe('/sign-in?return_to=%2Fstep-up')
    const { client } = await holding()
    client.cookies.set('lk_attempt', 'sgn_of.registration')
    await stepUp(client)
    expect(client.cookies.get('lk_attempt')).toBe('sgn_of.registration')
  })
})

describe('the attempts of a session', () => {
  const attemptsOf = ({ id }: Person) =>
    world.db.tx('system', (tx) =>
      tx
        .selectFrom('attempts')
        .select('id')
        .where('user_id', '=', id)
        .where('purpose', '=', 'step_up')
        .execute(),
    )
  const pageOf = async ({ client }: Person) =>
    `/account/organizations/${(await client.post('/api/v1/organizations', { name: 'O' })).data.id}/delete`

  it('are one after a hundred requests of a page, with and without the cookie', async () => {
    const person = await late()
    const { client } = person
    const [path, other] = [await pageOf(person), await pageOf(person)]
    for (let index = 0; index < 20; index++) await client.get(path, html)
    const session = `lk_session=${client.cookies.get('lk_session')}`
    const headers = { accept: 'text/html', cookie: session }
    await Promise.all(Array.from({ length: 80 }, () => world.client().get(path, { headers })))
    expect(await attemptsOf(person)).toHaveLength(1)
    // every answer had the same token
    const attempt = client.cookies.get('lk_step_up')
    await client.get(other, html)
    expect(client.cookies.get('lk_step_up')).toBe(attempt)
    expect((await proveOnPage(client)).headers.get('location')).toBe('/step-up/continue')
    expect((await client.get('/step-up/continue', html)).headers.get('location')).toBe(other)
  })

  it('are one of a link, and at most ten with forms, of which the browser has the last', async () => {
    const linked = await late()
    for (let index = 0; index < 20; index++) {
      linked.client.cookies.delete('lk_step_up')
      await linked.client.get(`/step-up?return_to=${KEYS}`, html)
    }
    expect(await attemptsOf(linked)).toHaveLength(1)
    const person = await late()
    for (let index = 0; index < 15; index++) await submit(person, KEYS, { ...NEW_KEY, name: `K${index}` })
    expect(await attemptsOf(person)).toHaveLength(10)
    expect((await stepUp(person.client)).fields.name).toBe('K14')
  })

  it('that hold a form are not continued by another page', async () => {
    const person = await holding()
    const { client } = person
    const held = client.cookies.get('lk_step_up') ?? ''
    await client.get(await pageOf(person), html)
    expect(client.cookies.get('lk_step_up')).not.toBe(held)
    expect(await attemptsOf(person)).toHaveLength(2)
    client.cookies.set('lk_step_up', held)
    expect((await stepUp(client)).fields.name).toBe('K')
  })
})

describe('a form that waits for a step-up', () => {
  it('is sent again with all that was entered, under a fresh token', async () => {
    const fields = {
      name: 'Schlüssel ☃ 𝒳 "q" <b>&amp;',
      description: 'one\r\ntwo\r\n',
      more_permissions: '',
      permission_0: 'chat:*',
      permission_1: 'concerns:*',
    }
    const { client } = await holding(fields)
    const { action, fields: kept } = await stepUp(client)
    const { csrf_token: token, ...values } = kept
    expect([action, values]).toEqual([KEYS, { ...NEW_KEY, ...fields }])
    expect(token).not.toBe(client.csrfToken)
    const sent = await client.post(
      action,
      { ...kept, permission_0: '', permission_1: '', access: 'none' },
      { form: true, ...html },
    )
    expect(sent.status).not.toBe(403)
  })

  it('is encrypted, and its secrets and tokens are not stored at all', async () => {
    await holding({ password: 'a secret word', client_secret: 's3cr3t' })
    for (const { held_form: form } of await storedForms()) {
      expect(form).toMatch(/^v1\./)
      expect(form).not.toContain('secret')
      expect(world.app.tools.keyring.decrypt('forms', form ?? '')).not.toMatch(
        /a secret word|s3cr3t|csrf_token/,
      )
    }
  })

  it('is kept where a step-up by JSON succeeds beside it, and sent where a proof by JSON completes its own', async () => {
    const beside = await holding()
    const attempt = beside.client.cookies.get('lk_step_up') ?? ''
    expect((await verify(beside.client, (await begin(beside.client)).data.attempt)).status).toBe(200)
    expect(beside.client.cookies.get('lk_step_up')).toBe(attempt)
    expect((await stepUp(beside.client)).fields).toMatchObject({ name: 'K' })
    const { client } = await holding()
    expect((await verify(client, client.cookies.get('lk_step_up') ?? '')).status).toBe(200)
    const kept = formIn((await client.get('/step-up/continue', html)).text)
    expect([kept.action, kept.fields.name]).toEqual([KEYS, 'K'])
  })

  it('with a password leads back to the form, with the other values', async () => {
    const { client } = await holding({ password: 'a secret word' })
    await proveOnPage(client)
    const { text } = await client.get('/step-up/continue', html)
    expect(text).toContain('except passwords')
    expect(formIn(text).fields).toMatchObject({ name: 'K' })
  })

  it('is shown once, in one of a hundred requests; the others lead to its page', async () => {
    const { client } = await holding()
    await proveOnPage(client)
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        world.client().get('/step-up/continue', { headers: { accept: 'text/html', cookie } }),
      ),
    )
    const shown = answers.filter(({ status }) => status === 200)
    const led = answers.filter(({ headers }) => headers.get('location') === KEYS)
    expect([shown.length, led.length]).toEqual([1, 99])
  })

  it('is not shown before the proof, nor to another session with the token of its attempt', async () => {
    const { client } = await holding()
    expect((await client.get('/step-up/continue', html)).headers.get('location')).toBe('/step-up')
    const attempt = client.cookies.get('lk_step_up') ?? ''
    const other = await world.person()
    other.client.cookies.set('lk_step_up', attempt)
    expect((await verify(other.client, attempt)).status).toBe(404)
    const page = await other.client.get('/step-up', html)
    expect(page.status).toBe(303)
    expect(other.client.cookies.get('lk_step_up')).not.toBe(attempt)
    await proveOnPage(client)
    other.client.cookies.set('lk_step_up', attempt)
    const stolen = await other.client.get('/step-up/continue', html)
    expect([stolen.status, stolen.text.includes('name="name"')]).toEqual([303, false])
    expect((await client.get('/step-up/continue', html)).status).toBe(200)
  })

  it('that was changed, or copied from another attempt, leads to its page', async () => {
    const [one, two] = [await holding(), await holding()]
    const idOf = ({ client }: Person) => (client.cookies.get('lk_step_up') ?? '').split('.')[0] ?? ''
    const stored = await storedForms()
    const formOf = (person: Person) => stored.find(({ id }) => id === idOf(person))?.held_form ?? ''
    const write = (person: Person, form: string) =>
      world.db.tx('system', (tx) =>
        tx.updateTable('attempts').set({ held_form: form }).where('id', '=', idOf(person)).execute(),
      )
    const flipped = (text: string) => text.slice(0, -4) + (text.at(-4) === 'A' ? 'B' : 'A') + text.slice(-3)
    await write(two, formOf(one))
    await write(one, flipped(formOf(one)))
    for (const { client } of [one, two]) {
      await proveOnPage(client)
      await expectLost(client)
    }
  })

  it('that a rotated key no longer opens is reported, once, with the way to its page', async () => {
    const { client, id } = await holding()
    await proveOnPage(client)
    const former = keyring('a secret that was rotated away '.repeat(2)).encrypt('forms', '{}')
    await world.db.tx('system', (tx) =>
      tx.updateTable('attempts').set({ held_form: former }).where('user_id', '=', id).execute(),
    )
    const attempt = client.cookies.get('lk_step_up') ?? ''
    await expectLost(client)
    client.cookies.set('lk_step_up', attempt)
    expect((await client.get('/step-up/continue', html)).headers.get('location')).toBe(KEYS)
  })

  it('that has expired is reported at the form of its step-up, and when this is opened again', async () => {
    const person = await late()
    const sent = await submit(person, KEYS, NEW_KEY)
    // the cookie is there as long as the attempt's row
    expect(sent.headers.get('set-cookie')).toMatch(/lk_step_up=[^;]+;.*Max-Age=87300/)
    const { action, fields } = formIn((await person.client.get('/step-up', html)).text)
    const reloading = await holding()
    await world.clock.advance('16 minutes')
    const proven = await person.client.post(
      action,
      { ...fields, password: PASSWORD },
      { form: true, ...html },
    )
    expect(proven.headers.get('location')).toBe('/step-up/continue')
    await expectLost(person.client)
    const again = await reloading.client.get('/step-up', html)
    expect(again.headers.get('location')).toBe('/step-up/continue')
    await expectLost(reloading.client)
  })

  it('is lost with its session, which the browser is shown once it has signed in again', async () => {
    const { client, email } = await holding()
    await proveOnPage(client)
    await client.delete('/api/v1/auth/sessions')
    const other = await world.client().signIn(email, PASSWORD)
    expect(other.status).toBe(200)
    await client.post('/api/v1/auth/logout')
    const out = await client.get('/step-up/continue', html)
    expect(out.headers.get('location')).toBe('/sign-in?return_to=%2Fstep-up%2Fcontinue')
    await client.signIn(email, PASSWORD)
    await expectLost(client)
  })

  it('is refused before it is kept if it is too large, and without its token', async () => {
    const person = await late()
    const before = (await storedForms()).length
    expect((await submit(person, KEYS, { ...NEW_KEY, description: 'x'.repeat(70_000) })).status).toBe(413)
    person.client.csrfToken = null
    expect((await submit(person, KEYS, NEW_KEY)).status).toBe(403)
    expect((await storedForms()).length).toBe(before)
  })

  it('that was proven twice is sent once, and an expired step-up begins again', async () => {
    const { client } = await holding()
    const page = formIn((await client.get('/step-up', html)).text)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        client.post(page.action, { ...page.fields, password: PASSWORD }, { form: true, ...html }),
      ),
    )
    expect(answers.map(({ headers }) => headers.get('location'))).toEqual(Array(10).fill('/step-up/continue'))
    const { client: slow } = await late()
    await slow.get('/step-up', html)
    await world.clock.advance('16 minutes')
    expect((await slow.get('/step-up', html)).headers.get('location')).toBe('/step-up')
  })
})
