/** Set-up links: a customer's IT connects its identity provider by the pages alone, and can do nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { goal, HTML } from '../../../testing/federation.ts'
import { LINKS, type SetupWorld, startSetupWorld, testByLink } from './testing.ts'

let all: SetupWorld
beforeAll(async () => {
  all = await startSetupWorld()
})
afterAll(() => all?.stop())

const oidc = () => {
  const { clientId, secret, settings } = all.federated.fakes.provider('oidc')
  return {
    issuer: settings.issuer ?? '',
    client_id: clientId,
    client_secret: secret,
    groups_attribute: 'groups',
  }
}
const rowsOf = (organization: string) =>
  all.world.db.tx('system', (tx) =>
    tx
      .selectFrom('connections')
      .selectAll()
      .where('organization_id', '=', organization)
      .orderBy('id')
      .execute(),
  )
const eventsOf = async (organization: string) => {
  const rows = await all.world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['event_type', 'details', 'user_id'])
      .where('organization_id', '=', organization)
      .orderBy('id')
      .execute(),
  )
  return rows.filter(({ event_type }) =>
    /^(?:connection|organization\.(?:setup_link|domain))\./.test(event_type),
  )
}
/** A browser with a draft that has everything, and was tested. */
async function tested(at: string, client: Client = all.world.client()): Promise<Client> {
  await all.send(client, at, '/provider', { choice: 'oidc' })
  await all.send(client, at, '/settings', oidc())
  await testByLink(all, client, at)
  return client
}

