/** Connections by the API, on both sides: fields, versions, what a provider takes, limits, secrets, diagnostics. */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import { writeCertificate } from '../../../base/x509.ts'
import { failedEvent, recordConnectionEvent } from '../../../core/connection-events.ts'
import { FederationFault, PROVIDER_IDS } from '../../../core/providers/index.ts'
import type { Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../policy/testing.ts'
import { eventsAbout, linkTo, OIDC, ofOrganization, SAML, SERVER } from './testing.ts'

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
let made = 0
/** With another slug for each server-wide one; those of organizations have none. */
const named = (path: string, body: object = OIDC): object =>
  path === SERVER ? { ...body, slug: `acme-${++made}` } : body

describe('a connection', () => {
  it('is a draft by default, of the server with the provider’s id as its name in paths', async () => {
    const { status, data } = await root.client.post(SERVER, { provider: 'github' })
    expect(status).toBe(201)
    expect(data).toEqual({
      id: expect.stringMatching(/^con_[0-9a-f]{32}$/),
      organization_id: null,
      provider: 'github',
      slug: 'github',
      name: 'GitHub',
      status: 'draft',
      state: 'draft',
      missing: ['client_id', 'client_secret'],
      client_id: null,
      has_secret: false,
      settings: {},
      callback_url: `${world.config.publicUrl}/api/v1/auth/external/github/callback`,
      saml: null,
      certificates: null,
      metadata: null,
      domains: [],
      has_identities: false,
      origin: 'api',
      version: 1,
      tested_at: null,
      created_at: expect.stringMatching(/^2030-06-01T12:/),
      updated_at: data.created_at,
    })
    expect((await root.client.get(`${SERVER}/${data.id}`)).data).toEqual(data)
  })

  it('of an organization has its id in paths, and is pending until a domain is proven', async () => {
    const path = ofOrganization(company.id)
    const { data } = await company.owner.client.post(path, { ...OIDC, status: 'active' })
    expect(data).toMatchObject({
      organization_id: company.id,
      slug: data.id,
      status: 'active',
      state: 'pending',
      missing: [],
      has_secret: true,
      callback_url: `${world.config.publicUrl}/api/v1/auth/external/${data.id}/callback`,
    })
    const listed = (await company.admin.client.get(path)).data as { id: string }[]
    expect(listed.find(({ id }) => id === data.id)).toEqual(data)
  })

  it('of an organization is in force while a verified domain leads to it', async () => {
    const { id, owner } = await startCompany(world)
    const path = ofOrganization(id)
    const make = async () => (await owner.client.post(path, { ...OIDC, status: 'active' })).data.id as string
    const [first, second] = [await make(), await make()]
    const states = async () =>
      (await owner.client.get(path)).data.map(({ state }: { state: string }) => state) as string[]
    expect(await states()).toEqual(['pending', 'pending'])
    const domain = newId('dom')
    const change = (fields: { verified_at?: Date; connection_id?: string }) =>
      world.db.tx('system', (tx) =>
        tx.updateTable('organization_domains').set(fields).where('id', '=', domain).execute(),
      )
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('organization_domains')
        .values({ id: domain, organization_id: id, domain: `${id}.test`, token: 't', created_at: world.clock.now() } as never)
        .execute(),
    )
    expect(await states()).toEqual(['pending', 'pending'])
    await change({ verified_at: world.clock.now() })
    expect(await states()).toEqual(['active', 'pending'])
    await owner.client.patch(`${path}/${first}`, { status: 'disabled' })
    expect(await states()).toEqual(['disabled', 'active'])
    await owner.client.patch(`${path}/${first}`, { status: 'active' })
    await change({ connection_id: second })
    expect(await states()).toEqual(['pending', 'active'])
  }) // biome-ignore format: a row on one line

  it('of SAML has the addresses to register instead of a callback URL', async () => {
    const { data } = await root.client.post(SERVER, { ...SAML, slug: 'acme-saml', status: 'active' })
    const base = `${world.config.publicUrl}/saml/acme-saml`
    expect(data).toMatchObject({
      state: 'active',
      callback_url: null,
      client_id: null,
      saml: {
        entity_id: `${base}/metadata`,
        metadata_url: `${base}/metadata`,
        acs_url: `${base}/acs`,
        login_url: `${base}/login`,
        logout_url: `${base}/logout`,
      },
    })
  })

  it('changes by the fields that are sent; null clears, and the secret stays without its field', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, named(path))
      const one = `${path}/${data.id}`
      const second = await client.patch(one, {
        name: 'Acme Ltd',
        settings: { scopes: ['groups'], attributes: { groups: 'roles', email: 'mail' } },
      })
      expect(second.data).toMatchObject({
        name: 'Acme Ltd',
        client_id: 'latchkey',
        has_secret: true,
        settings: {
          issuer: 'https://login.acme.test',
          scopes: ['groups'],
          attributes: { groups: 'roles', email: 'mail' },
        },
        version: 2,
      })
      const third = await client.patch(one, {
        client_id: null,
        client_secret: null,
        settings: { scopes: null, attributes: { groups: null } },
      })
      expect(third.data).toMatchObject({ client_id: null, has_secret: false, version: 3 })
      expect(third.data.settings).toEqual({
        issuer: 'https://login.acme.test',
        attributes: { email: 'mail' },
      })
      const same = await client.patch(one, { name: 'Acme Ltd' })
      expect(same.data).toEqual(third.data)
      const last = await client.patch(one, { settings: { attributes: { email: null } } })
      expect(last.data.settings).toEqual({ issuer: 'https://login.acme.test' })
    }
  })

  it('records which fields changed, never their values', async () => {
    for (const [, path, { client, id: by }] of sides()) {
      const { data } = await client.post(path, named(path, { ...OIDC, status: 'active' }))
      await client.patch(`${path}/${data.id}`, {
        client_secret: 'another-secret-of-it',
        settings: { issuer: 'https://login.other.test' },
      })
      await client.patch(`${path}/${data.id}`, { status: 'disabled' })
      await client.patch(`${path}/${data.id}`, { name: 'B', status: 'active' })
      await client.delete(`${path}/${data.id}`)
      const events = await eventsAbout(world, data.id)
      expect(events.map(({ type }) => type)).toEqual([
        'connection.created',
        'connection.activated',
        'connection.updated',
        'connection.disabled',
        'connection.updated',
        'connection.activated',
        'connection.deleted',
      ])
      expect(events[2]?.details).toEqual({
        connection_id: data.id,
        slug: data.slug,
        provider: 'oidc',
        name: 'Acme',
        version: 2,
        changed: ['client_secret', 'settings.issuer'],
        other_party: true,
      })
      expect(JSON.stringify(events)).not.toContain('secret-of')
      const stored = await world.db.tx('system', (tx) =>
        tx
          .selectFrom('audit_events')
          .select(['user_id', 'organization_id'])
          .where('event_type', '=', 'connection.deleted')
          .orderBy('id', 'desc')
          .executeTakeFirst(),
      )
      expect(stored).toEqual({ user_id: by, organization_id: data.organization_id })
    }
  })

  it('is no longer tested after a change of its client or settings, and is after one of its name', async () => {
    const { data } = await root.client.post(SERVER, named(SERVER))
    const test = () =>
      world.db.tx('system', (tx) =>
        tx
          .updateTable('connections')
          .set({ tested_at: world.clock.now() })
          .where('id', '=', data.id)
          .execute(),
      )
    for (const change of [
      { client_id: 'other' },
      { client_secret: 'other' },
      { settings: { issuer: 'https://b.test' } },
    ]) {
      await test()
      const renamed = await root.client.patch(`${SERVER}/${data.id}`, { name: `N ${++made}` })
      expect(renamed.data.tested_at).not.toBeNull()
      expect((await root.client.patch(`${SERVER}/${data.id}`, change)).data.tested_at).toBeNull()
    }
  })

  it('says whether identities are linked; they stay without it, and the answer says what becomes of them', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, named(path))
      await linkTo(world, company.member, data, data.id)
      expect((await client.get(`${path}/${data.id}`)).data.has_identities).toBe(true)
      const deleted = await client.delete(`${path}/${data.id}`)
      expect([deleted.status, deleted.body.message]).toEqual([
        200,
        'Connection deleted. The identities that it linked can no longer sign in.',
      ])
      const left = await world.db.tx('system', (tx) =>
        tx.selectFrom('identities').select('connection_id').where('subject', '=', data.id).execute(),
      )
      expect(left).toEqual([{ connection_id: data.id }])
      expect((await client.get(`${path}/${data.id}`)).status).toBe(404)
      expect((await client.delete(`${path}/${data.id}`)).status).toBe(404)
    }
  })

  it('never changes its provider or its slug', async () => {
    const { data } = await root.client.post(SERVER, named(SERVER))
    for (const [field, value] of [['provider', 'saml'], ['slug', 'other'], ['origin', 'environment'], ['tested_at', '2030-01-01']]) {
      const refused = await root.client.patch(`${SERVER}/${data.id}`, { [field as string]: value })
      expect([refused.status, refused.body.error.details]).toMatchObject([400, [{ field, code: 'unknown' }]])
    } // biome-ignore format: a table
  })
})

