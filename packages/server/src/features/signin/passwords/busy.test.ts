/** Guesses at passwords while the queue of hashes is full: refused before anything is stored. */
import { availableParallelism } from 'node:os'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ hashQueue: 1, rateLimits: 'standard', compat: ['tokens-by-password'] })
})
afterAll(() => world.stop())

it('are answered 503, leave no trace in the audit log and are not counted', async () => {
  const { email } = await world.person({ signIn: false })
  const basic = Buffer.from(`${email}:${PASSWORD}`).toString('base64')
  const json = (path: string, body: object) => () => world.client().post(path, body)
  const requests = [
    json('/api/v1/auth/login', { email, password: PASSWORD }),
    json('/api/v1/auth/register', { email: 'new@example.com', password: 'a passphrase for tomorrow' }),
    json('/api/users/create_token', { username: email, password: PASSWORD }),
    json('/api/users/revoke_token', { user: { username: email, password: PASSWORD } }),
    json('/api/v1/auth/password/reset', { token: 'x', password: 'a passphrase for tomorrow' }),
    () => world.client({ headers: { authorization: `Basic ${basic}` } }).get('/api/v1/auth/validate'),
  ]
  const events = async () => (await world.events()).length
  const before = await events()
  const { hashing } = world.app.tools
  let isDone = false
  // a task that ends is followed by another in the same turn of the event loop
  const occupy = async () => {
    while (!isDone) await hashing.hash('fills the queue')
  }
  const full = Array.from({ length: 2 * availableParallelism() }, occupy)
  const answers = await Promise.all(requests.map((send) => send()))
  expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual(
    requests.map(() => [503, '2']),
  )
  expect(answers.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual(requests.map(() => null))
  isDone = true
  await Promise.all(full)
  expect(await events()).toBe(before)
})
