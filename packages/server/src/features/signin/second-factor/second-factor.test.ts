/** Sign-ins and step-ups that need more than one proof, through the JSON API and the pages. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertFactor } from '../../../core/factors/index.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { beginStepUp } from '../steps/index.ts'

let world: World
let strict: World
beforeAll(async () => {
  world = await startWorld()
  strict = await startWorld({ mfa: 'required' })
})
afterAll(() => Promise.all([world.stop(), strict.stop()]))

const withFactor = async (): Promise<Person> => {
  const person = await world.person({ signIn: false })
  const factor = { userId: person.id, kind: 'totp', name: null, confirmed: true } as const
  await world.db.tx('system', (tx) => insertFactor(tx, factor, world.clock.now()))
  return person
}
const signInForm = async (browser: Client, identifier: string) => {
  const { text } = await browser.get('/sign-in')
  const token = /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
  return { csrf_token: token, identifier, password: PASSWORD }
}
const detailsOf = ({ body }: Reply) => body.error?.details ?? {}
const login = (where: World, email: string) =>
  where.client().post('/api/v1/auth/login', { email, password: PASSWORD })

describe('a sign-in with the password of an account with a second factor', () => {
  it('is answered MFA_REQUIRED, with an attempt that says what it waits for', async () => {
    const { email } = await withFactor()
    const answer = await login(world, email)
    expect([answer.status, answer.code]).toEqual([401, 'MFA_REQUIRED'])
    expect(detailsOf(answer)).toMatchObject({ methods: ['totp'] })
    const attempt = String(detailsOf(answer).attempt)
    const state = await world.client().get(`/api/v1/auth/attempts/${attempt}`)
    expect(state.data).toMatchObject({ step: 'second_factor', methods: ['totp'] })
    expect(await world.events()).not.toContain('auth.session.started')
  })

  it('cannot be continued by the password again', async () => {
    const { email } = await withFactor()
    const attempt = String(detailsOf(await login(world, email)).attempt)
    const body = { attempt, method: 'password', password: PASSWORD }
    const answer = await world.client().post('/api/v1/auth/mfa/verify', body)
    expect([answer.status, answer.code]).toEqual([400, 'VALIDATION_ERROR'])
  })

  it('does not clear the failures before it', async () => {
    const { email } = await withFactor()
    const client = world.client()
    const guess = () => client.post('/api/v1/auth/login', { email, password: 'not the password at all' })
    for (let i = 0; i < 3; i++) expect((await guess()).code).toBe('AUTHENTICATION_FAILED')
    expect((await login(world, email)).code).toBe('MFA_REQUIRED')
    expect(detailsOf(await guess())).toMatchObject({ attempts_remaining: 1 })
  })

  it('leads a browser to the page of the second factor, and no further', async () => {
    const { email } = await withFactor()
    const browser = world.client()
    const answer = await browser.post('/sign-in', await signInForm(browser, email), { form: true })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/second-factor'])
    expect((await browser.get('/second-factor')).status).toBe(200)
    expect((await browser.get('/account')).headers.get('location')).toContain('/sign-in')
  })
})

it('where every account must have a second factor, a sign-in without one stops at setting one up', async () => {
  const { email } = await strict.person({ signIn: false })
  const answer = await login(strict, email)
  expect([answer.status, answer.code]).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
  expect(detailsOf(answer)).toMatchObject({ methods: ['passkey', 'totp'] })
  expect(detailsOf(answer).attempt).toMatch(/^sgn_/)
})

describe('a step-up', () => {
  const begin = async (person: Person) => {
    const { data } = await person.client.get('/api/v1/auth/sessions')
    const session = data.find(({ current }: { current: boolean }) => current)
    const { principal, proofs } = { principal: { userId: person.id }, proofs: [] }
    const call = { now: world.clock.now(), principal, session: { id: session.id, proofs } }
    return await beginStepUp(world.app.tools, call as never, {})
  }

  it('by the password raises the session under a new token, once among a hundred', async () => {
    const person = await world.person()
    await world.clock.advance('11 minutes')
    const { token } = await begin(person)
    const body = { attempt: token, method: 'password', password: PASSWORD }
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => person.client.post('/api/v1/auth/mfa/verify', body)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const events = await world.events(person.id)
    expect(events.filter((type) => type === 'auth.step_up.success')).toHaveLength(1)
  })

  it('is of no use to another session, and to no session', async () => {
    const [owner, other] = [await world.person(), await world.person()]
    const { token } = await begin(owner)
    const body = { attempt: token, method: 'password', password: PASSWORD }
    for (const client of [other.client, world.client()])
      expect((await client.post('/api/v1/auth/mfa/verify', body)).status).toBe(404)
    expect((await owner.client.post('/api/v1/auth/mfa/verify', body)).status).toBe(200)
  })
})
