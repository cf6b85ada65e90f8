/** Back-channel logout (OpenID Connect Back-Channel Logout 1.0): apps learn that a session has ended, by any end. */
import { createPublicKey, verify } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  claimsIn,
  follow,
  type TestApp,
  testApp,
} from '../../../testing/apps.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../../../testing/logout-receiver.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let root: Person
let receiver: LogoutReceiver
let app: TestApp
/** Wants no messages. */
let quiet: TestApp
beforeAll(async () => {
  world = await startWorld()
  ;[root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
})
afterAll(() => world?.stop())
beforeEach(async () => {
  receiver = await startLogoutReceiver()
  app = await testApp(world, { first_party: true, backchannel_logout_uri: receiver.url })
  quiet = await testApp(world, { first_party: true })
})
afterEach(async () => {
  await receiver.close()
  await world.app.settle()
})

interface SignedIn extends Person {
  sessionId: string
}

/** A user who has signed in to the apps in one session. */
async function signedIn(...apps: readonly TestApp[]): Promise<SignedIn> {
  const [ada] = await world.people(1)
  if (!ada) throw new Error('no user')
  let sessionId = ''
  for (const one of apps.length > 0 ? apps : [app]) {
    const { body } = await one.exchange(await authorizedCode(ada.client, one))
    sessionId = String(claimsIn(body.id_token).sid)
  }
  return { ...ada, sessionId }
}

const deliveries = (of = app) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('logout_deliveries').selectAll().where('client_id', '=', of.id).execute(),
  )
const signOut = (person: Person) => person.client.post('/api/v1/auth/logout')
/** The claims of what the app has got. */
const told = async () => {
  await world.app.settle()
  return receiver.tokens().map(claimsIn)
}

describe('a logout token', () => {
  it('says whose session has ended, signed as the ID tokens of the app', async () => {
    const ada = await signedIn(app, quiet)
    await signOut(ada)
    const [claims = {}] = await told()
    const [[token = ''], [{ type } = { type: '' }]] = [receiver.tokens(), receiver.received]
    expect(type).toBe('application/x-www-form-urlencoded')
    const { iat, exp, jti, ...rest } = claims
    expect(rest).toEqual({
      iss: world.config.publicUrl,
      aud: app.id,
      sub: ada.id,
      sid: ada.sessionId,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    })
    expect(Number(exp) - Number(iat)).toBe(120)
    expect(String(jti).length).toBeGreaterThan(20)
    const [head = '', body = '', signature = ''] = token.split('.')
    const { alg, typ, kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
    expect({ alg, typ }).toEqual({ alg: 'RS256', typ: 'logout+jwt' })
    const { body: set } = await world.client().get('/oidc/jwks')
    const jwk = set.keys.find((one: { kid: string }) => one.kid === kid)
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    expect(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))).toBe(
      true,
    )
    // whom it was about is not kept
    expect(await deliveries()).toMatchObject([
      { outcome: 'delivered', attempts: 1, status: 200, error: null, user_id: null },
    ])
    expect(await deliveries(quiet)).toEqual([])
  })

  it('is signed by the algorithm of the app, and is no ID token hint', async () => {
    const modern = await testApp(world, {
      first_party: true,
      backchannel_logout_uri: receiver.url,
      id_token_signed_response_alg: 'ES256',
    })
    await signOut(await signedIn(modern))
    await told()
    const [token = ''] = receiver.tokens()
    expect(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).alg).toBe('ES256')
    const ada = await signedIn(modern)
    const reply = await ada.client.get(`/oidc/logout?id_token_hint=${token}`, {
      headers: { accept: 'text/html' },
    })
    expect(reply.status).toBe(400)
  })
})

const HTML = { headers: { accept: 'text/html' } }