const fieldsOf = ({ body }: Pick<Reply, 'body'>): string[] =>
  body.error.details.map(({ field, code }: { field: string; code: string }) => `${field} ${code}`)

describe('a connection that lacks something', () => {
  const lacking: readonly [string, object, string[]][] = [
    ['oidc', {}, ['client_id missing', 'settings.issuer missing']],
    ['google', { client_id: 'c' }, ['client_secret missing']],
    ['okta', { client_id: 'c', client_secret: 's' }, ['settings.issuer missing']],
    [
      'apple',
      { client_id: 'c' },
      ['settings.team_id missing', 'settings.key_id missing', 'client_secret missing'],
    ],
    [
      'saml',
      { settings: { saml: { metadata_url: 'https://idp.test/metadata' } } },
      [
        'settings.saml.entity_id missing',
        'settings.saml.sso_url missing',
        'settings.saml.certificates missing',
      ],
    ],
  ]
  it.each(lacking)('of %s is kept as a draft, and is not activated', async (provider, body, missing) => {
    for (const [, path, { client }] of sides()) {
      const draft = named(path, { provider, ...body })
      const refused = await client.post(path, { ...draft, status: 'active' })
      expect([refused.status, fieldsOf(refused)]).toEqual([400, missing])
      const { data } = await client.post(path, draft)
      expect(data.missing.map((field: string) => `${field} missing`)).toEqual(missing)
      const again = await client.patch(`${path}/${data.id}`, { status: 'active' })
      expect([again.status, fieldsOf(again)]).toEqual([400, missing])
      expect((await client.get(`${path}/${data.id}`)).data).toMatchObject({ status: 'draft', version: 1 })
    }
  })

  it('cannot come from a change of an active one, which is disabled first', async () => {
    for (const [, path, { client }] of sides()) {
      const { data } = await client.post(path, named(path, { ...OIDC, status: 'active' }))
      const cleared = { settings: { issuer: null } }
      const refused = await client.patch(`${path}/${data.id}`, cleared)
      expect([refused.status, fieldsOf(refused)]).toEqual([400, ['settings.issuer missing']])
      const disabled = await client.patch(`${path}/${data.id}`, { ...cleared, status: 'disabled' })
      expect([disabled.status, disabled.data.missing]).toEqual([200, ['settings.issuer']])
    }
  })
})

