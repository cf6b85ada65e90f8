/** A browser that a user chose to remember is their second factor in a sign-in, and adds nothing to the word of an organization. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
let member: Person
let slug: string
let user: ReturnType<Federated['atGoogle']>
let browser: Client
beforeAll(async () => {
  federated = await startFederated({ rememberedDevice: 30 * 86_400_000 })
  world = federated.world
  const owner = await world.person()
  member = await world.person({ roles: ['super_admin'] })
  const organizationId = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'admin'],
    ],
  })
  await federated.prove(organizationId, 'remembered.example')
  ;({ slug } = await federated.connect('google', { organizationId, madeBy: owner.id }))
  user = federated.atGoogle({ email: 'p@remembered.example', hd: 'remembered.example' })
  const linked = await member.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(member.client, await federated.fakes.authorize(linked.data.authorization_url))
  const app = await enrolAuthenticator(world, member.client)
  browser = world.client()
  const { body } = await browser.post(`${API}/auth/login`, { email: member.email, password: PASSWORD })
  const { attempt } = body.error.details
  const factor = { attempt, method: 'totp', code: await app.next(), remember_device: true }
  expect((await browser.post(`${API}/auth/mfa/verify`, factor)).status).toBe(200)
  await federated.me(browser)
  expect((await browser.post(`${API}/auth/logout`, {})).status).toBe(200)
})
afterAll(() => federated?.stop())

describe('in a remembered browser', () => {
  it('a sign-in by a provider that is no authority acts for nothing of the account', async () => {
    federated.fakes.provider('google').user = user
    await federated.signIn(browser, slug)
    expect((await federated.me(browser)).id).toBe(member.id)
    const renamed = await browser.patch(`${API}/users/me`, { full_name: 'Taken' })
    const users = await browser.get(`${API}/users`)
    const key = await browser.post(`${API}/auth/api-keys`, { name: 'kept', permissions: ['users:write'] })
    const factor = await browser.post(`${API}/auth/mfa/enable`, { method: 'totp' })
    expect([renamed.code, users.code, key.code, factor.code]).toEqual([
      'STEP_UP_REQUIRED',
      'INSUFFICIENT_PERMISSIONS',
      'STEP_UP_REQUIRED',
      'STEP_UP_REQUIRED',
    ])
    expect((await browser.post(`${API}/auth/logout`, {})).status).toBe(200)
  })

  it('a sign-in by the password is completed as before', async () => {
    const { status } = await browser.post(`${API}/auth/login`, { email: member.email, password: PASSWORD })
    expect(status).toBe(200)
    await federated.me(browser)
    expect((await browser.get(`${API}/users`)).status).toBe(200)
    expect((await browser.patch(`${API}/users/me`, { full_name: 'Ada' })).status).toBe(200)
  })
})
