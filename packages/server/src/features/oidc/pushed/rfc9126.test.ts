/** RFC 9126, OAuth 2.0 Pushed Authorization Requests: by its sections, with its example, as an app and a browser see it. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { later } from '../../../base/clock.ts'
import { sha256 } from '../../../base/crypto.ts'
import {
  authorizePath,
  CALLBACK,
  follow,
  push,
  pushedPath,
  type TestApp,
  testApp,
} from '../../../testing/apps.ts'
import type { Client } from '../../../testing/client.ts'
import { testDatabaseKind } from '../../../testing/database.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { openRequest } from '../authorize/sql.ts'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true })
})
afterAll(() => world?.stop())

const codeIn = (url: URL | null): string | null => url?.searchParams.get('code') ?? null
const refusedAt = async (browser: Client, path: string): Promise<number> => {
  const { reply, left } = await follow(browser, path)
  expect(left).toBeNull()
  return reply.status
}
const rowsOf = (of: TestApp) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('authorization_requests').selectAll().where('client_id', '=', of.id).execute(),
  )

describe('§2.1, §2.2: a pushed request', () => {
  it('gets the answer of the example, and is brought by a browser as in §4', async () => {
    const example = await testApp(
      world,
      { first_party: true, redirect_uris: ['https://client.example.org/cb'] },
      { id: 's6BhdRkqt3' },
    )
    const reply = await push(example, {
      state: 'af0ifjsldkj',
      redirect_uri: 'https://client.example.org/cb',
      code_challenge: 'K2-ltc83acc4h0c9w6ESC_rEMTJ3bww-uCHaoeK1t8U',
    })
    expect(reply.status).toBe(201)
    expect(reply.headers.get('cache-control')).toBe('no-store')
    expect(reply.headers.get('content-type')).toContain('application/json')
    expect(Object.keys(reply.body).sort()).toEqual(['expires_in', 'request_uri'])
    expect(reply.body.request_uri).toMatch(/^urn:ietf:params:oauth:request_uri:[A-Za-z0-9_-]{43}$/)
    expect(reply.body.expires_in).toBe(90)
    const { left } = await follow(ada.client, pushedPath(example, reply))
    expect((left?.origin ?? '') + left?.pathname).toBe('https://client.example.org/cb')
    expect(left?.searchParams.get('state')).toBe('af0ifjsldkj')
    expect(left?.searchParams.get('iss')).toBe(world.config.publicUrl)
    expect(codeIn(left)).toMatch(/^ac_/)
  })

  it('is stored without the credentials of the app, and needs no client_id beside HTTP Basic', async () => {
    const form = await testApp(world, { first_party: true, token_endpoint_auth_method: 'client_secret_post' })
    const { status } = await world
      .client()
      .post(
        '/oidc/par',
        Object.fromEntries(
          new URLSearchParams(`${authorizePath(form).split('?')[1]}&client_secret=${form.secret}`),
        ),
        { form: true },
      )
    expect(status).toBe(201)
    const [row] = await rowsOf(form)
    expect(row?.is_pushed).toBe(true)
    expect(JSON.stringify(row)).not.toContain('secret')
    const reply = await push(app, { client_id: null })
    expect(reply.status).toBe(201)
    expect(codeIn((await follow(ada.client, pushedPath(app, reply))).left)).toMatch(/^ac_/)
  })

  it('leads through the sign-in, which takes longer than the reference lives unused', async () => {
    const browser = world.client()
    const { at } = await follow(browser, pushedPath(app, await push(app, { login_hint: 'ada@example.com' })))
    expect(at).toMatch(/^\/sign-in\?return_to=.*email=ada%40example.com$/)
    await world.clock.advance('10 minutes')
    await browser.signIn('ada@example.com', PASSWORD)
    const returnTo = new URL(at, world.url).searchParams.get('return_to') ?? ''
    expect(codeIn((await follow(browser, returnTo)).left)).toMatch(/^ac_/)
  })

  it('means what it means at the authorization endpoint', async () => {
    const silent = await push(app, { prompt: 'none' })
    const { left } = await follow(world.client(), pushedPath(app, silent))
    expect(left?.searchParams.get('error')).toBe('login_required')
    const again = await follow(ada.client, pushedPath(app, await push(app, { prompt: 'login' })))
    expect([again.left, again.at]).toEqual([null, expect.stringMatching(/^\/step-up/)])
    const posted = await follow(ada.client, pushedPath(app, await push(app, { response_mode: 'form_post' })))
    expect(posted.reply.text).toContain(`action="${CALLBACK}"`)
  })
})

describe('§2.1: who pushes', () => {
  it('authenticates as at the token endpoint', async () => {
    const wrong = await push(app, {}, { authorization: `Basic ${btoa(`${app.id}:cs_wrong`)}` })
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client'])
    const twice = await app.post('/oidc/par', { client_id: app.id, client_secret: app.secret })
    expect([twice.status, twice.body.error]).toEqual([400, 'invalid_request'])
    const other = await push(app, { client_id: 'another-app' })
    expect([other.status, other.body.error]).toEqual([400, 'invalid_request'])
    const disabled = await testApp(world, {}, { status: 'disabled' })
    expect((await push(disabled)).body.error).toBe('invalid_client')
  })

  it('is a public app by its id alone', async () => {
    const open = await testApp(world, { token_endpoint_auth_method: 'none', first_party: true })
    const reply = await push(open)
    expect(reply.status).toBe(201)
    expect(codeIn((await follow(ada.client, pushedPath(open, reply))).left)).toMatch(/^ac_/)
  })
})

describe('§2.3: is refused at once, as the authorization endpoint would refuse it', () => {
  it.each([
    ['the parameter request_uri', { request_uri: 'urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2' }, 'invalid_request'],
    ['one that was pushed before', { request_uri: `urn:ietf:params:oauth:request_uri:${'x'.repeat(43)}` }, 'invalid_request'],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['no redirect_uri', { redirect_uri: null }, 'invalid_request'],
    ['another redirect_uri', { redirect_uri: 'https://evil.example/callback' }, 'invalid_request'],
    ['no response_type', { response_type: null }, 'invalid_request'],
    ['another response_type', { response_type: 'token' }, 'unsupported_response_type'],
    ['no challenge', { code_challenge: null, code_challenge_method: null }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no scope that exists', { scope: 'nothing' }, 'invalid_scope'],
    ['an unknown resource', { resource: 'https://api.example.com' }, 'invalid_target'],
    ['none with another prompt', { prompt: 'none login' }, 'invalid_request'],
    ['a hint that is no ID token', { id_token_hint: 'a.b.c' }, 'invalid_request'],
    ['a long parameter', { state: 'x'.repeat(8193) }, 'invalid_request'],
  ])('%s', async (_what, more: Record<string, string | null>, error) => {
    const { status, body, headers } = await push(app, more)
    expect([status, body.error]).toEqual([400, error])
    expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    expect([headers.get('location'), headers.get('cache-control')]).toEqual([null, 'no-store'])
  }) // biome-ignore format: a table

  it('an app without this grant', async () => {
    const program = await testApp(world, { grant_types: ['client_credentials'] })
    expect((await push(program)).body.error).toBe('unauthorized_client')
  })

  it('a parameter that is sent twice, more than 16 KiB, and another method', async () => {
    const twice = new URLSearchParams(authorizePath(app).split('?')[1])
    twice.append('state', 'b')
    expect((await app.post('/oidc/par', twice)).body.error).toBe('invalid_request')
    const large = { state: 'x'.repeat(8000), nonce: 'x'.repeat(900), claims: 'x'.repeat(8000) }
    expect((await push(app, large)).status).toBe(413)
    expect((await world.client().get('/oidc/par')).status).toBe(405)
  })
})

describe('§4: the reference', () => {
  it('carries the whole request: parameters beside it change nothing', async () => {
    const path = pushedPath(app, await push(app, { scope: 'openid' }))
    const more = '&scope=openid+email&state=other&redirect_uri=https%3A%2F%2Fevil.example%2F&prompt=none'
    const { left } = await follow(ada.client, path + more)
    expect((left?.origin ?? '') + left?.pathname).toBe(CALLBACK)
    expect(left?.searchParams.get('state')).toBe('a state')
    const { body } = await app.exchange(codeIn(left) ?? '')
    expect(body.scope).toBe('openid')
  })

  it('is that of its app alone; another app’s id does not use it up', async () => {
    const other = await testApp(world, { first_party: true })
    const reply = await push(app)
    expect(await refusedAt(ada.client, pushedPath(other, reply))).toBe(400)
    expect(await refusedAt(ada.client, pushedPath({ id: 'unknown-app' }, reply))).toBe(400)
    const { request_uri } = reply.body
    expect(await refusedAt(ada.client, `/oidc/authorize?${new URLSearchParams({ request_uri })}`)).toBe(400)
    expect(codeIn((await follow(ada.client, pushedPath(app, reply))).left)).toMatch(/^ac_/)
  })

  it('may also be posted', async () => {
    const { body } = await push(app)
    const form = { client_id: app.id, request_uri: body.request_uri }
    const reply = await world.client().post('/oidc/authorize', form, { form: true })
    expect(codeIn((await follow(ada.client, reply.headers.get('location') ?? '')).left)).toMatch(/^ac_/)
  })

  it('expires unused after 90 seconds', async () => {
    const [early, late] = [await push(app), await push(app)]
    await world.clock.advance('89 seconds')
    expect(codeIn((await follow(ada.client, pushedPath(app, early))).left)).toMatch(/^ac_/)
    await world.clock.advance('1 seconds')
    expect(await refusedAt(ada.client, pushedPath(app, late))).toBe(400)
    await world.clock.advance('2 hours')
    expect(await rowsOf(app)).toEqual([])
    await ada.client.signIn(ada.email, PASSWORD)
  })

  it('works once, but for a page that is loaded again at once, and in no other browser', async () => {
    const path = pushedPath(app, await push(app))
    const ben = await world.person({ email: 'ben@example.com' })
    expect(codeIn((await follow(ada.client, path)).left)).toMatch(/^ac_/)
    expect(codeIn((await follow(ada.client, path)).left)).toMatch(/^ac_/)
    expect(await refusedAt(ben.client, path)).toBe(400)
    await world.clock.advance('11 seconds')
    expect(await refusedAt(ada.client, path)).toBe(400)
  })

  it.each([1, 2, 3])('begins in one of a hundred browsers that bring it at once (%i)', async () => {
    const path = pushedPath(app, await push(app, { prompt: 'none' }))
    const browsers = Array.from({ length: 100 }, () => world.client())
    const replies = await Promise.all(browsers.map((browser) => follow(browser, path)))
    const begun = replies.filter(({ left }) => left?.searchParams.get('error') === 'login_required')
    expect(begun).toHaveLength(1)
    expect(replies.filter(({ reply }) => reply.status === 400)).toHaveLength(99)
  })

  it('leads one browser that brings it many times at once to the same request', async () => {
    const reply = await push(app)
    // it has the cookie of an earlier request
    await follow(ada.client, pushedPath(app, await push(app)))
    const all = await Promise.all(
      Array.from({ length: 30 }, () => follow(ada.client, pushedPath(app, reply))),
    )
    expect(all.filter(({ left }) => codeIn(left) !== null)).toHaveLength(30)
    await world.clock.advance('11 seconds')
    expect(await refusedAt(ada.client, pushedPath(app, reply))).toBe(400)
  })

  it.runIf(testDatabaseKind() === 'postgres')(
    'is opened by a request that waits for another one of the browser, which opens it first',
    async () => {
      const { body } = await push(app)
      const handle = String(body.request_uri).split(':').at(-1) ?? ''
      const now = world.clock.now()
      const by = {
        hash: sha256(handle),
        clientId: app.id,
        browser: sha256('a browser'),
        until: later(now, 900_000),
      }
      let commit = () => {}
      const held = new Promise<void>((resolve) => {
        commit = resolve
      })
      let opened = () => {}
      const isOpened = new Promise<void>((resolve) => {
        opened = resolve
      })
      const first = world.db.tx('system', async (tx) => {
        const row = await openRequest(tx, by, now)
        opened()
        await held
        return row
      })
      await isOpened
      const second = openRequest(world.db.hot, by, now)
      await vi.waitUntil(async () => {
        const { rows } = await sql`select 1 from pg_locks where not granted`.execute(world.db.hot)
        return rows.length > 0
      })
      commit()
      for (const row of await Promise.all([first, second]))
        expect(row?.browser?.equals(by.browser)).toBe(true)
    },
  )

  it('is judged again when it is brought: by then the app may be disabled, or registered otherwise', async () => {
    const changing = await testApp(world, { first_party: true })
    const [first, second] = [await push(changing), await push(changing)]
    const root = await world.person({ email: 'root@example.com', roles: ['super_admin'] })
    const at = `/api/v1/oidc/clients/${changing.id}`
    const moved = { settings: { redirect_uris: ['https://app.example.com/moved'] } }
    expect((await root.client.patch(at, moved)).status).toBe(200)
    expect(await refusedAt(ada.client, pushedPath(changing, first))).toBe(400)
    expect((await root.client.patch(at, { status: 'disabled' })).status).toBe(200)
    expect(await refusedAt(ada.client, pushedPath(changing, second))).toBe(400)
  })
})

describe('§5, §6: what is required', () => {
  it('an app that has to push gets a code by that alone', async () => {
    const strict = await testApp(world, { first_party: true, require_pushed_authorization_requests: true })
    const direct = await follow(ada.client, authorizePath(strict))
    expect(direct.left?.searchParams.get('error')).toBe('invalid_request')
    const form = Object.fromEntries(new URLSearchParams(authorizePath(strict).split('?')[1]))
    const posted = await world.client().post('/oidc/authorize', form, { form: true })
    const stored = await follow(ada.client, posted.headers.get('location') ?? '')
    expect(stored.left?.searchParams.get('error')).toBe('invalid_request')
    expect(codeIn((await follow(ada.client, pushedPath(strict, await push(strict)))).left)).toMatch(/^ac_/)
  })

  it('is in the metadata', async () => {
    const { body } = await world.client().get('/.well-known/oauth-authorization-server')
    expect(body.pushed_authorization_request_endpoint).toBe(`${world.config.publicUrl}/oidc/par`)
    expect(body.require_pushed_authorization_requests).toBe(false)
  })
})

it('is refused beyond 120 a minute from one address, where the app does not prove who it is', async () => {
  const limited = await startWorld({ rateLimits: 'standard' })
  try {
    const browserApp = await testApp(limited, { token_endpoint_auth_method: 'none' })
    const proven = await testApp(limited)
    const pushed = await Promise.all(Array.from({ length: 125 }, () => push(browserApp)))
    expect(pushed.filter(({ status }) => status === 201)).toHaveLength(120)
    expect(pushed.filter(({ status }) => status === 429)).toHaveLength(5)
    expect((await push(proven)).status).toBe(201)
    await limited.clock.advance('2 minutes')
    const { rows } = await limited.db.tx('system', async (tx) => ({
      rows: await tx.selectFrom('authorization_requests').select('hash').execute(),
    }))
    expect(rows).toHaveLength(0)
  } finally {
    await limited.stop()
  }
})