describe('what a provider takes', () => {
  it('of each provider a draft is made without anything', async () => {
    const id = await world.organization({ members: [[company.owner, 'owner']] })
    for (const provider of PROVIDER_IDS) {
      const { status, data } = await company.owner.client.post(ofOrganization(id), { provider })
      expect([provider, status, data.status]).toEqual([provider, 201, 'draft'])
    }
  })

  const wrong: readonly [string, object, string[]][] = [
    ['a setting of another provider', { provider: 'github', settings: { tenant: 'a' } }, ['settings.tenant unknown']],
    ['an issuer where it is known', { provider: 'google', settings: { issuer: 'https://a.test' } }, ['settings.issuer unknown']],
    ['a client of SAML', { provider: 'saml', client_id: 'a', client_secret: 'b' }, ['client_id unknown', 'client_secret unknown']],
    ['SAML of OpenID Connect', { ...OIDC, settings: { saml: { entity_id: 'a' } } }, ['settings.saml unknown']],
    ['a setting that no provider has', { ...OIDC, settings: { issuers: [] } }, ['settings.issuers unknown']],
    ['plain http', { ...OIDC, settings: { issuer: 'http://login.acme.test' } }, ['settings.issuer https']],
    ['a key of Apple that is none', { provider: 'apple', client_secret: 'key' }, ['client_secret invalid']],
    ['a URL with a password', { ...OIDC, settings: { issuer: 'https://a:b@acme.test' } }, ['settings.issuer invalid']],
    ['a name of several lines', { ...OIDC, name: 'a\nb\u202e' }, ['name invalid']],
    ['a name that is too long', { ...OIDC, name: 'a'.repeat(81) }, ['name too_long']],
    ['a secret that is too long', { ...OIDC, client_secret: 'a'.repeat(10_001) }, ['client_secret too_long']],
    ['a client that is not of ASCII', { ...OIDC, client_id: 'ä' }, ['client_id invalid']],
  ] // biome-ignore format: a table
  it.each(wrong)('is not %s', async (_what, body, expected) => {
    for (const [, path, { client }] of sides()) {
      const refused = await client.post(path, named(path, body))
      expect(refused.status).toBe(400)
      expect(fieldsOf(refused)).toEqual(expected)
    }
  })

  it('of the operator is not for organizations, and roles of organizations not for the server', async () => {
    const send = (path: string, { client }: Person, settings: object) =>
      client.post(path, named(path, { ...OIDC, settings: { ...OIDC.settings, ...settings } }))
    for (const setting of ['allows_private', 'links_silently', 'trusts_email']) {
      const refused = await send(ofOrganization(company.id), company.owner, { [setting]: true })
      expect([refused.status, fieldsOf(refused)]).toEqual([400, [`settings.${setting} unknown`]])
      expect((await send(SERVER, root, { [setting]: true })).data.settings[setting]).toBe(true)
    }
    for (const settings of [{ default_role: 'member' }, { group_roles: [{ group: 'g', role: 'member' }] }])
      expect((await send(SERVER, root, settings)).status).toBe(400)
  })

  it('of Apple is the private key in PEM', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const { status, data } = await root.client.post(SERVER, {
      provider: 'apple',
      client_id: 'test.acme.signin',
      client_secret: pem,
      settings: { team_id: 'ABCDE12345', key_id: '12345ABCDE' },
      status: 'active',
    })
    expect([status, data.state]).toEqual([201, 'active'])
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const rsa = other.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect((await root.client.patch(`${SERVER}/${data.id}`, { client_secret: rsa })).status).toBe(400)
  })

  it('of the addresses in LATCHKEY_CONNECTION_HOSTS may be plain http', async () => {
    const other = await startWorld({ connectionHosts: ['127.0.0.1:8080'] })
    const { owner, id } = await startCompany(other)
    const send = (issuer: string) =>
      owner.client.post(ofOrganization(id), { ...OIDC, settings: { issuer }, status: 'active' })
    expect((await send('http://127.0.0.1:8080/a')).status).toBe(201)
    expect((await send('http://127.0.0.1:8081/a')).status).toBe(400)
    await other.stop()
  })
})

