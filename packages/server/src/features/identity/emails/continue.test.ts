/**
 * After e-mail verification: the place to return to is followed, and encrypted in the e-mail; the browser that waited
 * for the verification is signed in.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../../base/call.ts'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'
import { disableUser } from '../lifecycle/index.ts'
import { findByIdentifier, getUser } from '../users/index.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ returnOrigins: ['https://app.example.com'] })
})
afterAll(() => world.stop())

const PLACE = '/account?note=CALL-555-0100-YOU-HAVE-WON'
const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

async function signUp(email: string, return_to: string) {
  const client = world.client()
  const csrf_token = csrfOf((await client.get('/sign-up')).text)
  const fields = { csrf_token, email, password: PASSWORD, password_confirm: PASSWORD, return_to }
  expect((await client.post('/sign-up', fields, { form: true })).status).toBeLessThan(400)
  const letter = await world.mailbox.emailTo(email, /Verify/)
  const link = new URL(letter.links.find((url) => url.includes('/verify-email')) ?? '')
  return { client, letter, link }
}

/** Sends the form of the page that the link opens, and nothing else. */
async function confirm(client: Client, link: URL) {
  const { text } = await client.get(link.pathname + link.search)
  const return_to = /name="return_to" value="([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')
  const fields = {
    csrf_token: csrfOf(text),
    token: link.searchParams.get('token') ?? '',
    ...(return_to ? { return_to } : {}),
  }
  return await client.post('/verify-email', fields, { form: true })
}

it('shows no text in an e-mail that the registration chose, and returns to that place all the same', async () => {
  const { client, letter, link } = await signUp('victim@example.com', PLACE)
  for (const part of [letter.subject, letter.text, letter.html])
    expect(part).not.toMatch(/CALL|555|return_to|\/account/)
  const page = await client.get(link.pathname + link.search)
  expect(page.text).toContain(`name="return_to" value="${PLACE}"`)
  const token = link.searchParams.get('token') ?? ''
  expect(token).toMatch(/^lnk_/)
  const verified = await confirm(world.client(), link)
  expect(verified.text).toContain(`/sign-in?return_to=${encodeURIComponent(PLACE)}`)
})

it('ignores a place to return to that was written into the link by hand', async () => {
  const { client, link } = await signUp('curious@example.com', PLACE)
  const sealed = link.searchParams.get('continue') ?? ''
  for (const place of [
    '/account',
    'https://evil.example/',
    `${sealed.slice(0, -2)}AA`,
    'v1..',
    'v1.AAAA.AAAA',
  ]) {
    link.searchParams.set('continue', place)
    const { status, text } = await client.get(link.pathname + link.search)
    expect(status).toBe(200)
    expect(text).not.toContain('name="return_to"')
  }
})

it('encrypts no place where none was given, or none that is followed', async () => {
  for (const [n, place] of ['', 'https://evil.example/x', '//evil.example'].entries()) {
    const { link } = await signUp(`plain${n}@example.com`, place)
    expect([...link.searchParams.keys()]).toEqual(['token'])
  }
})

