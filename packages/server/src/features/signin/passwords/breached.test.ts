/** Wherever a password is chosen, it is looked up among breached ones; a real server plays the range service. */
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'
import { createUserByOperator, setPasswordByOperator } from '../../accounts/registration/operator.ts'

const BREACHED = 'the quick brown fox jumps over'
const NEW = 'a completely different phrase'
const HASH = createHash('sha1').update(BREACHED).digest('hex').toUpperCase()

let range: Server
let asked: string[]
let status = 200
let world: World
const url = () => `http://127.0.0.1:${(range.address() as AddressInfo).port}/`
beforeAll(async () => {
  range = createServer((request, response) => {
    asked.push(String(request.url))
    const found = request.url === `/${HASH.slice(0, 5)}` ? `${HASH.slice(5)}:12\r\n` : ''
    response.writeHead(status).end(`${'0'.repeat(35)}:0\r\n${found}`)
  })
  await new Promise<void>((listening) => range.listen(0, '127.0.0.1', listening))
  world = await startWorld({ breachCheck: true, breachUrl: url() })
})
afterAll(async () => {
  await world.stop()
  range.closeAllConnections()
})
beforeEach(async () => {
  asked = []
  status = 200
  await world.clock.advance('2 minutes')
})

const html = { headers: { accept: 'text/html' } }
const refused = (field: string) => [expect.objectContaining({ field, code: 'breached' })]
const register = (email: string, password: string, of = world) =>
  of.client().post('/api/v1/auth/register', { email, password })

describe('a breached password', () => {
  it('is refused at sign-up, alike for known and unknown addresses', async () => {
    const { email } = await world.person({ signIn: false })
    const [known, unknown] = [await register(email, BREACHED), await register('new@example.com', BREACHED)]
    for (const reply of [known, unknown]) {
      expect([reply.status, reply.code]).toEqual([400, 'VALIDATION_ERROR'])
      expect(reply.body.error.details).toEqual(refused('password'))
    }
    expect(asked.slice(-2)).toEqual([`/${HASH.slice(0, 5)}`, `/${HASH.slice(0, 5)}`])
  })

  it('is refused on the page, in words', async () => {
    const client = world.client()
    const token =
      /name="csrf_token" value="([^"]+)"/.exec((await client.get('/sign-up', html)).text)?.[1] ?? ''
    const fields = {
      csrf_token: token,
      email: 'page@example.com',
      password: BREACHED,
      password_confirm: BREACHED,
    }
    const shown = await client.post('/sign-up', fields, { form: true, ...html })
    expect(shown.text).toContain('This password is known from a data breach. Choose another.')
  })

  it('is refused at a change', async () => {
    const { client } = await world.person()
    const body = { current_password: PASSWORD, new_password: BREACHED }
    const reply = await client.post('/api/v1/users/me/password', body)
    expect(reply.body.error.details).toEqual(refused('new_password'))
  })

  it('is refused at a reset, and leaves the link usable', async () => {
    const { email } = await world.person({ signIn: false })
    await world.client().post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    const reset = (password: string) =>
      world.client().post('/api/v1/auth/password/reset', { token, password })
    expect((await reset(BREACHED)).body.error.details).toEqual(refused('password'))
    expect((await reset(NEW)).status).toBe(200)
  })

  it('is refused from the command line', async () => {
    const { tools } = world.app
    const account = { email: 'cli@example.com', password: BREACHED, verified: true }
    await expect(createUserByOperator(tools, account)).rejects.toMatchObject({ details: refused('password') })
    const { email } = await world.person({ signIn: false })
    await expect(setPasswordByOperator(tools, email, BREACHED)).rejects.toMatchObject({
      details: refused('password'),
    })
  })

  it('that a user has already still signs in, and is not looked up', async () => {
    const account = { email: 'before@example.com', password: NEW, verified: true }
    await createUserByOperator(world.app.tools, account)
    asked = []
    const { email, password } = account
    expect((await world.client().post('/api/v1/auth/login', { email, password })).status).toBe(200)
    expect(asked).toEqual([])
  })

  it('is taken where the service fails', async () => {
    status = 500
    expect((await register('unlucky@example.com', BREACHED)).status).toBe(201)
    expect(asked).toHaveLength(1)
  })
})

it('sends no request for a password that is refused already', async () => {
  expect((await register('short@example.com', 'short')).status).toBe(400)
  expect((await register('common@example.com', 'passwordpassword')).status).toBe(400)
  expect(asked).toEqual([])
})

it.each([
  ['where it is off', { breachCheck: false }, BREACHED],
  ['under the profile classic', { breachCheck: true, passwordProfile: 'classic' as const }, 'Tr0ub4d!or-1'],
])('sends no request %s', async (_, settings, password) => {
  const other = await startWorld({ ...settings, breachUrl: url() })
  try {
    expect((await register('other@example.com', password, other)).status).toBe(201)
    expect(asked).toEqual([])
  } finally {
    await other.stop()
  }
})