describe('apps learn of the end of a session by', () => {
  const ENDS: Readonly<Record<string, (ada: SignedIn) => Promise<unknown>>> = {
    'signing out': signOut,
    'its user in another session': async (ada) => {
      const other = world.client()
      await other.signIn(ada.email, ada.password)
      await other.delete(`/api/v1/auth/sessions/${ada.sessionId}`)
    },
    'its user who ends all others': async (ada) => {
      const other = world.client()
      await other.signIn(ada.email, ada.password)
      await other.delete('/api/v1/auth/sessions')
    },
    'an administrator': (ada) => root.client.delete(`/api/v1/users/${ada.id}/sessions`),
    'a lock': (ada) => root.client.post(`/api/v1/users/${ada.id}/lock`, { end_sessions: true }),
    'disabling the account': (ada) => root.client.post(`/api/v1/users/${ada.id}/disable`),
    'deleting the account': (ada) => root.client.delete(`/api/v1/users/${ada.id}`),
    'a new password in another session': async (ada) => {
      const other = world.client()
      await other.signIn(ada.email, ada.password)
      await other.post('/api/v1/users/me/password', {
        current_password: PASSWORD,
        new_password: 'another horse battery staple',
      })
    },
    'its user who deletes the account': (ada) =>
      ada.client.delete('/api/v1/users/me', { password: ada.password }),
    'its age': () => world.clock.advance('31 days'),
    'any statement': () =>
      world.db.tx('system', (tx) =>
        tx
          .updateTable('sessions')
          .set({ ended_at: world.clock.now(), end_reason: 'revoked' })
          .where('ended_at', 'is', null)
          .where('user_id', '<>', root.id)
          .execute(),
      ),
  }
  it.each(Object.entries(ENDS))('%s', async (_, end) => {
    await root.client.signIn(root.email, root.password)
    const ada = await signedIn()
    const reply = await end(ada)
    if (typeof reply === 'object' && reply !== null && 'status' in reply)
      expect([200, 204]).toContain(reply.status)
    expect(await told()).toMatchObject([{ sub: ada.id, sid: ada.sessionId }])
    await world.clock.advance('1 hour')
    expect(receiver.tokens()).toHaveLength(1)
  })

  it('oidcc-backchannel-rp-initiated-logout: an app, before its user is led back to it', async () => {
    const back = 'https://app.example.com/signed-out'
    const settings = { backchannel_logout_uri: receiver.url, backchannel_logout_session_required: true }
    const first = await testApp(world, { first_party: true, post_logout_redirect_uris: [back], ...settings })
    const [ada] = await world.people(1)
    if (!ada) throw new Error('no user')
    await app.exchange(await authorizedCode(ada.client, app))
    const { body } = await first.exchange(await authorizedCode(ada.client, first))
    const query = new URLSearchParams({
      id_token_hint: body.id_token,
      post_logout_redirect_uri: back,
      state: 's',
    })
    const reply = await ada.client.get(`/oidc/logout?${query}`, HTML)
    expect(reply.headers.get('location')).toBe(`${back}?state=s`)
    const { sub, sid } = claimsIn(body.id_token)
    const tokens = receiver.tokens().map(claimsIn)
    expect(tokens.map(({ aud }) => aud).sort()).toEqual([app.id, first.id].sort())
    for (const token of tokens) {
      expect(token).toMatchObject({ iss: world.config.publicUrl, sub, sid })
      expect(token.nonce).toBeUndefined()
    }
    const { left } = await follow(ada.client, authorizePath(first, { prompt: 'none' }))
    expect(left?.searchParams.get('error')).toBe('login_required')
  })

  it('but not of one that has ended before, nor of a session without apps', async () => {
    const ada = await signedIn()
    await signOut(ada)
    await told()
    await root.client.delete(`/api/v1/users/${ada.id}`)
    const [bea] = await world.people(1)
    if (bea) await signOut(bea)
    await world.clock.advance('31 days')
    expect(receiver.tokens()).toHaveLength(1)
  })
})

