import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let ada: Person
let ben: Person
let eve: Person
let id: string
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
  ben = await world.person({ email: 'ben@example.com' })
  eve = await world.person({ email: 'eve@example.com' })
  id = (await ada.client.post('/api/v1/organizations', { name: '<b>Engines</b>' })).data.id
  await eve.client.post('/api/v1/organizations', { name: 'Elsewhere' })
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('memberships')
      .values({ organization_id: id, user_id: ben.id, role: 'member', joined_at: world.clock.now() })
      .execute(),
  )
})
afterAll(() => world.stop())

const HTML = { headers: { accept: 'text/html' } }
const see = (client: Client, path: string) => client.get(path, HTML)
const send = ({ client }: Person, path: string, fields: Record<string, string> = {}): Promise<Reply> =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { ...HTML, form: true })
const at = (part = '') => `/account/organizations/${id}${part}`
const snapshot = () =>
  world.db.tx('system', async (tx) => ({
    organizations: await tx.selectFrom('organizations').selectAll().orderBy('id').execute(),
    members: await tx.selectFrom('memberships').selectAll().orderBy('user_id').execute(),
    roles: await tx.selectFrom('organization_roles').selectAll().orderBy('name').execute(),
    invitations: await tx.selectFrom('invitations').selectAll().orderBy('id').execute(),
  }))
const PAGES = ['', '/members', '/invitations', '/roles', '/settings', '/delete', '/leave']
const FORMS = (): [string, Record<string, string>][] => [
  ['/settings', { name: 'Mine', slug: 'mine' }],
  ['/invitations', { email: 'x@example.com', role: 'owner' }],
  [`/members/${ada.id}/role`, { role: 'guest' }],
  [`/members/${ada.id}/remove`, {}],
  [`/members/${ada.id}/transfer`, {}],
  ['/roles', { name: 'boss', inherits: 'admin', permission_0: 'organization:delete' }],
  ['/delete', {}],
  ['/restore', {}],
]

