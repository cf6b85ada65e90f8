/** Answers that a provider posts are stored until the browser comes for them: by anyone, so not much, and not for long. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goal, HTML } from '../../../testing/federation.ts'
import { answerSaml, beginSaml } from '../../../testing/saml-browser.ts'
import { type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { MAX_ENCODED_LENGTH } from '../saml/index.ts'

let world: World
let peer: SamlPeer
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  peer = await samlPeer(world, { slug: 'saml', settings: { trusts_email: true } })
})
afterAll(() => world.stop())

const post = (SAMLResponse: string, RelayState: string) =>
  world.client().post(
    '/saml/acs',
    { SAMLResponse, RelayState },
    {
      form: true,
      headers: { ...HTML.headers, origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    },
  )
const begin = () => beginSaml(world.client(), '/api/v1/auth/external/saml/authorize')
const storedOf = (relayState: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('round_trips')
      .select(['id', 'answer'])
      .where('id', '=', relayState.split('.')[0] ?? '')
      .executeTakeFirst(),
  )

describe('a posted answer', () => {
  it('is stored up to the length of the largest message', async () => {
    const { relayState } = await begin()
    expect((await post('A'.repeat(MAX_ENCODED_LENGTH + 1), relayState)).status).toBe(400)
    expect((await storedOf(relayState))?.answer).toBeNull()
    expect((await post('A'.repeat(MAX_ENCODED_LENGTH), relayState)).status).toBe(303)
    expect((await storedOf(relayState))?.answer?.length).toBeLessThan(540_000)
  })

  it('is not stored where its characters take more room than they are', async () => {
    const { relayState } = await begin()
    await post('"'.repeat(MAX_ENCODED_LENGTH - 1), relayState)
    expect((await storedOf(relayState))?.answer).toBeNull()
  })

  it('is not kept once its round trip has expired, which is still known as expired', async () => {
    const client = world.client()
    const request = await beginSaml(client, '/api/v1/auth/external/saml/authorize')
    const kept = await begin()
    await post('QUJD', request.relayState)
    await world.clock.advance('14 minutes')
    await post('QUJD', kept.relayState)
    await world.clock.advance('12 minutes')
    await expect.poll(async () => (await storedOf(request.relayState))?.answer).toBeNull()
    await expect.poll(async () => (await storedOf(kept.relayState))?.answer).toBeNull()
    expect((await storedOf(kept.relayState))?.id).toBeDefined()
    const ended = await answerSaml(world, client, request, { key: peer.key })
    expect(ended).toMatch(/reason=expired/)
    // one that has not expired stays until the browser comes for it
    const again = await beginSaml(client, '/api/v1/auth/external/saml/authorize')
    const user = { key: peer.key, nameId: 'late', attributes: { mail: 'late@example.com' } }
    expect(goal(await post('QUJD', (await begin()).relayState))).toContain('resume=')
    expect(await answerSaml(world, client, again, user)).toBe('/account')
  })
})