describe('a browser that waits for its address to be verified', () => {
  const me = async (client: Client) => (await client.get('/api/v1/auth/me')).data?.user.email ?? null
  const sessions = async (email: string) => {
    const rows = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('sessions')
        .innerJoin('emails', 'emails.user_id', 'sessions.user_id')
        .select('sessions.id')
        .where('emails.address', '=', email)
        .execute(),
    )
    return rows.length
  }

  it.each([
    ['/account/sessions', '/account/sessions'],
    ['https://app.example.com/inbox?a=b', 'https://app.example.com/inbox?a=b'],
    ['https://evil.example/', '/account'],
  ])('is signed in, and continues to %s', async (place, reached) => {
    const email = `at-${place.length}@example.com`
    const { client, link } = await signUp(email, place)
    expect(await me(client)).toBeNull()
    const { status, headers } = await confirm(client, link)
    expect([status, headers.get('location'), await me(client)]).toEqual([303, reached, email])
    expect(client.cookies.has('lk_attempt')).toBe(false)
    expect(await world.events((await userOf(email)).id)).toEqual([
      'user.registered',
      'auth.email.verified',
      'auth.login.success',
    ])
  })

  it('is one browser: another one verifies the address, and signs in by the password', async () => {
    const { client, link } = await signUp('two-browsers@example.com', PLACE)
    const phone = world.client()
    expect((await confirm(phone, link)).text).toContain('/sign-in?return_to=')
    expect([await me(phone), await me(client), await sessions('two-browsers@example.com')]).toEqual([
      null,
      null,
      0,
    ])
  })

  it('is not signed in by a link of another account', async () => {
    const ann = await signUp('ann@example.com', '')
    const bob = await signUp('bob@example.com', '')
    expect((await confirm(ann.client, bob.link)).status).toBe(200)
    expect([await me(ann.client), await sessions('bob@example.com')]).toEqual([null, 0])
    expect((await confirm(ann.client, ann.link)).status).toBe(303)
    expect(await me(ann.client)).toBe('ann@example.com')
  })

  it('has proven the password at sign-in, and keeps "remember me"', async () => {
    const { link } = await signUp('later@example.com', '')
    const client = world.client()
    const csrf_token = csrfOf((await client.get('/sign-in')).text)
    const typed = {
      csrf_token,
      identifier: 'later@example.com',
      remember_me: 'on',
      return_to: '/account/security',
    }
    const wrong = await client.post('/sign-in', { ...typed, password: 'not the password' }, { form: true })
    expect([wrong.status, client.cookies.has('lk_attempt')]).toEqual([401, false])
    const waiting = await client.post('/sign-in', { ...typed, password: PASSWORD }, { form: true })
    expect([waiting.status, waiting.text]).toEqual([403, expect.stringContaining('later@example.com')])
    await world.clock.advance('1 minute')
    const verified = await confirm(client, link)
    expect([verified.status, verified.headers.get('location')]).toEqual([303, '/account/security'])
    expect(verified.headers.getSetCookie().find((line) => line.startsWith('lk_session='))).toMatch(/Max-Age=/)
  })

  it('is signed in once, by however many forms', async () => {
    const { client, link } = await signUp('often@example.com', '')
    const { text } = await client.get(link.pathname + link.search)
    const fields = { csrf_token: csrfOf(text), token: link.searchParams.get('token') ?? '' }
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => client.post('/verify-email', fields, { form: true })),
    )
    expect(replies.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(replies.every(({ status }) => status === 303 || status === 200)).toBe(true)
    expect(await sessions('often@example.com')).toBe(1)
  })

  it('waits for an hour', async () => {
    const { client, link } = await signUp('slow@example.com', '')
    await world.clock.advance('61 minutes')
    expect((await confirm(client, link)).status).toBe(200)
    expect(await me(client)).toBeNull()
  })

  it('is not signed in where the account was disabled meanwhile', async () => {
    const email = 'disabled@example.com'
    await world.people([{ email, signIn: false }])
    await world.db.tx('system', (tx) =>
      tx.updateTable('emails').set({ verified_at: null }).where('address', '=', email).execute(),
    )
    const client = world.client()
    const csrf_token = csrfOf((await client.get('/sign-in')).text)
    const typed = { csrf_token, identifier: email, password: PASSWORD }
    expect((await client.post('/sign-in', typed, { form: true })).status).toBe(403)
    const { links } = await world.mailbox.emailTo(email, /Verify/)
    const user = await userOf(email)
    await world.db.tx('system', (tx) => disableUser(world.app.tools, tx, systemCall(world.clock.now()), user))
    const link = new URL(links.find((url) => url.includes('/verify-email')) ?? '')
    expect((await confirm(client, link)).status).toBe(200)
    expect([await me(client), await sessions(email)]).toEqual([null, 0])
  })

  const userOf = (email: string) =>
    world.db.tx('system', async (tx) => {
      const found = await findByIdentifier(tx, email)
      return await getUser(tx, found?.id ?? '')
    })
})
