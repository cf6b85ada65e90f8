/**
 * A sign-in under way opens nothing: what a browser and a client have between two steps (the attempt, the cookies of the
 * browser, its CSRF token) is sent to every row of the route table, in every place where a credential may be. Rows that
 * need a caller refuse it, the others start no session. A new row is covered without being named.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../packages/server/src/base/http/row/route.ts'
import { newId } from '../packages/server/src/base/ids.ts'
import { Client, type Reply } from '../packages/server/src/testing/client.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'
import { csrfTokenOf, postForm, signInByForm, signOutByForm } from './sign-in/forms.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ passwordProfile: 'pci', compat: ['tokens-by-password'], apiKeyInQuery: true })
})
afterAll(() => world.stop())

const CHOSEN = 'brass gears turn 1842'

/** A sign-in that waits, as its browser and as a client hold it. */
interface Waiting {
  userId: string | null
  attempt: string
  browser: Client
}

const update = (id: string, change: object) =>
  world.db.tx('system', (tx) => tx.updateTable('users').set(change).where('id', '=', id).execute())

/** A user whose browser is known already, so that it has every cookie. */
async function waiting(prepare: (id: string) => Promise<unknown>): Promise<Waiting> {
  const { id, email } = await world.person({ password: CHOSEN, signIn: false })
  const browser = world.client({ headers: { accept: 'text/html' } })
  await signInByForm(browser, email, CHOSEN)
  await signOutByForm(browser)
  await prepare(id)
  await signInByForm(browser, email, CHOSEN)
  const attempt = browser.cookies.get('lk_attempt') ?? ''
  return { userId: id, attempt, browser }
}

const STEPS: Readonly<Record<string, () => Promise<Waiting>>> = {
  verify_email: async () => {
    const browser = world.client({ headers: { accept: 'text/html' } })
    const account = { email: 'half@example.com', password: CHOSEN, password_confirm: CHOSEN }
    await postForm(browser, '/sign-up', account)
    return { userId: null, attempt: browser.cookies.get('lk_attempt') ?? '', browser }
  },
  second_factor: () =>
    waiting((userId) =>
      world.db.tx('system', (tx) =>
        tx
          .insertInto('factors')
          .values({
            id: newId('fac'),
            user_id: userId,
            kind: 'totp',
            name: null,
            created_at: world.clock.now(),
            confirmed_at: world.clock.now(),
            last_used_at: null,
          })
          .execute(),
      ),
    ),
  enrol: () => waiting((id) => update(id, { mfa_required: true })),
  change_password: () => waiting(() => world.clock.advance('90 days')),
}

const NOTHING = '0'.repeat(32)
const pathOf = ({ path }: Row, attempt: string): string =>
  path.replace(':attempt', attempt).replace(/:\w+/g, `usr_${NOTHING}`)

const send = async (
  row: Row,
  path: string,
  headers: Record<string, string>,
  body: object,
): Promise<Reply> => {
  const isForm = row.kind === 'page'
  const accept = isForm ? 'text/html' : 'application/json'
  const client = new Client(world.url, { headers: { accept, ...headers } })
  return await client.send(row.method, path, row.method === 'GET' ? undefined : body, { form: isForm })
}

/** Where a credential may be sent, by what it is called in a failure. */
function carriersOf({ attempt, browser }: Waiting): [name: string, headers: Record<string, string>][] {
  const [id = '', secret = ''] = attempt.split('.')
  const cookies = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return [
    ['the cookies of the browser', { cookie: cookies }],
    ['the attempt as the session cookie', { cookie: `${cookies}; lk_session=${attempt}` }],
    ['its secret as the session cookie', { cookie: `lk_session=st_${secret}` }],
    ['the attempt as a bearer token', { authorization: `Bearer ${attempt}` }],
    ['its secret as a bearer token', { authorization: `Bearer st_${secret}` }],
    ['the attempt as an API key', { 'x-api-key': attempt }],
    ['the attempt as an API key in Authorization', { authorization: `Api-Key ${attempt}` }],
    ['the attempt as Basic', { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }],
  ]
}

