/**
 * A sign-in by the connection of one organization proves nothing in another (better-auth#9013), and for the account only
 * where that organization has proven the domain of the user's address.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { connect, ownDomain, proveByConnection } from '../../../testing/connection-rows.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { actIn } from './testing.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

interface Two {
  a: string
  b: string
  connection: string
  person: Person
}

/** A member of two organizations, signed in by the connection of the first alone. */
async function signedInByA(over: { mfa?: true; role?: 'owner' | 'admin' } = {}): Promise<Two> {
  const [owner, person] = (await world.people(2)) as [Person, Person]
  const [a = '', b = ''] = await Promise.all(
    ['A', 'B'].map((name) =>
      world.organization({
        name,
        members: [
          [owner, 'owner'],
          [person, over.role ?? 'admin'],
        ],
      }),
    ),
  )
  const connection = await connect(world, a)
  await proveByConnection(world, person, { connection, organization: a, ...(over.mfa && { mfa: true }) })
  return { a, b, connection, person }
}

const codeOf = ({ status, body }: Reply) => [status, body.error?.code]
const detailsOf = ({ body }: Reply) => body.error?.details
const validated = async (client: Client) => (await client.get('/api/v1/auth/validate')).data
const switchTo = ({ client }: Person, id: string) =>
  client.post('/api/v1/auth/organization', { organization_id: id })
const stepUp = (client: Client, sent: object = {}) => client.post('/api/v1/auth/step-up', sent)
const provePassword = async (client: Client, attempt: string) => {
  const reply = await client.post('/api/v1/auth/mfa/verify', {
    attempt,
    method: 'password',
    password: PASSWORD,
  })
  if (reply.data?.session) client.csrfToken = reply.data.session.csrf_token
  return reply
}

describe('a session by the connection of one organization', () => {
  it('acts in this one, and in no other, whether that has a policy or not', async () => {
    const { a, b, person } = await signedInByA()
    await actIn(person, a)
    expect(await validated(person.client)).toMatchObject({ organization_id: a, acr: 'aal1' })
    const refused = await switchTo(person, b)
    expect([codeOf(refused), detailsOf(refused)]).toEqual([
      [401, 'STEP_UP_REQUIRED'],
      { methods: ['password'], organization_id: b },
    ])
    for (const path of ['', '/members', '/security-policy', '/audit-logs'])
      expect(codeOf(await person.client.get(`/api/v1/organizations/${b}${path}`))).toEqual([
        401,
        'STEP_UP_REQUIRED',
      ])
    expect((await person.client.get(`/api/v1/organizations/${a}/members`)).status).toBe(200)
    expect((await validated(person.client)).organization_id).toBe(a)
    // nor is it listed that one belongs to it, until more is proven
    const listed = async () =>
      (await person.client.get('/api/v1/users/me/organizations')).data.map(({ id }: { id: string }) => id)
    expect(await listed()).toEqual([a])
    await provePassword(person.client, (await stepUp(person.client)).data.attempt)
    expect((await listed()).sort()).toEqual([a, b].sort())
  })

  it('is raised by a method that counts there, and keeps its other proof', async () => {
    const { a, b, person } = await signedInByA()
    const { data } = await stepUp(person.client, { organization_id: b })
    expect(data.methods).toEqual(['password'])
    expect((await provePassword(person.client, data.attempt)).status).toBe(200)
    for (const id of [b, a, b]) {
      await actIn(person, id)
      expect((await validated(person.client)).organization_id).toBe(id)
    }
  })

  it('that acts in another already stops acting there', async () => {
    const { b, person, connection, a } = await signedInByA()
    await provePassword(person.client, (await stepUp(person.client, { organization_id: b })).data.attempt)
    await actIn(person, b)
    expect((await validated(person.client)).organization_id).toBe(b)
    await proveByConnection(world, person, { connection, organization: a })
    expect((await validated(person.client)).organization_id).toBeNull()
  })

  it('names the organization in its tokens where its proofs count', async () => {
    const { a, b, person } = await signedInByA()
    const login = await world
      .client()
      .post('/api/v1/auth/login', { email: person.email, password: PASSWORD, tokens: true })
    const { session, access_token, refresh_token } = login.data
    const client = world.client()
    const bearer = { headers: { authorization: `Bearer ${access_token}` } }
    expect((await client.post('/api/v1/auth/organization', { organization_id: b }, bearer)).status).toBe(200)
    const renewed = async (token: string) => {
      const { data } = await client.post('/api/v1/auth/refresh', { refresh_token: token })
      const claims = JSON.parse(Buffer.from(data.access_token.split('.')[1], 'base64url').toString())
      return { claims, next: data.refresh_token as string, token: data.access_token as string }
    }
    const first = await renewed(refresh_token)
    expect(first.claims).toMatchObject({ org: b, amr: ['pwd'] })
    const { connection } = { connection: await connect(world, a) }
    await proveByConnection(world, person, { connection, organization: a, session: session?.id })
    const second = await renewed(first.next)
    expect(second.claims).not.toHaveProperty('org')
    const refused = await client.get(`/api/v1/organizations/${b}`, {
      headers: { authorization: `Bearer ${second.token}` },
    })
    expect(codeOf(refused)).toEqual([401, 'STEP_UP_REQUIRED'])
  })

  it('has the level of its provider in its organization alone', async () => {
    const { a, person } = await signedInByA({ mfa: true })
    await person.client.post('/api/v1/auth/organization', { organization_id: null })
    expect((await validated(person.client)).acr).toBe('aal1')
    await actIn(person, a)
    expect((await validated(person.client)).acr).toBe('aal2')
  })

  it('is not stopped by a neighbour’s connection of the same id in its proofs', async () => {
    const { a, b, person } = await signedInByA()
    const foreign = await connect(world, b)
    // a proof of the first organization’s by the second’s connection, which no sign-in makes
    await proveByConnection(world, person, { connection: foreign, organization: a })
    expect(codeOf(await switchTo(person, b))).toEqual([401, 'STEP_UP_REQUIRED'])
  })
})

