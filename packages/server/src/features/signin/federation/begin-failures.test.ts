/**
 * A sign-in that cannot begin: what a browser reads, with the status and when to try again, and what an app gets as JSON. No
 * failure is called expired that is not.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureConnectionKeys } from '../../../core/saml/index.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { samlPeer } from '../../../testing/saml-connection.ts'
import type { World } from '../../../testing/world.ts'

const GERMAN = { headers: { ...HTML.headers, 'accept-language': 'de' } }
const JSON_ONLY = { headers: { accept: 'application/json' } }

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

let count = 0
const path = (query = '', slug = 'google') => `/api/v1/auth/external/${slug}/authorize${query}`

async function isBoth(
  at: string,
  expected: { status: number; code: string; en: string; de: string },
): Promise<void> {
  const client = world.client()
  const page = await client.get(at, HTML)
  expect([page.status, goal(page)]).toEqual([expected.status, null])
  expect(page.headers.get('content-type')).toContain('text/html')
  expect(page.text).toContain(expected.en)
  expect((await client.get(at, GERMAN)).text).toContain(expected.de)
  const json = await client.get(at, JSON_ONLY)
  expect([json.status, json.code]).toEqual([expected.status, expected.code])
}

describe('a sign-in that cannot begin', () => {
  it.each([
    ['?flow=nonsense', 'VALIDATION_ERROR'],
    ['?prompt=none', 'VALIDATION_ERROR'],
    ['?nonsense=1', 'VALIDATION_ERROR'],
    ['?return_to=/a&return_to=/b', 'BAD_REQUEST'],
  ])('because the request is wrong is an error page with its status: %s', async (query, code) => {
    await isBoth(path(query), {
      status: 400,
      code,
      en: 'The request failed',
      de: 'Die Anfrage',
    })
  })

  it('because the server fails is one, too', async () => {
    const { connection } = await samlPeer(world, { saml: { signs_requests: true } })
    await ensureConnectionKeys(world.app.tools, connection, world.clock.now())
    const keys = world.db.hot.updateTable('connection_keys').set({ private_key: 'v1.unreadable' })
    await keys.where('connection_id', '=', connection.id).execute()
    await isBoth(path('', connection.slug), {
      status: 500,
      code: 'INTERNAL_ERROR',
      en: 'Something went wrong',
      de: 'Etwas ist schiefgegangen',
    })
  })

  it('because there were too many says when to try again, at the same address', async () => {
    const limited = await startFederated({ rateLimits: 'standard' })
    try {
      await limited.connect('google', { name: 'Google' })
      const client = limited.world.client()
      let page = await client.get(path(), HTML)
      for (let n = 0; n < 150 && page.status !== 429; n++) page = await client.get(path(), HTML)
      expect([page.status, goal(page)]).toEqual([429, null])
      expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(page.text).toContain('Too many requests')
      expect(page.text).toContain('You can try again in')
      expect(page.text).toContain('<a href class="button primary">Try again</a>')
      expect((await client.get(path(), GERMAN)).text).toContain('Zu viele Anfragen')
      const json = await client.get(path(), JSON_ONLY)
      expect([json.status, json.code]).toEqual([429, 'RATE_LIMIT_EXCEEDED'])
      expect(Number(json.headers.get('retry-after'))).toBeGreaterThan(0)
    } finally {
      await limited.stop()
    }
  })

  it('because the connection is not set up says so, and not that it has expired', async () => {
    const { slug } = await federated.connect('okta', { name: 'Okta', slug: `okta-${++count}` })
    const update = world.db.hot.updateTable('connections').set({ client_id: null })
    await update.where('slug', '=', slug).execute()
    const failed = goal(await world.client().get(path('', slug), HTML)) ?? ''
    expect(failed).toMatch(/^\/sign-in\/failed\?provider=okta-1&reason=bad_settings&reference=/)
    const { text } = await world.client().get(failed, HTML)
    expect(text).toContain('Signing in with Okta is not set up correctly.')
    expect((await world.client().get(failed, GERMAN)).text).toContain('ist nicht richtig eingerichtet')
    const json = await world.client().get(path('', slug), JSON_ONLY)
    expect([json.status, json.code, json.body.error.details.reason]).toEqual([
      503,
      'UNAVAILABLE',
      'bad_settings',
    ])
  })

  it('because this server does not request the address of the provider says that it is not set up correctly', async () => {
    const settings = { issuer: 'https://10.0.0.8' }
    const { slug } = await federated.connect('oidc', { name: 'Intranet', slug: 'intranet', settings })
    const failed = goal(await world.client().get(path('', slug), HTML)) ?? ''
    expect(failed).toContain('reason=address_refused')
    const { text } = await world.client().get(failed, HTML)
    expect(text).toContain('Signing in with Intranet is not set up correctly.')
    expect(text).not.toContain('in a few minutes')
  })

  it('because there is no such provider, or nothing that it continues, says that', async () => {
    expect(goal(await world.client().get(path('', 'nowhere'), HTML))).toContain('reason=not_offered')
    const continued = goal(await world.client().get(path('?continue=sign_in'), HTML))
    expect(continued).toContain('provider=google&reason=expired')
  })
})