describe('a message', () => {
  it('is one, however many end the session at once', async () => {
    const ada = await signedIn()
    await Promise.all([
      ...Array.from({ length: 6 }, () => signOut(ada)),
      ...Array.from({ length: 4 }, () => root.client.delete(`/api/v1/users/${ada.id}/sessions`)),
    ])
    await world.app.settle()
    await Promise.all([world.app.settle(), world.app.settle()])
    expect(receiver.tokens()).toHaveLength(1)
    expect(await deliveries()).toHaveLength(1)
  })

  it('exists only if the session has ended', async () => {
    const ada = await signedIn()
    const ended = world.db.tx('system', async (tx) => {
      await tx
        .updateTable('sessions')
        .set({ ended_at: world.clock.now(), end_reason: 'revoked' })
        .where('id', '=', ada.sessionId)
        .execute()
      throw new Error('changed my mind')
    })
    await expect(ended).rejects.toThrow('changed my mind')
    expect([await told(), await deliveries()]).toEqual([[], []])
  })

  it('is sent again after the process ended that was sending it', async () => {
    const ada = await signedIn()
    await world.db.tx('system', async (tx) => {
      await tx
        .updateTable('sessions')
        .set({ ended_at: world.clock.now(), end_reason: 'revoked' })
        .where('id', '=', ada.sessionId)
        .execute()
      // as a process leaves it that has claimed the message and its job, and is gone
      await tx.deleteFrom('jobs').where('kind', '=', 'logouts.send').execute()
      const next_at = new Date(world.clock.now().getTime() + 60_000)
      await tx
        .updateTable('logout_deliveries')
        .set({ attempts: 1, attempted_at: world.clock.now(), next_at })
        .where('client_id', '=', app.id)
        .execute()
    })
    expect(await told()).toEqual([])
    await world.clock.advance('2 minutes')
    expect(await told()).toMatchObject([{ sub: ada.id }])
    expect(await deliveries()).toMatchObject([{ outcome: 'delivered', attempts: 2 }])
  })

  it.each([
    ['fails', 500],
    ['refuses it', 400],
    ['leads elsewhere', 302],
    ['is gone', null],
  ])('is sent three times to an app that %s, and recorded', async (_, status) => {
    receiver.answer = (response) => {
      if (status === null) response.destroy()
      else response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('<html>no</html>')
    }
    const ada = await signedIn()
    await signOut(ada)
    await told()
    expect(await deliveries()).toMatchObject([{ outcome: null, attempts: 1, status, user_id: ada.id }])
    for (const wait of ['2 minutes', '6 minutes', '20 minutes']) await world.clock.advance(wait)
    const tokens = receiver.tokens()
    expect([tokens.length, new Set(tokens.map((one) => claimsIn(one).jti)).size]).toEqual([3, 3])
    const [delivery] = await deliveries()
    expect(delivery).toMatchObject({ outcome: 'failed', attempts: 3, status, user_id: null })
    expect(delivery?.error).toMatch(status === null ? /ECONNRESET/ : `${status}`)
    const [event] = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select(['session_id', 'details'])
        .where('event_type', '=', 'oidc.logout.failed')
        .where('user_id', '=', ada.id)
        .execute(),
    )
    expect(event).toMatchObject({ session_id: ada.sessionId, details: { client: app.id, status } })
    await world.clock.advance('31 days')
    expect(await deliveries()).toEqual([])
    expect(receiver.tokens()).toHaveLength(3)
  })

  it.each([
    ['200 and a page', 200, '<!doctype html><title>Bye</title>'],
    ['204', 204, ''],
  ])('is taken by an app that answers with %s', async (_, status, text) => {
    receiver.answer = (response) => void response.writeHead(status, { 'content-type': 'text/html' }).end(text)
    await signOut(await signedIn())
    await told()
    expect(await deliveries()).toMatchObject([{ outcome: 'delivered', status }])
  })

  it('does not wait for an app that does not answer', async () => {
    const slow = await startLogoutReceiver()
    slow.answer = () => {}
    const stuck = await testApp(world, { first_party: true, backchannel_logout_uri: slow.url })
    const ada = await signedIn(stuck, app)
    await signOut(ada)
    await expect.poll(() => [slow.tokens().length, receiver.tokens().length]).toEqual([1, 1])
    expect(await deliveries(stuck)).toMatchObject([{ outcome: null, status: null }])
    // another session, while the first message still waits for its answer
    await signOut(await signedIn())
    await expect.poll(() => receiver.tokens().length, { timeout: 8000 }).toBe(2)
    await world.app.settle()
    expect(await deliveries(stuck)).toMatchObject([{ error: 'no answer within 5000 ms', attempts: 1 }])
    await slow.close()
  }, 20_000)

  it('is not sent into a private network', async () => {
    const inside = await testApp(world, {
      first_party: true,
      backchannel_logout_uri: 'https://10.0.0.1/logout',
    })
    await signOut(await signedIn(inside))
    await world.app.settle()
    expect(await deliveries(inside)).toMatchObject([{ outcome: null, error: 'the address is not public' }])
  })

  it('is dropped where the app was deleted meanwhile', async () => {
    const ada = await signedIn()
    receiver.answer = (response) => void response.writeHead(500).end()
    await signOut(ada)
    await told()
    await world.db.tx('system', (tx) => tx.deleteFrom('clients').where('id', '=', app.id).execute())
    await world.clock.advance('2 minutes')
    expect(receiver.tokens()).toHaveLength(1)
    expect(await deliveries()).toEqual([])
  })
})
