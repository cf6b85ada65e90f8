/** A connection that the environment takes over, and the tokens that were kept by it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Federated, startFederated } from '../../../testing/federation.ts'
import { writeEnvironmentConnections } from './environment.ts'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated()
})
afterAll(() => federated?.stop())

it('the tokens that were kept are revoked with the client that they came by, and cleared', async () => {
  const { world } = federated
  const { slug, id } = await federated.connect('google', { settings: { keeps_tokens: true } })
  const google = federated.fakes.provider('google')
  federated.atGoogle()
  const client = world.client()
  await federated.signIn(client, slug)
  const { id: user } = await federated.me(client)
  const before = google.revoked.length
  const { tools } = world.app
  const config = { ...tools.config, googleClientId: 'another', googleClientSecret: 'another secret' }
  await writeEnvironmentConnections({ ...tools, config })
  await world.app.settle()
  const row = await world.db.hot
    .selectFrom('connections')
    .select(['origin', 'settings', 'client_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  expect(row).toEqual({ origin: 'environment', settings: {}, client_id: 'another' })
  const [identity] = await federated.identitiesOf(user)
  expect([identity?.tokens, google.revoked.length - before]).toEqual([null, 1])
})
