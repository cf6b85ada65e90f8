/**
 * A logout request of the provider, and identities that wait for a decision of their user: the request ends them as it ends
 * sessions. And one that names many sessions.
 */
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { HTML } from '../../../testing/federation.ts'
import { base64, IDP, type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import { logoutRequestXml, signElement } from '../../../testing/saml-provider.ts'
import { signInBySaml } from '../../../testing/saml-sign-in.ts'
import { formIn } from '../../../testing/step-up.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let peer: SamlPeer
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  const saml = { slo_url: 'https://idp.example/slo' }
  // its word for an address does not count
  peer = await samlPeer(world, { saml })
})
afterAll(() => world?.stop())

const isSignedIn = async (client: Client) => (await client.get('/api/v1/auth/me')).status === 200
const submit = async (client: Client, path: string, fields: Record<string, string> = {}) => {
  const form = formIn((await client.get(path, HTML)).text)
  return await client.post(form.action, { ...form.fields, ...fields }, { form: true, ...HTML })
}

/** The provider ends sessions by a logout request. */
async function endAtProvider({ connection, key }: SamlPeer, nameId: string, sessionIndexes: string[] = []) {
  const path = `/saml/${connection.slug}/logout`
  const destination = `${world.config.publicUrl}${path}`
  const { xml, id } = logoutRequestXml({
    issuer: IDP,
    destination,
    now: world.clock.now(),
    nameId,
    sessionIndexes,
  })
  const answer = await world
    .client()
    .post(
      path,
      { SAMLRequest: base64(signElement(xml, id, { key })) },
      { form: true, headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' } },
    )
  expect(answer.status).toBe(303)
}

const tripOf = (path: string): string => path.split('=')[1] ?? ''
/** A browser whose user reads the question about a new account. */
async function asked(nameId: string, sessionIndex: string, browser = world.client()) {
  const attributes = { mail: `${nameId}@example.com` }
  const question = await signInBySaml(world, browser, peer, { nameId, attributes, sessionIndex })
  expect(question).toMatch(/^\/sign-in\/connect\?trip=/)
  return { browser, question }
}
const stored = (question: string) =>
  world.db.hot
    .selectFrom('round_trips')
    .select(['identity', 'after', 'decided_at'])
    .where('id', '=', tripOf(question))
    .executeTakeFirstOrThrow()
const isAsked = async ({ browser, question }: { browser: Client; question: string }): Promise<boolean> =>
  (await browser.get(question, HTML)).status === 200

describe('an identity that waits for a decision', () => {
  it('is ended by a logout request that names its session, and no other is', async () => {
    const [ended, other, neighbour] = [
      await asked('ada', 'index-1'),
      await asked('ada', 'index-2'),
      await asked('grace', 'index-1'),
    ]
    await endAtProvider(peer, 'ada', ['index-1'])
    expect([await isAsked(ended), await isAsked(other), await isAsked(neighbour)]).toEqual([
      false,
      true,
      true,
    ])
    const { identity, after } = await stored(ended.question)
    expect([identity, JSON.stringify(after).includes('ada')]).toEqual([null, false])
    await endAtProvider(peer, 'ada')
    expect([await isAsked(other), await isAsked(neighbour)]).toEqual([false, true])
    const elsewhere = await samlPeer(world, { saml: { slo_url: 'https://idp.example/slo' } })
    await endAtProvider(elsewhere, 'grace')
    expect(await isAsked(neighbour)).toBe(true)
  })

  it('is not ended by a request that means another name', async () => {
    const waiting = await asked('qualified', 'index-1')
    const { slug } = peer.connection
    const destination = `${world.config.publicUrl}/saml/${slug}/logout`
    const { xml, id } = logoutRequestXml({
      issuer: IDP,
      destination,
      now: world.clock.now(),
      nameId: 'qualified',
      nameIdAttributes: ' Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"',
    })
    const SAMLRequest = base64(signElement(xml, id, { key: peer.key }))
    const answer = await world.client().post(`/saml/${slug}/logout`, { SAMLRequest }, { form: true, ...HTML })
    expect(answer.status).toBe(303)
    expect(await isAsked(waiting)).toBe(true)
  })

  it('leaves nothing behind: what its session is called goes with the decision, and with its time', async () => {
    const [decided, late] = [
      await asked('decides', 'index-1', (await world.person()).client),
      await asked('late', 'l'),
    ]
    expect((await stored(decided.question)).after).toMatchObject({ session: { name_id: 'decides' } })
    await submit(decided.browser, `/account/connected/confirm?trip=${tripOf(decided.question)}`)
    expect((await stored(decided.question)).after).not.toHaveProperty('session')
    expect((await stored(decided.question)).decided_at).not.toBeNull()
    await world.clock.advance('45 minutes')
    const { identity, after } = await stored(late.question)
    expect([identity, Object.hasOwn(after as object, 'session')]).toEqual([null, false])
  })

  it('is either connected in a session that ends, or ended, where the logout request comes at the same time', async () => {
    for (let n = 0; n < 6; n += 1) {
      const { client } = await world.person()
      const { browser, question } = await asked(`race-${n}`, `index-${n}`, client)
      const confirm = `/account/connected/confirm?trip=${tripOf(question)}`
      const form = formIn((await browser.get(confirm, HTML)).text)
      const [confirmed] = await Promise.all([
        browser.post(form.action, form.fields, { form: true, ...HTML }),
        endAtProvider(peer, `race-${n}`),
      ])
      const isConnected = confirmed.status === 303
      expect([confirmed.status, (await stored(question)).decided_at !== null]).toEqual(
        isConnected ? [303, true] : [404, false],
      )
      // the request that came first has ended the identity, and so nothing that the session has
      if (isConnected) expect(await isSignedIn(browser)).toBe(false)
    }
  })
})

describe('a logout request that names many sessions', () => {
  it('ends each of them, of all users, with its token and an event', async () => {
    const people: Person[] = await world.people(2)
    const ids = people.map(({ id }) => id)
    await world.db.tx('system', async (tx) => {
      for (const id of ids) {
        await sql`
          insert into sessions (id, user_id, token_hash, created_at, authenticated_at, last_seen_at, expires_at, idle_seconds,
            remember, amr, acr, proofs)
          select 'ses_many_' || n || ${id}, user_id, sha256((n || ${id})::bytea), created_at, authenticated_at, last_seen_at, expires_at,
            idle_seconds, remember, amr, acr, proofs
          from sessions, generate_series(1, 600) n where user_id = ${id}`.execute(tx)
        await sql`
          insert into saml_sessions (session_id, connection_id, name_id)
          select id, ${peer.connection.id}, 'many' from sessions where user_id = ${id}`.execute(tx)
      }
    })
    await endAtProvider(peer, 'many')
    const count = async (query: RawBuilder<{ count: number }>) =>
      (await world.db.tx('system', (tx) => query.execute(tx))).rows[0]?.count
    expect(
      await count(
        sql`select count(*)::int as count from sessions where user_id = any(${ids}) and ended_at is null`,
      ),
    ).toBe(0)
    expect(
      await count(sql`
        select count(distinct session_id)::int as count from audit_events
        where event_type = 'auth.logout' and user_id = any(${ids})`),
    ).toBe(1202)
    expect(
      await count(sql`
        select count(*)::int as count from revocations
        where kind = 'sid' and value in (select id from sessions where user_id = any(${ids}))`),
    ).toBe(1202)
    expect(await Promise.all(people.map(({ client }) => isSignedIn(client)))).toEqual([false, false])
  })
})
