/** The page that asks before an authenticator app or a passkey is removed. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { insertFactor } from '../../../core/factors/index.ts'
import { Authenticator, addPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const html = { headers: { accept: 'text/html' } }
const TOTP = '/account/security/totp'
const PASSKEYS = '/account/security/passkeys'
const LAST = 'your backup codes and all your other sessions will end'

it('says what ends with it, and removes nothing by being opened', async () => {
  const { client } = await world.person()
  const { factorId } = await enrolAuthenticator(world, client)
  const list = await client.get(TOTP, html)
  expect(list.text).toContain(`href="${TOTP}/${factorId}/remove"`)
  const asked = await client.get(`${TOTP}/${factorId}/remove`, html)
  expect([asked.status, asked.text.includes(LAST)]).toEqual([200, true])
  expect(asked.text).toContain(`action="${TOTP}/${factorId}/remove"`)
  const { id } = await addPasskey(client, new Authenticator())
  const another = await client.get(`${PASSKEYS}/${id}/remove`, html)
  expect([another.status, another.text.includes(LAST)]).toEqual([200, false])
  const { methods } = (await client.get('/api/v1/auth/mfa')).data
  expect(methods.map(({ kind }: { kind: string }) => kind).sort()).toEqual([
    'backup_codes',
    'passkey',
    'totp',
  ])
})

it('says that codes by e-mail stay', async () => {
  const { client, id: userId } = await world.person()
  const { factorId } = await enrolAuthenticator(world, client)
  const factor = { userId, kind: 'email', name: null, confirmed: true } as const
  await world.db.tx('system', (tx) => insertFactor(tx, factor, world.clock.now()))
  const { text } = await client.get(`${TOTP}/${factorId}/remove`, html)
  expect([text.includes('Codes by e-mail stay'), text.includes(LAST)]).toEqual([true, false])
})

it('is not there for the factor of another user, of another kind, or without a session', async () => {
  const [owner, other] = [await world.person(), await world.person()]
  const { factorId } = await enrolAuthenticator(world, owner.client)
  expect((await other.client.get(`${TOTP}/${factorId}/remove`, html)).status).toBe(404)
  expect((await owner.client.get(`${PASSKEYS}/${factorId}/remove`, html)).status).toBe(404)
  const visitor = await world.client().get(`${TOTP}/${factorId}/remove`, html)
  expect([visitor.status, visitor.headers.get('location')?.split('?')[0]]).toEqual([303, '/sign-in'])
})
