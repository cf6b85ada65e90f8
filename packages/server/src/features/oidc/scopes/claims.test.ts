/** The standard claims of a user (OpenID Connect Core §5.1) by the scopes of §5.4 and by the parameter `claims` (§5.5). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerConsent,
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  type TestApp,
  testApp,
} from '../../../testing/apps.ts'
import { testDatabaseKind } from '../../../testing/database.ts'
import { observeStatements } from '../../../testing/statements.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const ME = '/api/v1/users/me'
const PROFILE = {
  given_name: 'Augusta Ada',
  middle_name: 'Byron',
  family_name: 'King',
  nickname: 'Ada',
  gender: 'female',
  birthdate: '0000-12-10',
  zoneinfo: 'Europe/London',
  picture: 'https://example.com/ada.jpg',
  profile: 'https://example.com/ada',
  website: 'https://ada.example.com',
}
const ADDRESS = {
  street_address: '12 St James’s Square\nFlat 3',
  locality: 'London',
  country: 'United Kingdom',
}
const PHONE = '+442079460123'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
  const profile = { ...PROFILE, phone_number: PHONE, address: ADDRESS }
  const { status } = await ada.client.patch(ME, { full_name: 'Ada King', locale: 'en', profile })
  expect(status).toBe(200)
})
afterAll(() => world?.stop())

const userinfo = (token: string) =>
  world.client().get('/oidc/userinfo', { headers: { authorization: `Bearer ${token}` } })

/** What an app gets of a person: by userinfo and in the ID token, without what every ID token has. */
async function claimsFor(person: Person, app: TestApp, more: Record<string, string>) {
  const { body } = await app.exchange(await authorizedCode(person.client, app, more))
  const info = await userinfo(body.access_token)
  expect(info.status, info.text).toBe(200)
  const { sub, ...claims } = info.body
  expect(sub).toBe(person.id)
  const always = ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'acr', 'amr', 'sid', 'at_hash', 'nonce']
  const inToken = Object.entries(claimsIn(body.id_token)).filter(([name]) => !always.includes(name))
  return { claims, inToken: Object.fromEntries(inToken), token: body.access_token as string }
}

describe('a scope', () => {
  const ofProfile = () => ({
    ...PROFILE,
    name: 'Ada King',
    preferred_username: 'ada',
    locale: 'en',
    updated_at: expect.any(Number),
  })

  it.each([
    ['profile', ofProfile],
    ['email', () => ({ email: 'ada@example.com', email_verified: true })],
    ['phone', () => ({ phone_number: PHONE, phone_number_verified: false })],
    ['address', () => ({ address: ADDRESS })],
    ['phone address', () => ({ phone_number: PHONE, phone_number_verified: false, address: ADDRESS })],
  ])('%s gives its claims and no others, in userinfo', async (scope, expected) => {
    const { claims, inToken } = await claimsFor(ada, await testApp(world), { scope: `openid ${scope}` })
    expect(claims).toEqual(expected())
    expect(inToken).toEqual({})
  })

  it('gives them in ID tokens to an app that does not call userinfo', async () => {
    const app = await testApp(world, { claims_in_id_token: true })
    const { inToken } = await claimsFor(ada, app, { scope: 'openid profile phone address' })
    const phone = { phone_number: PHONE, phone_number_verified: false }
    expect(inToken).toEqual({ ...ofProfile(), ...phone, address: ADDRESS })
  })

  it('gives nothing that the user has not stated', async () => {
    const ben = await world.person()
    const scope = 'openid profile phone address'
    const { claims, token } = await claimsFor(ben, await testApp(world), { scope })
    expect(Object.keys(claims).sort()).toEqual(['locale', 'updated_at'])
    await ben.client.patch(ME, { profile: { birthdate: '1815', address: { locality: 'London' } } })
    await ben.client.patch(ME, { profile: { phone_number: PHONE } })
    const next = (await userinfo(token)).body
    expect(next).toMatchObject({
      birthdate: '1815',
      address: { locality: 'London' },
      phone_number_verified: false,
    })
    await ben.client.patch(ME, { profile: { phone_number: null, address: null, birthdate: null } })
    expect(Object.keys((await userinfo(token)).body).sort()).toEqual(['locale', 'sub', 'updated_at'])
  })

  it('is given only to an app that may have it', async () => {
    const app = await testApp(world, { scopes: ['openid', 'profile'] })
    const named = {
      claims: JSON.stringify({ userinfo: { phone_number: null, address: { essential: true } } }),
    }
    const { claims } = await claimsFor(ada, app, { scope: 'openid profile phone address', ...named })
    expect(claims).toEqual(ofProfile())
  })

  it('is no name for a scope of an API', async () => {
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('users')
        .set({ roles: ['super_admin'] })
        .where('id', '=', ada.id)
        .execute(),
    )
    const reply = await ada.client.post('/api/v1/oidc/resources', {
      identifier: 'https://directory.example.com',
      name: 'Directory',
      scopes: ['phone', 'address', 'look_up'].map((name) => ({ name, description: name })),
    })
    expect(reply.body.error.details).toMatchObject([
      { field: 'scopes.0.name', code: 'standard' },
      { field: 'scopes.1.name', code: 'standard' },
    ])
  })
})