describe('the pages of an organization', () => {
  it('are not found by users outside the organization, whose forms change nothing', async () => {
    const before = await snapshot()
    for (const page of PAGES) {
      const { status, text } = await see(eve.client, at(page))
      expect({ page, status }).toEqual({ page, status: 404 })
      expect(text).not.toContain('Engines')
    }
    for (const [form, fields] of FORMS())
      expect({ form, status: (await send(eve, at(form), fields)).status }).toEqual({ form, status: 404 })
    expect((await send(eve, at('/leave'))).status).toBe(404)
    expect(await snapshot()).toEqual(before)
  })

  it('refuse a member what their role does not permit, and link to none of it', async () => {
    const before = await snapshot()
    const statuses = await Promise.all(PAGES.map(async (page) => (await see(ben.client, at(page))).status))
    expect(statuses).toEqual([200, 200, 403, 200, 303, 403, 200])
    for (const [form, fields] of FORMS())
      expect({ form, status: (await send(ben, at(form), fields)).status }).toEqual({ form, status: 403 })
    const { text } = await see(ben.client, at('/members'))
    expect(text).not.toMatch(/\/(?:invitations|settings|remove|transfer)"/)
    expect(await snapshot()).toEqual(before)
  })

  it('escape names', async () => {
    for (const page of PAGES) {
      const { text } = await see(ada.client, at(page))
      expect(text).not.toContain('<b>Engines')
      expect(text).toContain('&lt;b>Engines')
    }
  })

  it('show and change the description and the logo, which no page loads', async () => {
    const { data: before } = await ada.client.get(`/api/v1/organizations/${id}`)
    const save = (fields: Record<string, string>) =>
      send(ada, at('/settings'), { name: before.name, slug: before.slug, ...fields })
    const stored = async () => {
      const { data } = await ada.client.get(`/api/v1/organizations/${id}`)
      return [data.description, data.logo_url]
    }
    const logo = 'https://cdn.example.com/logo.png?a=1&b=2'
    const typed = { description: 'We <b>calculate</b>.\r\nSince 1837.', logo_url: logo }
    expect((await save(typed)).status).toBe(303)
    expect(await stored()).toEqual(['We <b>calculate</b>.\nSince 1837.', logo])
    for (const page of ['', '/settings']) {
      const { text } = await see(ada.client, at(page))
      expect(text).toContain('We &lt;b>calculate&lt;/b>.\nSince 1837.')
      expect(text).toContain('https://cdn.example.com/logo.png?a=1&amp;b=2')
      expect(text).not.toMatch(/<img[^>]*cdn\.example/)
    }
    for (const logo_url of [
      'http://cdn.example.com/a.png',
      'javascript:alert(1)',
      'data:image/png;base64,AA',
    ]) {
      const refused = await save({ description: 'Other', logo_url })
      expect(refused.status).toBe(400)
      expect(refused.text).toContain('>Other</textarea>')
      expect(refused.text).toContain('id="field-logo_url-error"')
    }
    // a form of the previous version has neither field
    expect((await save({})).status).toBe(303)
    expect(await stored()).toEqual(['We <b>calculate</b>.\nSince 1837.', logo])
    expect((await save({ description: '', logo_url: '' })).status).toBe(303)
    expect(await stored()).toEqual([null, null])
    expect((await see(ada.client, at())).text).not.toMatch(/Description|Logo/)
  })

  it('keep the form input when a role goes beyond the permissions of the inviter', async () => {
    await send(ada, at(`/members/${ben.id}/role`), { role: 'admin' })
    const { status, text } = await send(ben, at('/invitations'), { email: 'x@example.com', role: 'owner' })
    expect(status).toBe(403)
    expect(text).toContain('This goes beyond your own permissions.')
    expect(text).toContain('value="x@example.com"')
    expect(text).not.toMatch(/<option value="owner"/)
  })

  it('refuse the last owner to step down, to leave and to be removed, with the reason', async () => {
    for (const [path, fields] of [
      [`/members/${ada.id}/role`, { role: 'admin' }],
      ['/leave', {}],
      [`/members/${ada.id}/remove`, {}],
    ] as const) {
      const { status, text } = await send(ada, at(path), fields)
      expect({ path, status }).toEqual({ path, status: 409 })
      expect(text).toContain('An organization always has an owner.')
    }
  })

  it('offer no form that cannot succeed to an only owner who would leave', async () => {
    const alone = await world.person({ email: 'alone@example.com' })
    const own = await world.organization({ name: 'Alone', members: [[alone, 'owner']] })
    const shared = await world.organization({
      name: 'Shared',
      members: [
        [alone, 'owner'],
        [ben, 'member'],
      ],
    })
    for (const [organization, reason, link] of [
      [own, 'You are its only member', '/delete'],
      [shared, 'You are the only one', '/members'],
    ] as const) {
      const place = `/account/organizations/${organization}`
      const { text } = await see(alone.client, `${place}/leave`)
      expect(text).toContain(reason)
      expect(text).toContain(`href="${place}${link}"`)
      expect(text).not.toContain(`action="${place}/leave"`)
    }
    expect((await see(ben.client, `/account/organizations/${shared}/leave`)).text).toContain('/leave"')
    const settings = async (organization: string) =>
      (await see(alone.client, `/account/organizations/${organization}/settings`)).text
    expect(await settings(own)).toContain('Invite a person first.')
    expect(await settings(shared)).toContain('Choose the member first.')
  })

  it('require a proof within ten minutes to transfer or delete it', async () => {
    const late = await world.person({ email: 'late@example.com' })
    const theirs = (await late.client.post('/api/v1/organizations', { name: 'Late' })).data.id
    await world.clock.advance('11 minutes')
    const path = `/account/organizations/${theirs}/delete`
    for (const reply of [await see(late.client, path), await send(late, path)]) {
      expect([reply.status, reply.headers.get('location')]).toEqual([303, '/step-up'])
    }
  })
})

describe('the active organization', () => {
  it('is switched under a new session token, to an organization of the user alone', async () => {
    const before = ben.client.cookies.get('lk_session')
    expect((await send(eve, '/account/active-organization', { organization_id: id })).status).toBe(404)
    const chosen = await send(ben, '/account/active-organization', { organization_id: id })
    expect(chosen.headers.get('location')).toBe('/account/organizations?done=active')
    expect(ben.client.cookies.get('lk_session')).not.toBe(before)
    expect((await see(ben.client, '/account')).text).toMatch(/Organization:<\/span> &lt;b>Engines/)
    await send(ben, '/account/active-organization', { organization_id: '' })
    expect((await see(ben.client, '/account')).text).not.toContain('Engines')
  })
})

describe('an invitation', () => {
  async function link(email: string): Promise<{ path: string; token: string }> {
    await send(ada, at('/invitations'), { email, role: 'guest' })
    const token = await world.mailbox.tokenFor(email, /\/invitations\//)
    const [invitation = ''] = token.split('.')
    return { path: `/invitations/${invitation}`, token }
  }

  it('is not changed by opening its link', async () => {
    const { path, token } = await link('new1@example.com')
    const before = await snapshot()
    for (const client of [world.client(), eve.client, ada.client, world.client()])
      expect((await see(client, `${path}?token=${token}`)).status).toBe(200)
    expect(await snapshot()).toEqual(before)
  })

  it('does not disclose its link to other sites', async () => {
    const { path, token } = await link('new2@example.com')
    const { headers, text } = await see(world.client(), `${path}?token=${token}`)
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).toBe('no-store')
    expect([...text.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, url]) => url?.[0])).not.toContain('h')
  })

  it('masks its address for another user', async () => {
    const { path, token } = await link('secretive@example.com')
    const { text } = await see(eve.client, `${path}?token=${token}`)
    expect(text).toContain('s•••@example.com')
    expect(text).not.toContain('secretive')
    const refused = await send(eve, `${path}/accept`, { token })
    expect(refused.status).toBe(403)
    expect(refused.text).not.toContain('secretive')
  })

  it('is accepted once, by the list and the link together', async () => {
    const carl = await world.person({ email: 'carl@example.com' })
    const { path, token } = await link('carl@example.com')
    expect((await see(carl.client, '/account/organizations')).text).toContain('&lt;b>Engines')
    const invitation = path.split('/').at(-1)
    const answers = await Promise.all([
      ...Array.from({ length: 5 }, () => send(carl, `${path}/accept`, { token })),
      ...Array.from({ length: 5 }, () => send(carl, `/account/invitations/${invitation}/accept`)),
    ])
    const done = answers.filter(({ headers }) => headers.get('location') === at('?done=joined'))
    expect(done).toHaveLength(1)
    expect((await see(carl.client, `${path}?token=${token}`)).status).toBe(404)
  })

  it('is declined from the list', async () => {
    const dora = await world.person({ email: 'dora@example.com' })
    const { path, token } = await link('dora@example.com')
    const invitation = path.split('/').at(-1)
    expect((await send(eve, `/account/invitations/${invitation}/decline`)).status).toBe(404)
    const declined = await send(dora, `/account/invitations/${invitation}/decline`)
    expect(declined.headers.get('location')).toBe('/account/organizations?done=declined')
    expect((await see(world.client(), `${path}?token=${token}`)).status).toBe(404)
  })

  it('that is not open any more shows the choice of a first sign-in again, with where the user continues', async () => {
    const finn = await world.person({ email: 'finn@example.com' })
    const { path } = await link('finn@example.com')
    const invitation = path.split('/').at(-1)
    const goal = { return_to: '/account/security' }
    const start = `/account/organizations/start?${new URLSearchParams(goal)}`
    const shown = (await see(finn.client, start)).text
    for (const answer of ['accept', 'decline']) {
      const at = shown.indexOf(`action="/account/invitations/${invitation}/${answer}"`)
      expect(shown.slice(at, shown.indexOf('</form>', at))).toContain(
        'name="return_to" value="/account/security"',
      )
    }
    await world.db.tx('system', (tx) =>
      tx
        .deleteFrom('invitations')
        .where('id', '=', invitation ?? '')
        .execute(),
    )
    for (const answer of ['accept', 'decline']) {
      const { status, text } = await send(finn, `/account/invitations/${invitation}/${answer}`, goal)
      expect({ answer, status }).toEqual({ answer, status: 404 })
      expect(text).toMatch(/role="alert"[^>]*>This invitation/)
      expect(text).toContain('href="/account/security"')
      expect(text).toContain('Continue without an organization')
    }
    const declining = await link('finn@example.com')
    const declined = await send(finn, `/account${declining.path}/decline`, goal)
    expect(declined.headers.get('location')).toBe(start)
  })

  it('prefills its address at sign-up and sign-in, escaped', async () => {
    for (const path of ['/sign-up', '/sign-in']) {
      const { text } = await see(world.client(), `${path}?${new URLSearchParams({ email: '"><script>x' })}`)
      expect(text).toContain('value="&quot;>&lt;script>x"')
      expect(text).not.toContain('"><script>x')
    }
  })
})

describe('the limit of declining an invitation', () => {
  it('counts the JSON route and the form together', async () => {
    const limited = await startWorld({ rateLimits: 'standard' })
    try {
      const visitor = await limited.person()
      const id = `inv_${'0'.repeat(32)}`
      const token = `${id}.${'x'.repeat(43)}`
      const byJson = () => visitor.client.post('/api/v1/invitations/decline', { token })
      const byForm = () => send(visitor, `/invitations/${id}/decline`, { token })
      for (let n = 0; n < 60; n += 1) {
        const { status } = await (n % 2 === 0 ? byJson : byForm)()
        expect({ n, status }).toEqual({ n, status: 404 })
      }
      for (const face of [byJson, byForm]) expect((await face()).status).toBe(429)
    } finally {
      await limited.stop()
    }
  })
})
