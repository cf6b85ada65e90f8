/** A real OpenID Connect issuer in another language, which is not certified by our libraries: glewlwyd signs users in. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../packages/server/src/testing/client.ts'
import { connect } from '../packages/server/src/testing/connection-rows.ts'
import { goal, HTML } from '../packages/server/src/testing/federation.ts'
import { formIn } from '../packages/server/src/testing/step-up.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'
import { GLEWLWYD_CLIENT, type Glewlwyd, hasGlewlwyd, startGlewlwyd } from './setup/glewlwyd.ts'

let world: World
let glewlwyd: Glewlwyd

describe.skipIf(!hasGlewlwyd)('glewlwyd as the issuer', () => {
  beforeAll(async () => {
    glewlwyd = await startGlewlwyd()
    world = await startWorld({ connectionHosts: [glewlwyd.host] })
    // it reads the clock of the machine
    world.app.tools.clock.set(new Date())
    const slugs = ['rsa', 'ecdsa', 'wrong-secret'] as const
    for (const slug of slugs) {
      const secret = slug === 'wrong-secret' ? 'another one' : GLEWLWYD_CLIENT.secret
      const issuer = glewlwyd.issuers[slug === 'ecdsa' ? 'ecdsa' : 'rsa']
      await connect(world, null, {
        slug,
        client_id: GLEWLWYD_CLIENT.id,
        client_secret: world.app.tools.keyring.encrypt('connections', secret),
        settings: JSON.stringify({ issuer, trusts_email: true }),
      })
    }
    await glewlwyd.register(
      slugs.map((slug) => `${world.config.publicUrl}/api/v1/auth/external/${slug}/callback`),
    )
    await glewlwyd.account('ada', 'Ada Lovelace', 'ada@example.com')
    await glewlwyd.account('grace', 'Grace Hopper', 'grace@example.com')
  })
  afterAll(async () => {
    await world?.stop()
    await glewlwyd?.stop()
  })

  /** A whole sign-in. @returns the answer at the callback */
  async function signIn(client: Client, slug: string, username: string): Promise<Reply> {
    const begun = await client.get(`/api/v1/auth/external/${slug}/authorize`, HTML)
    const back = new URL(await glewlwyd.signIn(goal(begun) ?? '', username))
    expect(back.searchParams.get('iss')).toBe(glewlwyd.issuers[slug === 'ecdsa' ? 'ecdsa' : 'rsa'])
    return await client.get(`${back.pathname}${back.search}`, HTML)
  }

  it.each([
    ['rsa', 'ada'],
    ['ecdsa', 'grace'],
  ])(
    'makes an account once its address is proven, since it vouches for none, and finds it again: %s',
    async (slug, username) => {
      const client = world.client()
      const question = goal(await signIn(client, slug, username))
      expect(question).toMatch(/^\/sign-in\/connect\?trip=/)
      const { action, fields } = formIn((await client.get(question ?? '', HTML)).text)
      const email = `${username}@example.com`
      await client.post(action, { ...fields, email }, { form: true, ...HTML })
      const token = await world.mailbox.tokenFor(email, /verify-email/)
      expect((await client.post('/api/v1/auth/verify-email', { token })).status).toBe(200)
      const again = world.client()
      expect(goal(await signIn(again, slug, username))).toBe('/account')
      expect((await again.get('/api/v1/auth/me')).data.user).toMatchObject({
        email,
        full_name: username === 'ada' ? 'Ada Lovelace' : 'Grace Hopper',
      })
    },
  )

  it('refuses another secret, which the page and the diagnostics say', async () => {
    expect(goal(await signIn(world.client(), 'wrong-secret', 'ada'))).toMatch(
      /^\/sign-in\/failed\?provider=wrong-secret&reason=client_refused/,
    )
  })

  it('answers with a code that works once', async () => {
    const client = world.client()
    const begun = await client.get('/api/v1/auth/external/rsa/authorize', HTML)
    const back = new URL(await glewlwyd.signIn(goal(begun) ?? '', 'ada'))
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => client.get(`${back.pathname}${back.search}`, HTML)),
    )
    const goals = answers.map(goal)
    expect(goals.filter((one) => one === '/account')).toHaveLength(1)
    expect(goals.filter((one) => one?.startsWith('/sign-in/failed?'))).toHaveLength(4)
  })
})