describe('the parameter claims', () => {
  it('names single ones, for userinfo and for the ID token, which the user allows with their scopes', async () => {
    const app = await testApp(world)
    const named = {
      userinfo: { birthdate: null, address: { essential: true } },
      id_token: { phone_number: null },
    }
    const more = { scope: 'openid', claims: JSON.stringify(named) }
    const { reply } = await follow(ada.client, authorizePath(app, more))
    for (const words of ['your telephone number', 'your postal address', 'birthday'])
      expect(reply.text).toContain(words)
    await answerConsent(ada.client, reply.text)
    const { claims, inToken } = await claimsFor(ada, app, more)
    expect(claims).toEqual({ birthdate: '0000-12-10', address: ADDRESS })
    expect(inToken).toEqual({ phone_number: PHONE })
  })
})

describe('the question to the user', () => {
  it.each([
    ['en', 'see your telephone number', 'see your postal address'],
    ['de', 'Ihre Telefonnummer sehen', 'Ihre Postanschrift sehen'],
  ] as const)('says in words what the scopes give (%s)', async (locale, ...words) => {
    const person = await world.person()
    await person.client.patch(ME, { locale })
    const app = await testApp(world)
    const { reply } = await follow(person.client, authorizePath(app, { scope: 'openid phone address' }))
    for (const word of words) expect(reply.text).toContain(word)
    const other = await follow(person.client, authorizePath(await testApp(world), { scope: 'openid email' }))
    for (const word of words) expect(other.reply.text).not.toContain(word)
    // what was allowed does not cover what is new
    await answerConsent(person.client, reply.text)
    const again = await follow(person.client, authorizePath(app, { scope: 'openid phone address' }))
    expect(again.left?.searchParams.has('code')).toBe(true)
    const more = await follow(person.client, authorizePath(app, { scope: 'openid phone profile' }))
    expect(more.left).toBeNull()
  })
})

it('discovery lists the scopes and each claim', async () => {
  const { body } = await world.client().get('/.well-known/openid-configuration')
  expect(body.scopes_supported).toEqual(expect.arrayContaining(['profile', 'email', 'address', 'phone']))
  const claims = [...Object.keys(PROFILE), 'phone_number', 'phone_number_verified', 'address']
  expect(body.claims_supported).toEqual(expect.arrayContaining(claims))
  expect(new Set(body.claims_supported).size).toBe(body.claims_supported.length)
})

it.runIf(testDatabaseKind() === 'postgres')('one statement reads all of them', async () => {
  const app = await testApp(world)
  const { token } = await claimsFor(ada, app, { scope: 'openid profile email phone address' })
  const counts: number[] = []
  for (let n = 0; n < 5; n += 1) {
    const stop = observeStatements()
    await userinfo(token)
    counts.push(stop().length)
  }
  expect(Math.min(...counts)).toBe(1)
})