describe('a set-up by OpenID Connect', () => {
  it('goes page by page, without an account, and ends with an active connection of the organization', async () => {
    const owner = await all.owner('Analytical <b>Engines</b>')
    const { at, id, data } = await all.link(owner)
    expect(data).toMatchObject({ intent: 'both', provider: null })
    const it_ = all.world.client()
    const start = await it_.get(at, HTML)
    expect(start.status).toBe(200)
    expect(start.text).toContain('Analytical &lt;b>Engines&lt;/b>')
    expect(start.headers.get('referrer-policy')).toMatch(/no-referrer|same-origin|origin/)
    expect(goal(await all.send(it_, at, '/provider', { choice: 'oidc' }))).toBe(`${at}/settings`)
    const settings = await it_.get(`${at}/settings`, HTML)
    const [draft] = await rowsOf(owner.organization)
    expect(settings.text).toContain(`/api/v1/auth/external/${draft?.id}/callback`)
    const { client_secret } = oidc()
    expect(goal(await all.send(it_, at, '/settings', oidc()))).toBe(`${at}/test`)
    expect((await it_.get(`${at}/settings`, HTML)).text).not.toContain(client_secret)
    // not before a test
    const early = await all.send(it_, at, '/complete', {}, '/provider')
    expect([early.status, early.text]).toEqual([409, expect.stringContaining('Test the sign-in first')])
    all.federated.fakes.provider('oidc').user = {
      sub: 'it-1', email: 'it@analytical.example', email_verified: true, name: 'Ida', groups: ['staff'],
    } // biome-ignore format: a user
    const shown = await testByLink(all, it_, at)
    expect(shown).toMatch(new RegExp(`^${at.replaceAll('.', '\\.')}/test\\?trip=`))
    const outcome = (await it_.get(shown, HTML)).text
    for (const part of ['it-1', 'it@analytical.example', 'Ida', 'staff']) expect(outcome).toContain(part)
    // a domain, with its record
    await all.send(it_, at, '/domain', { domain: 'Analytical.Example.com' })
    const domains = await it_.get(`${at}/domain`, HTML)
    const [, value = ''] = />(latchkey-verify=[0-9a-f]+)</.exec(domains.text) ?? []
    all.dns.set('_latchkey-challenge.analytical.example.com', [value])
    const [, domain_id = ''] = /name="domain_id" value="([^"]+)"/.exec(domains.text) ?? []
    await all.send(it_, at, '/domain/check', { domain_id }, '/domain')
    expect((await it_.get(`${at}/domain`, HTML)).text).toContain('found the record')
    // the language of who sets it up is not that of the owners
    expect(goal(await all.send(it_, at, '/complete', {}, '', 'de'))).toBe(at)
    const [made] = await rowsOf(owner.organization)
    expect(made).toMatchObject({
      status: 'active',
      origin: 'setup_link',
      made_by: owner.id,
      provider: 'oidc',
    })
    expect(Object.keys(made?.settings as object).sort()).toEqual(['attributes', 'issuer'])
    const view = await owner.client.get(`/api/v1/organizations/${owner.organization}/connections`)
    expect(view.data).toMatchObject([{ state: 'active' }])
    const letter = await all.world.mailbox.emailTo(owner.email)
    expect(letter.text).toContain('is completed')
    const events = await eventsOf(owner.organization)
    expect(events.map(({ event_type }) => event_type)).toEqual([
      'organization.setup_link.created',
      'organization.setup_link.used',
      'connection.created',
      'connection.updated',
      'organization.domain.added',
      'organization.domain.verified',
      'organization.domain.connection_changed',
      'connection.activated',
      'organization.setup_link.completed',
    ])
    for (const { details, user_id } of events)
      expect([details, user_id]).toEqual([expect.objectContaining({ setup_link_id: id }), owner.id])
    const everything = JSON.stringify(events)
    expect(everything).not.toContain(at.split('.')[1])
    // read-only afterwards
    expect((await it_.get(at, HTML)).text).toContain('The set-up is completed')
    for (const part of ['/provider', '/settings', '/test', '/domain'])
      expect(goal(await it_.get(`${at}${part}`, HTML))).toBe(at)
    const before = await rowsOf(owner.organization)
    await all.send(it_, at, '/settings', { ...oidc(), client_id: 'other' }, '')
    await all.send(it_, at, '/provider', { choice: 'saml' }, '')
    expect(await rowsOf(owner.organization)).toEqual(before)
    expect((await owner.client.get(LINKS(owner.organization))).data).toMatchObject([
      { id, state: 'completed' },
    ])
  })

  it('is completed once: of eight browsers that activate at once, with one e-mail', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner, { intent: 'connection' })
    await tested(at)
    const clients = Array.from({ length: 8 }, () => all.world.client())
    const replies = await Promise.all(clients.map((client) => all.send(client, at, '/complete', {}, '')))
    expect(replies.map((reply) => goal(reply))).toEqual(clients.map(() => at))
    const types = (await eventsOf(owner.organization)).map(({ event_type }) => event_type)
    expect(types.filter((type) => /activated|completed/.test(type))).toHaveLength(2)
  })

  it('is listed once it is completed, takes the place of no open link, and is revoked like one', async () => {
    const owner = await all.owner()
    const { at, id } = await all.link(owner, { intent: 'connection' })
    const client = await tested(at)
    expect(goal(await all.send(client, at, '/complete', {}, ''))).toBe(at)
    const links = LINKS(owner.organization)
    for (let n = 0; n < 20; n += 1) await all.link(owner, { intent: 'domain' })
    expect((await owner.client.post(links, {})).status).toBe(409)
    const { data } = await owner.client.get(links)
    expect(data.map(({ state }: { state: string }) => state)).toEqual([
      ...Array(20).fill('open'),
      'completed',
    ])
    const shown = (
      await owner.client.get(`/account/organizations/${owner.organization}/connections/setup-links`, HTML)
    ).text
    expect(shown).toContain('It changes nothing any more.')
    expect((await client.get(at, HTML)).text).toContain('The set-up is completed')
    const neighbour = await all.owner()
    expect((await neighbour.client.delete(`${LINKS(neighbour.organization)}/${id}`)).status).toBe(404)
    const replies = await Promise.all(Array.from({ length: 5 }, () => owner.client.delete(`${links}/${id}`)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404])
    const after = await client.get(at, HTML)
    expect([after.status, after.text.includes('Engines')]).toEqual([410, false])
    expect((await rowsOf(owner.organization))[0]?.status).toBe('active')
    expect((await owner.client.get(links)).data).toHaveLength(20)
  })

  it('whose settings were changed after the test is tested again', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner)
    const client = await tested(at)
    await all.send(client, at, '/settings', { ...oidc(), groups_attribute: 'roles' })
    expect((await all.send(client, at, '/complete', {}, '/provider')).status).toBe(409)
    await testByLink(all, client, at)
    expect(goal(await all.send(client, at, '/complete', {}, ''))).toBe(at)
    // without a domain it is active, and not used
    const { data } = await owner.client.get(`/api/v1/organizations/${owner.organization}/connections`)
    expect(data).toMatchObject([{ status: 'active', state: 'pending' }])
  })
})

