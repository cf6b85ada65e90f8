/**
 * A session that the provider of an organization alone has proven, which is no authority for the account: it reads and changes
 * nothing of the account but its profile, nor in another organization, until its user has proven more.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needsAccountProof, type Row } from '../../../base/http/row/route.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { type Federated, HTML, startFederated } from '../../../testing/federation.ts'
import { proveOnPage } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
let owner: Person
let ada: Person
let theirs: string
let good: string
/** The session by the provider of an organization that Ada is a member of; her address is of another domain. */
let foreign: Client
let keyId: string
let slug: string
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  const people = (await world.people(2)) as [Person, Person]
  ;[owner, ada] = people
  theirs = await world.organization({
    members: [
      [owner, 'owner'],
      [ada, 'member'],
    ],
  })
  good = await world.organization({
    name: 'Good works',
    members: [
      [owner, 'owner'],
      [ada, 'member'],
    ],
  })
  await federated.prove(theirs, 'theirs.example')
  slug = (await federated.connect('google', { organizationId: theirs, madeBy: owner.id })).slug
  federated.atGoogle({ email: 'ada@theirs.example', hd: 'theirs.example' })
  const link = await ada.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(ada.client, await federated.fakes.authorize(link.data.authorization_url))
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('security_policies')
      .values({
        organization_id: good,
        mode: 'require_any',
        grace_days: 14,
        since: world.clock.now(),
        updated_at: world.clock.now(),
      })
      .execute(),
  )
  const invited = await world.organization({ name: 'Inviting', members: [[owner, 'owner']] })
  await owner.client.post(`${API}/organizations/${invited}/members`, { email: ada.email, role: 'member' })
  await ada.client.post(`${API}/users/me/email`, { email: 'new-ada@elsewhere.example', password: PASSWORD })
  keyId = (await ada.client.post(`${API}/auth/api-keys`, { name: 'service', permissions: [] })).data.key_id
  foreign = world.client()
  await federated.signIn(foreign, slug)
  await federated.me(foreign)
})
afterAll(() => federated?.stop())

const changes: [string, (client: Client) => Promise<Reply>][] = [
  ['revoke an API key', (client) => client.delete(`${API}/auth/api-keys/${keyId}`)],
  ['leave another organization', (client) => client.post(`${API}/organizations/${good}/leave`, {})],
  ['create an organization', (client) => client.post(`${API}/organizations`, { name: 'Another' })],
  ['rename the user', (client) => client.patch(`${API}/users/me`, { full_name: 'Another' })],
  ['end all other sessions', (client) => client.delete(`${API}/auth/sessions`)],
  ['revoke all tokens', (client) => client.delete(`${API}/auth/tokens`)],
  ['forget all browsers', (client) => client.delete(`${API}/auth/devices`)],
  ['accept an invitation', (client) => client.post(`${API}/users/me/invitations/inv_${'0'.repeat(32)}/accept`, {})],
] // biome-ignore format: a table

