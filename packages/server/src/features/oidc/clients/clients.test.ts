/** Clients by the API, on both sides: fields, secrets, events, pages of the list, and what the lookup of requests finds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../../base/crypto.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../../organizations/policy/testing.ts'
import { eventsAbout, ofOrganization, PORTAL, SERVER } from './testing.ts'

let world: World
let root: Person
let company: Company
beforeAll(async () => {
  world = await startWorld()
  root = await world.person({ roles: ['super_admin'] })
  company = await startCompany(world)
})
afterAll(() => world.stop())

const sides = () =>
  [
    ['the server', SERVER, root],
    ['an organization', ofOrganization(company.id), company.owner],
  ] as const

const faultsOf = ({ status, body }: { status: number; body: { error: { details: { field: string; code: string }[] } } }) =>
  [status, body.error.details.map(({ field, code }) => `${field} ${code}`)] as const // biome-ignore format: one signature

describe('a client', () => {
  it('of the server has the id that was chosen for it, and all settings', async () => {
    const { status, data } = await root.client.post(SERVER, { ...PORTAL, client_id: 'acme-portal-001' })
    expect(status).toBe(201)
    const { client_secret: secret, ...client } = data
    expect(secret).toMatch(/^cs_[A-Za-z0-9_-]{43}$/)
    expect(client).toEqual({
      client_id: 'acme-portal-001',
      organization_id: null,
      source: 'operator',
      name: 'Acme Portal',
      status: 'active',
      settings: {
        application_type: 'web',
        redirect_uris: PORTAL.settings.redirect_uris,
        post_logout_redirect_uris: [],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_basic',
        token_endpoint_auth_signing_alg: null,
        jwks: null,
        jwks_uri: null,
        scopes: null,
        id_token_signed_response_alg: 'RS256',
        subject_type: 'public',
        sector_identifier_uri: null,
        first_party: false,
        require_pkce: true,
        require_pushed_authorization_requests: false,
        dpop_bound_access_tokens: false,
        default_max_age: null,
        required_acr: null,
        allowed_roles: [],
        allowed_organizations: [],
        served_resources: [],
        claims_in_id_token: false,
        backchannel_logout_uri: null,
        backchannel_logout_session_required: false,
        logo_uri: null,
        client_uri: null,
        policy_uri: null,
        tos_uri: null,
        contacts: [],
        initiate_login_uri: null,
        access_token_lifetime: null,
        token_claims: 'minimal',
      },
      unreadable: [],
      secrets: [
        {
          id: expect.stringMatching(/^csec_[0-9a-f]{32}$/),
          hint: secret.slice(0, 7),
          created_at: expect.stringMatching(/^2030-06-01T12:/),
          expires_at: null,
          last_used_at: null,
        },
      ],
      created_at: expect.stringMatching(/^2030-06-01T12:/),
      updated_at: client.created_at,
      last_used_at: null,
      expires_at: null,
    })
    expect((await root.client.get(`${SERVER}/acme-portal-001`)).data).toEqual(client)
    const found = await world.app.tools.clients.find('acme-portal-001')
    expect(found).toMatchObject({ status: 'active', secrets: [{ hash: sha256(secret) }] })
  })

  it('of an organization has an id that is made for it', async () => {
    const { status, data } = await company.owner.client.post(ofOrganization(company.id), PORTAL)
    expect(status).toBe(201)
    expect(data).toMatchObject({
      client_id: expect.stringMatching(/^cli_[0-9a-f]{32}$/),
      organization_id: company.id,
      source: 'organization',
    })
    const chosen = await company.owner.client.post(ofOrganization(company.id), {
      ...PORTAL,
      client_id: 'mine',
    })
    expect(faultsOf(chosen)).toEqual([400, ['client_id unknown']])
  })

  it('without a secret gets none, and loses those that it has', async () => {
    for (const [, path, { client }] of sides()) {
      const made = await client.post(path, {
        name: 'App',
        settings: { ...PORTAL.settings, token_endpoint_auth_method: 'none' },
      })
      expect([made.status, made.data.client_secret, made.data.secrets]).toEqual([201, null, []])
      const refused = await client.post(`${path}/${made.data.client_id}/secrets`)
      expect([refused.status, refused.body.error.details]).toEqual([409, { reason: 'no_secrets' }])
      const { data } = await client.post(path, PORTAL)
      const changed = await client.patch(`${path}/${data.client_id}`, { settings: { token_endpoint_auth_method: 'none' } })
      expect([changed.status, changed.data.secrets]).toEqual([200, []])
      expect((await eventsAbout(world, data.client_id)).map(({ type }) => type)).toEqual([
        'client.created',
        'client.secret.created',
        'client.updated',
        'client.secret.deleted',
      ])
    }
  }) // biome-ignore format: requests on one line

  it.each([
    ['without a redirect URI', {}, ['settings.redirect_uris required']],
    ['with one that may not be', { redirect_uris: ['http://portal.example.com/'] }, ['settings.redirect_uris.0 redirect_uri']],
    ['with an unknown setting', { ...PORTAL.settings, response_types: ['code'] }, ['settings.response_types unknown']],
    ['with a scope of no API', { ...PORTAL.settings, scopes: ['openid', 'invoices:read'] }, ['settings.scopes.1 unknown_scope']],
    ['that is public and a service', { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' }, ['settings.grant_types public_client']],
  ])('is refused %s', async (_, settings, faults) => {
    for (const [, path, { client }] of sides())
      expect(faultsOf(await client.post(path, { name: 'App', settings }))).toEqual([400, faults])
  }) // biome-ignore format: a table

  it('has a chosen id of letters that need no encoding, once', async () => {
    for (const id of ['ab', 'cli_x', 'usr_x', 'org_x', 'a/b', 'a b', 'ä-b', 'a'.repeat(101), ''])
      expect((await root.client.post(SERVER, { ...PORTAL, client_id: id })).status).toBe(400)
    const all = await Promise.all(
      Array.from({ length: 10 }, () => root.client.post(SERVER, { ...PORTAL, client_id: 'raced.id' })),
    )
    expect(all.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
    expect(all.find(({ status }) => status === 409)?.body.error.details).toEqual({ field: 'client_id' })
  })
})

describe('a change', () => {
  it('keeps what it does not name, records values before and after, and is found at once', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, PORTAL)
      const one = `${path}/${data.client_id}`
      await world.app.tools.clients.find(data.client_id)
      const changed = await client.patch(one, {
        name: 'Portal',
        settings: { client_uri: 'https://portal.example.com/', access_token_lifetime: 120 },
      })
      expect(changed.data).toMatchObject({
        name: 'Portal',
        settings: {
          ...PORTAL.settings,
          client_uri: 'https://portal.example.com/',
          access_token_lifetime: 120,
        },
      })
      const found = await world.app.tools.clients.find(data.client_id)
      expect(found).toMatchObject({ name: 'Portal', settings: { access_token_lifetime: 120 } })
      const cleared = await client.patch(one, { settings: { client_uri: null, require_pkce: null } })
      expect(cleared.data.settings).toMatchObject({ client_uri: null, require_pkce: true })
      const events = await eventsAbout(world, data.client_id)
      expect(events.slice(2).map(({ type, details: { from, to } }) => ({ type, from, to }))).toEqual([
        {
          type: 'client.updated',
          from: { name: 'Acme Portal', client_uri: null, access_token_lifetime: null },
          to: { name: 'Portal', client_uri: 'https://portal.example.com/', access_token_lifetime: 120 },
        },
        {
          type: 'client.updated',
          from: { client_uri: 'https://portal.example.com/' },
          to: { client_uri: null },
        },
      ])
      expect(events[2]?.organizationId).toBe(data.organization_id)
      expect((await client.patch(one, { name: 'Portal' })).status).toBe(200)
      expect((await client.patch(one, {})).data.updated_at).toBe(cleared.data.updated_at)
      expect(await eventsAbout(world, data.client_id)).toHaveLength(4)
    }
  })

  it('of keys or of long lists is recorded, also where their record is the same', async () => {
    const uris = (letter: string) =>
      Array.from({ length: 50 }, (_, n) => `https://portal.example.com/${letter.repeat(200)}/${n}`)
    const { data } = await root.client.post(SERVER, { name: 'App', settings: { redirect_uris: uris('a') } })
    const changed = await root.client.patch(`${SERVER}/${data.client_id}`, {
      settings: { redirect_uris: uris('b') },
    })
    expect(changed.data.settings.redirect_uris).toEqual(uris('b'))
    const { details } = (await eventsAbout(world, data.client_id)).at(-1) ?? {}
    expect(details?.to).toEqual({ redirect_uris: { characters: expect.any(Number) } })
  })

  it('disables and enables', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, PORTAL)
      const one = `${path}/${data.client_id}`
      for (const status of ['disabled', 'disabled', 'active'] as const) {
        expect((await client.patch(one, { status })).data.status).toBe(status)
        expect(await world.app.tools.clients.find(data.client_id)).toMatchObject({ status })
      }
      const types = (await eventsAbout(world, data.client_id)).map(({ type }) => type)
      expect(types.slice(2)).toEqual(['client.disabled', 'client.enabled'])
    }
  })

  it('mends settings that cannot be read', async () => {
    const { data } = await root.client.post(SERVER, PORTAL)
    const one = `${SERVER}/${data.client_id}`
    const stored = JSON.stringify({ ...PORTAL.settings, newer: true })
    await world.db.tx('system', (tx) =>
      tx.updateTable('clients').set({ settings: stored }).where('id', '=', data.client_id).execute(),
    )
    expect((await root.client.get(one)).data).toMatchObject({ status: 'disabled', unreadable: ['newer'] })
    const renamed = await root.client.patch(one, { name: 'Other' })
    expect(renamed.data).toMatchObject({ name: 'Other', status: 'disabled', unreadable: ['newer'] })
    const mended = await root.client.patch(one, { settings: {} })
    expect(mended.data).toMatchObject({ status: 'active', unreadable: [] })
  })

  it('is refused where the settings do not fit together afterwards', async () => {
    const { data } = await root.client.post(SERVER, PORTAL)
    const change = (settings: object) => root.client.patch(`${SERVER}/${data.client_id}`, { settings })
    expect(faultsOf(await change({ redirect_uris: [] }))).toEqual([400, ['settings.redirect_uris required']])
    expect(faultsOf(await change({ token_endpoint_auth_method: 'private_key_jwt' }))).toEqual([400, ['settings.jwks required']])
    expect((await root.client.get(`${SERVER}/${data.client_id}`)).data.settings).toEqual(data.settings)
  }) // biome-ignore format: requests on one line
})

describe('secrets', () => {
  it('are several at once, shown once, and deleted one by one', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, PORTAL)
      const secrets = `${path}/${data.client_id}/secrets`
      const expires_at = world.clock.now().getTime() + 3_600_000
      const second = await client.post(secrets, { expires_at: new Date(expires_at).toISOString() })
      expect(second.status).toBe(201)
      const { client_secret, ...view } = second.data
      const { data: shown } = await client.get(`${path}/${data.client_id}`)
      expect(shown.secrets).toEqual([data.secrets[0], view])
      expect((await client.delete(`${secrets}/${data.secrets[0].id}`)).status).toBe(200)
      expect((await client.delete(`${secrets}/${data.secrets[0].id}`)).status).toBe(404)
      const found = await world.app.tools.clients.find(data.client_id)
      expect(found?.secrets).toEqual([
        { id: view.id, hash: sha256(client_secret), expiresAt: new Date(expires_at) },
      ])
      const events = await eventsAbout(world, data.client_id)
      expect(JSON.stringify(events)).not.toContain(client_secret)
      expect(events.at(-1)).toMatchObject({
        type: 'client.secret.deleted',
        details: { secret_id: data.secrets[0].id, hint: data.secrets[0].hint },
      })
    }
  })

  it('are five at most, without those that have expired, also at once', async () => {
    for (const [, path, person] of sides()) {
      const { data } = await person.client.post(path, PORTAL)
      const secrets = `${path}/${data.client_id}/secrets`
      const soon = new Date(world.clock.now().getTime() + 60_000).toISOString()
      const all = await Promise.all(Array.from({ length: 8 }, () => person.client.post(secrets, { expires_at: soon })))
      expect(all.map(({ status }) => status).sort()).toEqual([201, 201, 201, 201, 409, 409, 409, 409])
      expect(all.find(({ status }) => status === 409)?.body.error.details).toEqual({ reason: 'too_many' })
      await world.clock.advance('61 seconds')
      expect((await person.client.post(secrets)).status).toBe(201)
      expect((await person.client.get(`${path}/${data.client_id}`)).data.secrets).toHaveLength(2)
    }
  }) // biome-ignore format: requests on one line

  it('expire in the future, within ten years', async () => {
    const now = world.clock.now().getTime()
    for (const [at, code] of [[now, 'past'], [now + 3651 * 86_400_000, 'too_late']] as const)
      expect(faultsOf(await root.client.post(SERVER, { ...PORTAL, secret_expires_at: new Date(at).toISOString() }))).toEqual([
        400,
        [`expires_at ${code}`],
      ])
  }) // biome-ignore format: a table
})

describe('a deletion', () => {
  it('ends a client with its secrets, once, and is found at once', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, PORTAL)
      const one = `${path}/${data.client_id}`
      await world.app.tools.clients.find(data.client_id)
      const all = await Promise.all(Array.from({ length: 5 }, () => client.delete(one)))
      expect(all.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404])
      expect(await world.app.tools.clients.find(data.client_id)).toBeNull()
      for (const reply of [await client.get(one), await client.patch(one, { name: 'x' }), await client.post(`${one}/secrets`)])
        expect([reply.status, reply.body.error.details]).toEqual([404, { resource: 'client' }])
      const left = await world.db.tx('system', (tx) =>
        tx.selectFrom('client_secrets').select('id').where('client_id', '=', data.client_id).execute(),
      )
      expect(left).toEqual([])
    }
  }) // biome-ignore format: requests on one line
})

it('are listed page by page, those of an owner alone', async () => {
  const { id, owner } = await startCompany(world)
  const made: string[] = []
  for (let n = 0; n < 5; n += 1)
    made.push((await owner.client.post(ofOrganization(id), PORTAL)).data.client_id)
  const seen: string[] = []
  let cursor = ''
  do {
    const reply = await owner.client.get(`${ofOrganization(id)}?limit=2${cursor && `&cursor=${cursor}`}`)
    seen.push(...reply.data.map((one: { client_id: string }) => one.client_id))
    cursor = reply.body.metadata.next_cursor ?? ''
    // a cursor of this list is none of another
    if (cursor) expect((await root.client.get(`${SERVER}?cursor=${cursor}`)).status).toBe(400)
  } while (cursor !== '')
  expect(seen).toEqual(made)
  const ofServer = (await root.client.get(`${SERVER}?limit=100`)).data as { organization_id: null }[]
  expect(ofServer.length).toBeGreaterThan(0)
  expect(ofServer.filter((one) => one.organization_id !== null)).toEqual([])
})