describe('what is entered', () => {
  it('is checked at once, in words', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner)
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'okta-oidc' })
    const wrong = [
      ['https://nowhere.invalid', /could not be reached|not what the protocol/],
      ['http://169.254.169.254/latest', /begins with https:/],
      ['http://127.0.0.1:1/', /begins with https:/],
      ['https://169.254.169.254/latest', /in a private network/],
      ['javascript:alert(1)', /Issuer/],
    ] as const
    for (const [issuer, words] of wrong) {
      const reply = await all.send(client, at, '/settings', { ...oidc(), issuer })
      expect([issuer, reply.status]).toEqual([issuer, 400])
      expect(reply.text).toMatch(words)
      expect(reply.text).toContain('id="field-issuer-error"')
      expect(reply.text).not.toContain(oidc().client_secret)
    }
    const [row] = await rowsOf(owner.organization)
    expect([row?.client_id, row?.client_secret]).toEqual([null, null])
    // the test leads to what is missing
    expect((await client.get(`${at}/test`, HTML)).text).toContain(
      `<a href="${at}/settings">Enter the settings`,
    )
  })

  it('is none of what a link may not set', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner)
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'oidc', connection_id: 'x' })
    await all.send(client, at, '/settings', {
      ...oidc(),
      default_role: 'owner',
      group_roles: 'x=owner',
      trusts_email: 'true',
      trusts_mfa: 'true',
      links_silently: 'true',
      keeps_tokens: 'true',
      allows_private: 'true',
      registers: 'true',
      status: 'active',
    })
    const [row] = await rowsOf(owner.organization)
    expect(Object.keys(row?.settings as object).sort()).toEqual(['attributes', 'issuer'])
    expect(row?.status).toBe('draft')
  })

  it('too large or no metadata is refused', async () => {
    const { at } = await all.link(await all.owner())
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'saml' })
    const huge = await all.send(client, at, '/settings', { metadata_xml: 'x'.repeat(10_000_000) })
    expect(huge.status).toBe(413)
    for (const metadata_xml of ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', '<a/>', 'no xml'])
      expect((await all.send(client, at, '/settings', { metadata_xml })).status).toBe(400)
    for (const metadata_url of ['http://169.254.169.254/x', 'https://127.0.0.1/x', 'file:///etc/passwd'])
      expect([metadata_url, (await all.send(client, at, '/settings', { metadata_url })).status]).toEqual([
        metadata_url,
        400,
      ])
  })
})