describe('no answer contains a secret', () => {
  it('of any read, as any role, and the stored one is encrypted', async () => {
    const secret = 'never-in-an-answer'
    const ids: string[] = []
    for (const [, path, { client }] of sides()) {
      const body = named(path, { ...OIDC, client_secret: secret })
      const { data } = await client.post(path, body)
      const changed = await client.patch(`${path}/${data.id}`, { client_secret: `${secret}-2` })
      expect(changed.text).not.toContain(secret)
      ids.push(data.id)
    }
    const [server, own] = ids
    const paths = [
      SERVER, `${SERVER}/${server}`, `${SERVER}/${server}/events`, `${SERVER}/${own}`,
      ofOrganization(company.id), ofOrganization(company.id, `/${own}`), ofOrganization(company.id, `/${own}/events`),
      ofOrganization(company.id, `/${server}`), '/api/v1/audit-logs', `/api/v1/organizations/${company.id}/audit-logs`,
    ] // biome-ignore format: a list
    const { owner, admin, member, guest } = company
    for (const path of paths)
      for (const person of [root, owner, admin, member, guest])
        expect((await person.client.get(path)).text, path).not.toContain(secret)
    const stored = await world.db.tx('system', (tx) =>
      tx.selectFrom('connections').select('client_secret').where('id', 'in', ids).execute(),
    )
    for (const { client_secret: text } of stored) {
      expect(text).toMatch(/^v1\./)
      expect(world.app.tools.keyring.decrypt('connections', text ?? '')).toBe(`${secret}-2`)
    }
  })
})