describe('a session that is proven by no authority for the account', () => {
  it.each(changes)('does not %s', async (_, change) => {
    expect(await change(foreign)).toMatchObject({ status: 401, code: 'STEP_UP_REQUIRED' })
    expect((await ada.client.get(`${API}/auth/validate`)).status).toBe(200)
  })

  /** With ids that exist, so that a row that forgot its check would answer. */
  const pathOf = ({ path }: Row): string =>
    path
      .replace(/api-keys\/:id/, `api-keys/${keyId}`)
      .replace(/organizations\/:id/, `organizations/${good}`)
      .replace(/:\w+/g, 'x')
  const reads = () => world.app.rows.filter((row) => row.method === 'GET' && needsAccountProof(row))

  it('reads nothing of the account: rows of the API refuse it, and pages lead to a step-up and back', async () => {
    const paths = reads().map(({ path }) => path)
    for (const path of [
      'auth/sessions',
      'auth/api-keys',
      'users/me/invitations',
      'auth/external/linked-accounts',
      'auth/devices',
    ])
      expect(paths).toContain(`${API}/${path}`)
    for (const row of reads()) {
      const path = pathOf(row)
      const read = await foreign.get(path, row.kind === 'page' ? HTML : {})
      if (row.kind === 'page') {
        expect([path, read.status, read.headers.get('location')]).toEqual([
          path,
          303,
          expect.stringMatching(/^\/step-up/),
        ])
      } else expect([path, read.status, read.code]).toEqual([path, 401, 'STEP_UP_REQUIRED'])
    }
  })

  it('reads the same by an access token: nothing', async () => {
    const { access_token: token } = (await foreign.post(`${API}/auth/tokens`, {})).data
    const bearer = world.client({ headers: { authorization: `Bearer ${token}` } })
    for (const row of reads().filter(({ kind }) => kind === 'api'))
      expect([row.path, (await bearer.get(pathOf(row))).code]).toEqual([row.path, 'STEP_UP_REQUIRED'])
    const listed = (await bearer.get(`${API}/users/me/organizations`)).data
    expect(listed.map(({ id }: { id: string }) => id)).toEqual([theirs])
  })

  it('is refused by every row of a signed-in user that gives no reason, and these give one', () => {
    const open = world.app.rows.filter((row) => row.anyProof !== undefined)
    expect([...new Set(open.map(({ of }) => of.name))].sort()).toEqual([
      'auth.logout',
      'auth.me',
      'auth.organization',
      'auth.step_up',
      'auth.step_up.enrol',
      'auth.step_up.prove',
      'auth.token',
      'auth.tokens.issue',
      'auth.validate',
      'oidc.consent',
      'oidc.device.decide',
      'oidc.device.review',
      'pages.step_up',
      'pages.step_up.continue',
      'pages.step_up.enrol',
      'users.me.organizations',
      'users.me.show',
    ])
  })

  it('shows the profile, and of organizations those whose policy it meets', async () => {
    expect((await foreign.get(`${API}/users/me`)).data.email).toBe(ada.email)
    expect((await foreign.get(`${API}/auth/me`)).data.user.email).toBe(ada.email)
    const listed = (await foreign.get(`${API}/users/me/organizations`)).data
    expect(listed.map(({ id }: { id: string }) => id)).toEqual([theirs])
    expect((await foreign.get(`${API}/organizations/${theirs}/members`)).status).toBe(200)
    const list = await foreign.get('/account/organizations', HTML)
    expect(list.text).toContain('href="/step-up?return_to=%2Faccount%2Forganizations"')
    // the names of other organizations, an invitation, and an address that waits to be confirmed
    for (const text of [list.text, (await foreign.get('/account', HTML)).text])
      for (const hidden of ['Good works', 'Inviting', 'new-ada@elsewhere.example'])
        expect(text).not.toContain(hidden)
    const own = (await ada.client.get('/account/organizations', HTML)).text
    for (const shown of ['Good works', 'Inviting']) expect(own).toContain(shown)
    expect(own).not.toContain('/step-up?')
    const profile = (await ada.client.get('/account', HTML)).text
    for (const shown of ['Good works', 'new-ada@elsewhere.example']) expect(profile).toContain(shown)
  })

  it('lists no organization that it does not meet any more', async () => {
    const policy = (mode: 'disabled', absolute: number) =>
      world.db.tx('system', (tx) =>
        tx
          .insertInto('security_policies')
          .values({
            organization_id: theirs,
            mode,
            grace_days: 0,
            session_absolute_seconds: absolute,
            since: world.clock.now(),
            updated_at: world.clock.now(),
          })
          .execute(),
      )
    await policy('disabled', 1)
    await world.clock.advance('2 seconds')
    expect((await foreign.get(`${API}/users/me/organizations`)).data).toEqual([])
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('security_policies').where('organization_id', '=', theirs).execute(),
    )
    expect((await foreign.get(`${API}/users/me/organizations`)).data).toHaveLength(1)
  })

  it('nor by its tokens', async () => {
    const { access_token: token } = (await foreign.post(`${API}/auth/tokens`, {})).data
    const bearer = world.client({ headers: { authorization: `Bearer ${token}` } })
    expect((await bearer.get(`${API}/auth/validate`)).status).toBe(200)
    for (const [what, change] of changes)
      expect([what, await change(bearer)]).toEqual([
        what,
        expect.objectContaining({ code: 'STEP_UP_REQUIRED' }),
      ])
  })

  it('reads the page that it meant after the step-up', async () => {
    const client = world.client()
    await federated.signIn(client, slug)
    expect((await client.get('/account/sessions', HTML)).headers.get('location')).toMatch(/^\/step-up/)
    expect((await proveOnPage(client)).headers.get('location')).toBe('/step-up/continue')
    expect((await client.get('/step-up/continue', HTML)).headers.get('location')).toBe('/account/sessions')
    expect((await client.get('/account/sessions', HTML)).status).toBe(200)
  })

  it('is led to a step-up by a page, and changes what it meant after it', async () => {
    const form = { full_name: 'Ada by proof', username: '', locale: '' }
    const sent = await foreign.send('POST', '/account', form, { form: true, ...HTML })
    expect([sent.status, sent.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/step-up/)])
    const { data } = await foreign.post(`${API}/auth/step-up`, {})
    const proven = await foreign.post(`${API}/auth/mfa/verify`, {
      attempt: data.attempt,
      method: 'password',
      password: PASSWORD,
    })
    expect(proven.status).toBe(200)
    expect((await foreign.patch(`${API}/users/me`, { full_name: 'Ada by proof' })).status).toBe(200)
    for (const row of reads().filter(({ kind, path }) => kind === 'api' && !path.includes(':')))
      expect([row.path, (await foreign.get(row.path)).status]).toEqual([row.path, 200])
    expect((await foreign.get(`${API}/users/me/organizations`)).data.length).toBeGreaterThan(1)
  })
})

it('a session by a password is not affected', async () => {
  const client = world.client()
  await client.signIn(ada.email, PASSWORD)
  expect((await client.patch(`${API}/users/me`, { full_name: 'Ada' })).status).toBe(200)
})