const needsCaller = ({ open }: Row): boolean => open === undefined

/** A refusal for want of a caller. */
const isRefused = (reply: Reply): boolean =>
  reply.status === 401 || (reply.status === 303 && /^\/sign-in\b/.test(reply.headers.get('location') ?? ''))

const setsSession = (reply: Reply): boolean =>
  reply.headers.getSetCookie().some((line) => /^(?:__Host-)?lk_session=[^;]/.test(line))

describe.each(Object.keys(STEPS))('a sign-in that waits at %s', (step) => {
  it('opens no row, wherever its attempt and cookies are sent', { timeout: 300_000 }, async () => {
    const state = await (STEPS[step] as () => Promise<Waiting>)()
    expect(state.attempt).toMatch(/^sgn_[0-9a-f]{32}\.[\w-]{43}$/)
    const shown = await world.client().get(`/api/v1/auth/attempts/${state.attempt}`)
    expect(shown.data?.step).toBe(step)
    const token = await csrfTokenOf(state.browser)
    const wrong: string[] = []
    let refused = 0
    for (const row of world.app.rows)
      for (const [name, carrier] of carriersOf(state)) {
        const body = row.kind === 'page' ? { csrf_token: token } : {}
        const reply = await send(row, pathOf(row, state.attempt), { 'x-csrf-token': token, ...carrier }, body)
        const what = `${row.method} ${row.path} by ${name}: ${reply.status} ${reply.code ?? ''}`
        if (needsCaller(row) && !isRefused(reply)) wrong.push(what)
        if (setsSession(reply) || reply.data?.session || reply.data?.access_token || reply.data?.token)
          wrong.push(`${what}, with a session`)
        if (reply.status >= 500) wrong.push(what)
        refused += needsCaller(row) ? 1 : 0
      }
    expect(wrong).toEqual([])
    expect(refused).toBeGreaterThan(300)
    const sessions = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('sessions')
        .select('id')
        .where('user_id', '=', state.userId ?? '')
        .where('ended_at', 'is', null)
        .execute(),
    )
    expect(sessions).toEqual([])
  })
})

it('is refused in an altered form: another secret, another id, truncated, extended, in another case', async () => {
  const [first, second] = await Promise.all([STEPS.enrol?.(), STEPS.enrol?.()])
  const [id, secret] = (first?.attempt ?? '').split('.')
  const [otherId, otherSecret] = (second?.attempt ?? '').split('.')
  const altered = [
    `${id}.${otherSecret}`,
    `${otherId}.${secret}`,
    `${id}.${secret?.slice(0, -1)}`,
    `${id}.${secret}A`,
    `${id}.${secret?.toUpperCase()}`,
    `${id?.toUpperCase()}.${secret}`,
    `${id}.`,
    `${id}`,
    `${id}.${secret}.${secret}`,
  ]
  for (const attempt of altered) {
    const { status } = await world.client().get(`/api/v1/auth/attempts/${attempt}`)
    expect([400, 404], attempt).toContain(status)
  }
  expect((await world.client().get(`/api/v1/auth/attempts/${first?.attempt}`)).status).toBe(200)
})

it('does not continue the sign-in of another user whose attempt cookie was planted in the browser', async () => {
  const attacker = await STEPS.enrol?.()
  const { email } = await world.person({ password: CHOSEN, signIn: false })
  const victim = world.client({ headers: { accept: 'text/html' } })
  victim.cookies.set('lk_attempt', attacker?.attempt ?? '')
  const reply = await signInByForm(victim, email, CHOSEN)
  expect([reply.status, victim.cookies.has('lk_session'), victim.cookies.has('lk_attempt')]).toEqual([
    303,
    true,
    false,
  ])
  const me = await victim.get('/api/v1/auth/me', { headers: { accept: 'application/json' } })
  expect(me.data.user.email).toBe(email)
})