describe('the diagnostics', () => {
  it('are the last sign-ins with their reasons, and what the provider said only for who may change it', async () => {
    const path = ofOrganization(company.id)
    const { data } = await company.owner.client.post(path, OIDC)
    await world.db.tx('system', async (tx) => {
      const identity = { issuer: 'https://issuer.example', subject: 's-1', claims: { sub: 's-1', groups: ['engines'] } }
      const passed = { connectionId: data.id, flow: 'login', fault: null, identity, userId: company.member.id } as const
      await recordConnectionEvent(tx, passed, { id: 'req_of_the_test', now: world.clock.now() })
      const fault = new FederationFault('wrong_audience', 'it names `other`')
      await recordConnectionEvent(tx, failedEvent(data.id, 'test', fault), { id: 'req_of_the_test', now: world.clock.now() })
    }) // biome-ignore format: a table
    const read = async ({ client }: Person) => (await client.get(`${path}/${data.id}/events`)).data
    const [failed, passed] = await read(company.owner)
    expect(failed).toEqual({
      id: expect.stringMatching(/^cev_/),
      at: expect.stringMatching(/^2030-06-01T12:/),
      flow: 'test',
      outcome: 'failed',
      fault: 'wrong_audience',
      question: null,
      message: 'The answer is meant for another service.',
      detail: 'it names `other`',
      request_id: 'req_of_the_test',
      subject: null,
      user_id: null,
      claims: null,
    })
    expect(passed).toMatchObject({
      outcome: 'succeeded',
      fault: null,
      message: null,
      subject: 's-1',
      user_id: company.member.id,
      claims: { sub: 's-1', groups: ['engines'] },
    })
    expect(await read(company.admin)).toEqual([failed, { ...passed, claims: null }])
    expect((await company.owner.client.get(`${SERVER}/${data.id}/events`)).status).toBe(403)
    expect((await root.client.get(`${SERVER}/${data.id}/events`)).status).toBe(404)
  })
})

describe('the metadata of SAML', () => {
  const metadata = (certificate: string) =>
    `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:acme:idp"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.acme.test/sso"/></IDPSSODescriptor></EntityDescriptor>`

  it('is read into the settings, and refused in words', async () => {
    const path = ofOrganization(company.id)
    const { client } = company.owner
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const [notBefore, notAfter] = [new Date('2030-01-01'), new Date('2031-01-01')]
    const certificate = writeCertificate({ privateKey, commonName: 'idp', use: 'signing', notBefore, notAfter })
    const { status, data } = await client.post(path, { provider: 'saml', metadata: metadata(certificate), status: 'active' })
    expect([status, data.missing]).toEqual([201, []])
    expect(data.settings.saml).toMatchObject({ entity_id: 'urn:acme:idp', sso_url: 'https://idp.acme.test/sso', certificates: [certificate] })
    for (const wrong of ['<a/>', 'text', `<!DOCTYPE a>${metadata(certificate)}`, metadata('AAAA')]) {
      const refused = await client.patch(`${path}/${data.id}`, { metadata: wrong })
      expect([refused.status, fieldsOf(refused)]).toEqual([400, ['metadata invalid']])
    }
    const other = await client.post(path, { ...OIDC, metadata: metadata(certificate) })
    expect([other.status, fieldsOf(other)]).toEqual([400, ['metadata unknown']])
  }) // biome-ignore format: a document on one line
})
