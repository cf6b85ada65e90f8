/** The keys of ID tokens are published before an app has an ID token: apps fetch the keys once, and keep them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { clientsByOperator } from './index.ts'
import { PORTAL, SERVER } from './testing.ts'

let world: World
let root: Person
beforeAll(async () => {
  world = await startWorld()
  root = await world.person({ roles: ['super_admin'] })
})
afterAll(() => world.stop())

const algorithms = async (): Promise<string[]> => {
  const { body } = await world.client().get('/oidc/jwks')
  return body.keys.map(({ alg }: { alg: string }) => alg).sort()
}

it('a key is made with the first app of its algorithm, and none for programs', async () => {
  const [ofAccessTokens = ''] = await algorithms()
  const program = { name: 'Program', settings: { grant_types: ['client_credentials'] } }
  expect((await root.client.post(SERVER, program)).status).toBe(201)
  expect(await algorithms()).toEqual([ofAccessTokens])
  const { data } = await root.client.post(SERVER, PORTAL)
  expect(await algorithms()).toEqual([ofAccessTokens, 'RS256'].sort())
  expect((await root.client.post(SERVER, PORTAL)).status).toBe(201)
  expect(await algorithms()).toHaveLength(2)
  // on the command line
  const settings = { id_token_signed_response_alg: 'ES256' }
  await clientsByOperator.change(world.app.tools, null, data.client_id, { settings })
  expect(await algorithms()).toEqual([ofAccessTokens, 'ES256', 'RS256'].sort())
})
