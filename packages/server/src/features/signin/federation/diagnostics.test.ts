/** What the diagnostics of a connection show of answers: claims of any form, and no longer than the account. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROVIDER_FAULTS } from '../../../core/providers/index.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { base64, samlPeer } from '../../../testing/saml-connection.ts'
import type { World } from '../../../testing/world.ts'

let federated: Federated
let world: World
let google: { id: string; slug: string }
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  google = await federated.connect('google')
})
afterAll(() => federated?.stop())

const eventsOf = (connectionId: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('connection_events')
      .selectAll()
      .where('connection_id', '=', connectionId)
      .orderBy('id')
      .execute(),
  )

describe('claims that PostgreSQL refuses in JSON', () => {
  it.each([
    ['half a character', { name: 'Ada \ud83d', groups: ['\ude00'] }],
    ['NUL in the name of a nested claim', { address: { 'a\u0000b': 'x\u0000' } }],
    ['NUL in the name of a claim', { 'a\u0000b': { '\ud83d': 1 } }],
  ])('sign in all the same: %s', async (_, claims) => {
    federated.atGoogle(claims)
    const client = world.client()
    expect(goal(await federated.signIn(client, 'google'))).toBe('/account')
    expect((await eventsOf(google.id)).at(-1)).toMatchObject({
      fault: null,
      user_id: (await federated.me(client)).id,
    })
  })
})

it('an answer without groups, where groups give roles, leaves the role as it is and is remarked on', async () => {
  const owner = await world.person()
  const organizationId = await world.organization({ members: [[owner, 'owner']] })
  await federated.prove(organizationId, 'groups.example', owner.id)
  const { slug, id } = await federated.connect('oidc', {
    organizationId,
    madeBy: owner.id,
    settings: { group_roles: [{ group: 'admins', role: 'admin' }] },
  })
  const answers = [
    [{ groups: ['admins'] }, 'admin', null],
    // more groups than a token of Entra ID holds
    [{ _claim_names: { groups: 'src1' } }, 'admin', expect.stringContaining('does not state the groups')],
    [{ groups: ['ad\u200bmins'] }, 'member', null],
  ] as const
  for (const [more, role, detail] of answers) {
    const user = { sub: 'g1', email: 'g@groups.example', email_verified: true, name: 'G', ...more }
    federated.fakes.provider('oidc').user = user
    const client = world.client()
    expect(goal(await federated.signIn(client, slug))).toBe('/account')
    const members = await owner.client.get(`/api/v1/organizations/${organizationId}/members`)
    expect(members.data.map((one: { role: string }) => one.role)).toContain(role)
    expect((await eventsOf(id)).at(-1)).toMatchObject({ fault: null, detail })
  }
})

it('the reference of the page is the request id of the audit event, as the guide to troubleshooting says', async () => {
  const callback = await federated.begin(world.client(), 'google')
  const failed = new URL(goal(await federated.answer(world.client(), callback)) ?? '', 'http://here')
  const [reference, reason] = ['reference', 'reason'].map((name) => failed.searchParams.get(name) ?? '')
  const page = await world.client().get(`${failed.pathname}${failed.search}`, HTML)
  expect(page.text).toContain(`Reference: ${reference}`)
  const events = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['event_type', 'details'])
      .where('request_id', '=', reference ?? '')
      .execute(),
  )
  expect(events).toEqual([
    {
      event_type: 'auth.login.failure',
      details: expect.objectContaining({ connection_id: google.id, reason }),
    },
  ])
})

it('the guide to troubleshooting names each fault of the catalogue, once', () => {
  const guide = readFileSync(
    new URL('../../../../../../docs/guides/troubleshooting.md', import.meta.url),
    'utf8',
  )
  const [, section = ''] = guide.split('## A sign-in by a provider fails')
  const rows = section.split('\n## ')[0]?.match(/^\| `.*? \|/gm) ?? []
  // without the head of the table
  const named = rows.slice(1).flatMap((row) => [...row.matchAll(/`(\w+)`/g)].map(([, fault]) => fault))
  expect(named.sort()).toEqual(Object.keys(PROVIDER_FAULTS).sort())
})

describe('what is known of a user', () => {
  const deleteUser = (id: string) =>
    world.db.tx('system', (tx) => tx.deleteFrom('users').where('id', '=', id).execute())

  it.each(['a link', 'a question', 'a test', 'a refusal'])(
    'by %s is deleted with the account',
    async (what) => {
      const slug = what.replace(' ', '-')
      const { id } = await federated.connect('google', { slug })
      const email = `${slug}@example.com`
      const ada = await world.person()
      const { sub } = federated.atGoogle({ email, email_verified: false })
      const client = world.client()
      const link = async () => {
        const begun = await ada.client.post(`/api/v1/auth/external/${slug}/link`, {})
        return await federated.answer(
          ada.client,
          await federated.fakes.authorize(begun.data.authorization_url),
        )
      }
      let account = ada.id
      if (what === 'a question') {
        const question = goal(await federated.signIn(client, slug)) ?? ''
        expect((await eventsOf(id)).map(({ user_id }) => user_id)).toEqual([null])
        await federated.submit(client, question, { email })
        const [identity] = await world.db.hot
          .selectFrom('identities')
          .select('user_id')
          .where('subject', '=', sub)
          .execute()
        account = identity?.user_id ?? ''
      } else {
        expect(goal(await link())).toContain('notice=connected')
        if (what === 'a refusal') {
          await world.db.hot
            .updateTable('users')
            .set({ status: 'disabled' })
            .where('id', '=', ada.id)
            .execute()
          expect(goal(await federated.signIn(client, slug))).toContain('reason=user_refused')
          // linked to another user than the one who asks
          const other = await world.person()
          const begun = await other.client.post(`/api/v1/auth/external/${slug}/link`, {})
          const callback = await federated.fakes.authorize(begun.data.authorization_url)
          expect(goal(await federated.answer(other.client, callback))).toContain('reason=taken')
        }
        if (what === 'a test') {
          const root = await world.person({ roles: ['super_admin'] })
          const begun = await root.client.post(`/api/v1/connections/${id}/test`, {})
          await federated.answer(root.client, await federated.fakes.authorize(begun.data.authorization_url))
        }
      }
      const events = await eventsOf(id)
      expect(events.map(({ subject, user_id }) => [subject, user_id])).toEqual(
        events.map(() => [sub, account]),
      )
      expect(events).toHaveLength({ 'a link': 1, 'a question': 2, 'a test': 2 }[what] ?? 3)
      await deleteUser(account)
      expect(await eventsOf(id)).toEqual([])
    },
  )
})

describe('what anyone can send', () => {
  it('does not displace the rest: an answer that is sent again, of another browser, or too late', async () => {
    const { id, slug } = await federated.connect('google', { slug: 'replayed' })
    federated.atGoogle()
    const client = world.client()
    const callback = await federated.begin(client, slug)
    await federated.answer(client, callback)
    const unused = await federated.begin(client, slug)
    for (let n = 0; n < 30; n++) {
      await federated.answer(client, callback)
      await federated.answer(world.client(), unused)
    }
    await world.clock.advance('16 minutes')
    await federated.answer(client, unused)
    const faults = (await eventsOf(id)).map(({ fault }) => fault)
    expect([faults[0], faults.at(-1), faults.length]).toEqual([null, 'expired', 26])
  })

  it('does not displace the rest: a logout without a signature', async () => {
    const peer = await samlPeer(world)
    const { id } = peer.connection
    const row = {
      connection_id: id,
      at: world.clock.now(),
      detail: 'the reason',
      subject: null,
      user_id: null,
      claims: null,
    }
    await world.db.hot
      .insertInto('connection_events')
      .values({ id: 'cev_0', flow: 'login', fault: 'certificate_expired', ...row })
      .execute()
    const body = { SAMLRequest: base64('<x/>') }
    for (let n = 0; n < 60; n++)
      await world.client().post(`/saml/${peer.connection.slug}/logout`, body, { form: true })
    const flows = (await eventsOf(id)).map(({ flow }) => flow)
    expect(flows).toEqual(['login', ...Array.from({ length: 25 }, () => 'logout')])
  })

  it('neither displaces sign-ins that were accepted', async () => {
    const { id, slug } = await federated.connect('discord', { slug: 'denied' })
    const client = world.client()
    expect(goal(await federated.signIn(client, slug))).toBe('/account')
    federated.fakes.provider('discord').script = { denies: 'access_denied' }
    for (let n = 0; n < 55; n++) await federated.signIn(world.client(), slug)
    federated.fakes.provider('discord').script = {}
    const faults = (await eventsOf(id)).map(({ fault }) => fault)
    expect(faults).toEqual([null, ...Array.from({ length: 50 }, () => 'denied')])
  })
})