describe('a link', () => {
  it('that is unknown, expired or revoked says so, and nothing of the organization', async () => {
    const owner = await all.owner('Hidden Name')
    const { at, id } = await all.link(owner)
    const short = await all.link(owner, { expires_in: 300 })
    const listed = (await owner.client.get(LINKS(owner.organization))).data
    expect(listed).toMatchObject([
      { id, state: 'open', last_used_at: null, made_by: owner.id },
      { id: short.id },
    ])
    expect(JSON.stringify(listed)).not.toContain('secret')
    const client = all.world.client()
    expect((await client.get(`${at}x`, HTML)).status).toBe(404)
    expect((await client.get(`${at.slice(0, -1)}${at.endsWith('A') ? 'B' : 'A'}`, HTML)).status).toBe(404)
    expect((await owner.client.delete(`${LINKS(owner.organization)}/${id}`)).status).toBe(200)
    expect((await owner.client.delete(`${LINKS(owner.organization)}/${id}`)).status).toBe(404)
    await all.world.clock.advance('6 minutes')
    for (const path of [at, short.at]) {
      const { status, text } = await client.get(path, HTML)
      expect([status, text.includes('Hidden Name')]).toEqual([410, false])
      expect((await all.send(client, path, '/provider', { choice: 'oidc' }, '/provider')).status).toBe(410)
    }
    expect(await rowsOf(owner.organization)).toEqual([])
  })

  it('is void once its maker may no longer change connections, or the organization is deleted', async () => {
    const owner = await all.owner()
    const [other] = await all.world.people(1)
    if (!other) throw new Error('no user was created')
    const base = `/api/v1/organizations/${owner.organization}`
    const [root] = await all.world.people([{ roles: ['super_admin'] }])
    await root?.client.post(`${base}/members`, { user_id: other.id, role: 'owner' })
    const { at, id } = await all.link({ ...other, organization: owner.organization })
    const client = await tested(at)
    expect((await owner.client.patch(`${base}/members/${other.id}/role`, { role: 'admin' })).status).toBe(200)
    expect((await client.get(at, HTML)).status).toBe(404)
    expect((await all.send(client, at, '/complete', {}, '')).status).toBe(404)
    expect((await rowsOf(owner.organization))[0]?.status).toBe('draft')
    expect((await owner.client.get(LINKS(owner.organization))).data).toMatchObject([{ id, state: 'void' }])
    const mine = await all.link(owner)
    expect((await client.get(mine.at, HTML)).status).toBe(200)
    await owner.client.delete(base)
    expect((await client.get(mine.at, HTML)).status).toBe(404)
  })

  it('is made, seen and revoked by those who may, of the same organization', async () => {
    const [owner, neighbour] = [await all.owner(), await all.owner()]
    const [admin] = await all.world.people(1)
    const [root] = await all.world.people([{ roles: ['super_admin'] }])
    if (!admin || !root) throw new Error('no users were created')
    await root.client.post(`/api/v1/organizations/${owner.organization}/members`, {
      user_id: admin.id,
      role: 'admin',
    })
    const { id } = await all.link(owner)
    const links = LINKS(owner.organization)
    expect((await admin.client.post(links, {})).status).toBe(403)
    expect((await admin.client.get(links)).status).toBe(200)
    expect((await admin.client.delete(`${links}/${id}`)).status).toBe(403)
    expect((await neighbour.client.post(links, {})).status).toBe(404)
    expect((await neighbour.client.delete(`${LINKS(neighbour.organization)}/${id}`)).status).toBe(404)
    expect((await root.client.post(links, {})).status).toBe(201)
    for (const expires_in of [0, 604_801])
      expect((await owner.client.post(links, { expires_in })).status).toBe(400)
  })

  it('does nothing in another organization, and checks no domain but its own', async () => {
    const [ours, theirs] = [await all.owner(), await all.owner()]
    const { at } = await all.link(ours)
    const domain = async ({ client, organization }: typeof ours, name: string) =>
      (await client.post(`/api/v1/organizations/${organization}/domains`, { domain: name })).data.id
    const foreign = [await domain(theirs, 'theirs.example.com'), await domain(ours, 'ours.example.com')]
    const client = all.world.client()
    for (const domain_id of foreign)
      expect((await all.send(client, at, '/domain/check', { domain_id }, '/domain')).status).toBe(404)
    expect((await client.get(`${at}/domain`, HTML)).text).not.toMatch(/(?:theirs|ours)\.example\.com/)
    expect(await rowsOf(theirs.organization)).toEqual([])
  })

  it('takes 20 domains, also where several are added at once, and adds none beyond', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner)
    const client = all.world.client()
    const domains = `/api/v1/organizations/${owner.organization}/domains`
    const add = (browser: Client, domain: string) => all.send(browser, at, '/domain', { domain })
    for (let n = 1; n < 20; n += 1) expect(goal(await add(client, `d${n}.example.com`))).toBe(`${at}/domain`)
    const raced = await Promise.all(
      Array.from({ length: 8 }, (_, n) => add(all.world.client(), `raced${n}.example.com`)),
    )
    expect(raced.map(({ status }) => status).sort()).toEqual([303, 409, 409, 409, 409, 409, 409, 409])
    const listed = (await owner.client.get(domains)).data
    expect(listed).toHaveLength(20)
    const types = (await eventsOf(owner.organization)).map(({ event_type }) => event_type)
    expect(types.filter((type) => type === 'organization.domain.added')).toHaveLength(20)
    // one that it has is no further one, and one that the owners remove makes room
    expect(goal(await add(client, 'd1.example.com'))).toBe(`${at}/domain`)
    expect((await owner.client.delete(`${domains}/${listed[0].id}`)).status).toBe(200)
    expect(goal(await add(client, 'room.example.com'))).toBe(`${at}/domain`)
    expect((await add(client, 'beyond.example.com')).status).toBe(409)
    expect((await client.get(`${at}/domain`, HTML)).text).not.toContain('beyond.example.com')
  })

  it('has the steps and the provider that its maker chose', async () => {
    const owner = await all.owner()
    const domain = await all.link(owner, { intent: 'domain' })
    const client = all.world.client()
    expect(goal(await client.get(`${domain.at}/provider`, HTML))).toBe(domain.at)
    expect((await all.send(client, domain.at, '/provider', { choice: 'oidc' }, '/domain')).status).toBe(400)
    const okta = await all.link(owner, { provider: 'okta', intent: 'connection' })
    const { text } = await client.get(`${okta.at}/provider`, HTML)
    expect(text).toContain('okta-saml')
    expect(text).not.toContain('keycloak')
    expect((await all.send(client, okta.at, '/provider', { choice: 'oidc' })).status).toBe(400)
    expect(await rowsOf(owner.organization)).toEqual([])
    expect(
      (await all.send(client, okta.at, '/domain', { domain: 'x.example.com' }, '/provider')).status,
    ).toBe(404)
    await all.send(client, domain.at, '/domain', { domain: 'only.example.com' })
    expect(goal(await all.send(client, domain.at, '/complete', {}, ''))).toBe(domain.at)
  })

  it('is sent by e-mail in the language that was chosen', async () => {
    const owner = await all.owner()
    await all.link(owner, { email: 'it@customer.example', locale: 'de' })
    const { text } = await all.world.mailbox.emailTo('it@customer.example')
    expect(text).toContain('Einrichtung beginnen')
    expect(text).toMatch(/\/setup\/connection\/lnk_[0-9a-f]{32}\.[\w-]{43}/)
  })

  it('leaves a connection alone that the owners use', async () => {
    const owner = await all.owner()
    const { at } = await all.link(owner)
    const client = await tested(at)
    const [row] = await rowsOf(owner.organization)
    const path = `/api/v1/organizations/${owner.organization}/connections/${row?.id}`
    expect((await owner.client.patch(path, { status: 'active' })).status).toBe(200)
    const reply = await all.send(client, at, '/settings', { ...oidc(), groups_attribute: 'others' })
    expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('is in use')])
    expect((await all.send(client, at, '/provider', { choice: 'saml' })).status).toBe(409)
  })
})