describe('an operation of the account', () => {
  const createKey = ({ client }: Person) =>
    client.post('/api/v1/auth/api-keys', { name: 'K', permissions: ['*'] })
  const setUpApp = ({ client }: Person) => client.post('/api/v1/auth/mfa/enable', { method: 'totp' })

  it('is refused after a sign-in by an organization that is no authority for it, with what helps', async () => {
    const { person } = await signedInByA()
    for (const act of [createKey, setUpApp]) {
      const refused = await act(person)
      expect(codeOf(refused)).toEqual([401, 'STEP_UP_REQUIRED'])
      expect(detailsOf(refused)).toMatchObject({ max_age: 600, methods: ['password'] })
    }
    const { data } = await stepUp(person.client)
    expect(data.methods).toEqual(['password'])
    await provePassword(person.client, data.attempt)
    expect((await createKey(person)).status).toBe(201)
    await enrolAuthenticator(world, person.client)
  })

  it('is refused with an access token of such a session too', async () => {
    const { person } = await signedInByA()
    const { data } = await person.client.post('/api/v1/auth/token', {})
    const headers = { authorization: `Bearer ${data.access_token}` }
    const refused = await world
      .client()
      .post('/api/v1/auth/api-keys', { name: 'K', permissions: ['*'] }, { headers })
    expect(codeOf(refused)).toEqual([401, 'STEP_UP_REQUIRED'])
  })

  it('is possible where the organization has proven the domain of the verified address', async () => {
    const { a, b, person } = await signedInByA()
    const domain = person.email.split('@')[1] ?? ''
    const forget = await ownDomain(world, b, domain)
    expect(codeOf(await createKey(person))).toEqual([401, 'STEP_UP_REQUIRED'])
    await forget()
    const unproven = await ownDomain(world, a, domain, { isVerified: false })
    expect(codeOf(await createKey(person))).toEqual([401, 'STEP_UP_REQUIRED'])
    await unproven()
    const proven = await ownDomain(world, a, domain)
    expect((await createKey(person)).status).toBe(201)
    await proven()
  })

  it('does not count for the address of another domain, nor for one that is not verified', async () => {
    const { a, person } = await signedInByA()
    const subdomain = await ownDomain(world, a, `sub.${person.email.split('@')[1]}`)
    expect(codeOf(await createKey(person))).toEqual([401, 'STEP_UP_REQUIRED'])
    await subdomain()
    const proven = await ownDomain(world, a, person.email.split('@')[1] ?? '')
    await world.db.tx('system', (tx) =>
      tx.updateTable('emails').set({ verified_at: null }).where('user_id', '=', person.id).execute(),
    )
    expect(codeOf(await createKey(person))).toEqual([401, 'STEP_UP_REQUIRED'])
    await proven()
  })

  it('of the organization itself is possible, and of another is not', async () => {
    const { a, b, person } = await signedInByA({ role: 'owner' })
    const rename = (id: string) =>
      person.client.patch(`/api/v1/organizations/${id}/security-policy`, { mode: 'optional' })
    expect((await rename(a)).status).toBe(200)
    const refused = await rename(b)
    expect(codeOf(refused)).toEqual([401, 'STEP_UP_REQUIRED'])
    expect(detailsOf(refused)).toMatchObject({ organization_id: b, methods: ['password'] })
  })

  it('of the organization offers its provider where the last proof is old', async () => {
    const { a, person, connection } = await signedInByA({ role: 'owner' })
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('identities')
        .values({
          id: `idn_${person.id.slice(4)}`,
          user_id: person.id,
          connection_id: connection,
          organization_id: a,
          scope: a,
          issuer: 'https://idp.example',
          subject: person.id,
          provider: 'oidc',
          email: null,
          email_verified: false,
          name: null,
          tokens: null,
          linked_at: world.clock.now(),
          last_used_at: null,
        })
        .execute(),
    )
    await world.clock.advance('11 minutes')
    const refused = await person.client.patch(`/api/v1/organizations/${a}/security-policy`, {
      mode: 'optional',
    })
    expect(detailsOf(refused)).toEqual({
      max_age: 600,
      methods: ['federation', 'password'],
      organization_id: a,
    })
    expect((await stepUp(person.client, { organization_id: a })).data.methods).toEqual([
      'federation',
      'password',
    ])
    // the account itself is another matter
    expect((await stepUp(person.client)).data.methods).toEqual(['password'])
  })
})

describe('a step-up for an organization', () => {
  it('is for its members alone', async () => {
    const { person } = await signedInByA()
    const [stranger] = (await world.people(1)) as [Person]
    const other = await world.organization({ members: [[stranger, 'owner']] })
    for (const id of [other, 'org_none', 'nonsense'])
      expect((await stepUp(person.client, { organization_id: id })).status).toBe(404)
  })
})
