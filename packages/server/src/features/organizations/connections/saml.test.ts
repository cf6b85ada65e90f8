/** What administrators of SAML connections do: fetch metadata, approve certificates, renew keys; on both sides. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCertificate } from '../../../base/x509.ts'
import type { Client } from '../../../testing/client.ts'
import { type MetadataServer, startMetadataServer } from '../../../testing/metadata-server.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../policy/testing.ts'
import { connectionOperations } from './operations.ts'
import { CERTIFICATE, eventsAbout, newCertificate, ofOrganization, SAML, SERVER } from './testing.ts'

let world: World
let root: Person
let company: Company
let neighbour: Company
let server: MetadataServer
let url: string
beforeAll(async () => {
  server = await startMetadataServer()
  url = server.url
  world = await startWorld({ connectionHosts: [server.host, '127.0.0.1:9'] })
  root = await world.person({ roles: ['super_admin'] })
  company = await startCompany(world)
  neighbour = await startCompany(world)
})
afterAll(async () => {
  await world.stop()
  await server.stop()
})

const sides = () =>
  [
    ['the server', SERVER, root.client],
    ['an organization', ofOrganization(company.id), company.owner.client],
  ] as const
let made = 0
const named = (path: string, body: object): object =>
  path === SERVER ? { ...body, slug: `saml-${++made}` } : body
const fingerprint = (certificate: string): string => readCertificate(certificate)?.fingerprint ?? ''
const withUrl = (more: object = {}) => ({
  provider: 'saml',
  settings: { saml: { metadata_url: url, ...more } },
})
const known = () => withUrl({ ...SAML.settings.saml, entity_id: server.entityId })

interface ListedCertificate {
  owner: string
  use: string
  state: string
  fingerprint: string
}
const statesOf = (data: { certificates: ListedCertificate[] }) =>
  data.certificates.map(({ owner, use, state }) => `${owner} ${use} ${state}`)

describe('the metadata URL of a new connection', () => {
  it('is enough: what the document says is stored, and over http its certificates wait', async () => {
    for (const [, path, client] of sides()) {
      server.publish(CERTIFICATE)
      const { status, data } = await client.post(path, named(path, withUrl()))
      expect(status).toBe(201)
      expect(data).toMatchObject({
        status: 'draft',
        missing: ['settings.saml.certificates'],
        settings: { saml: { entity_id: server.entityId, sso_url: 'https://idp.example/sso' } },
        metadata: { fault: null, checked_at: expect.any(String), changed_at: expect.any(String) },
      })
      expect(statesOf(data)).toEqual(['provider signing pending'])
      const early = await client.patch(`${path}/${data.id}`, { status: 'active' })
      expect(early.status).toBe(400)
      const approved = await client.post(`${path}/${data.id}/certificates/approve`, {})
      expect(statesOf(approved.data)).toEqual(['provider signing current'])
      expect((await client.patch(`${path}/${data.id}`, { status: 'active' })).status).toBe(200)
    }
  })

  it('is fetched when it is added later, and not where the rest is known', async () => {
    for (const [, path, client] of sides()) {
      server.publish(CERTIFICATE)
      const { data } = await client.post(path, named(path, { provider: 'saml' }))
      const changed = await client.patch(`${path}/${data.id}`, {
        settings: withUrl().settings,
      })
      expect(statesOf(changed.data)).toEqual(['provider signing pending'])
      server.answer = { status: 500, body: '' }
      const later = await client.patch(`${path}/${data.id}`, {
        settings: { saml: { name_id: 'persistent' } },
      })
      expect(later.status).toBe(200)
      expect((await client.post(path, named(path, known()))).status).toBe(201)
    }
  })

  it('keeps a draft where it cannot be fetched or read, and says why', async () => {
    for (const [, path, client] of sides()) {
      server.answer = { status: 404, body: '' }
      const { status, data } = await client.post(path, named(path, withUrl()))
      expect([status, data.metadata]).toMatchObject([
        201,
        { fault: 'bad_answer', detail: expect.stringContaining('status 404'), changed_at: null },
      ])
      const away = { saml: { metadata_url: 'http://127.0.0.1:9/x' } }
      const changed = await client.patch(`${path}/${data.id}`, { settings: away })
      expect(changed.data).toMatchObject({ metadata: { fault: 'unreachable' }, settings: away })
      const used = await client.post(
        path,
        named(path, { provider: 'saml', settings: away, status: 'active' }),
      )
      expect([used.status, used.body.error.details[0].code]).toEqual([400, 'missing'])
    }
  })
})

describe('fetching metadata now', () => {
  it('stores what changed, shows when, and tells why it failed', async () => {
    for (const [, path, client] of sides()) {
      const next = newCertificate()
      const { data } = await client.post(path, named(path, known()))
      server.publish(CERTIFICATE, next)
      const fetched = await client.post(`${path}/${data.id}/metadata/refresh`)
      expect([fetched.status, statesOf(fetched.data)]).toEqual([
        200,
        ['provider signing current', 'provider signing pending'],
      ])
      expect(fetched.data.version).toBe(data.version + 1)
      server.answer = { status: 200, body: '<html></html>' }
      const wrong = await client.post(`${path}/${data.id}/metadata/refresh`)
      expect([wrong.status, wrong.body.error.details[0].code]).toEqual([400, 'bad_settings'])
      const shown = (await client.get(`${path}/${data.id}`)).data
      expect(shown).toMatchObject({ metadata: { fault: 'bad_settings' }, version: data.version + 1 })
      await client.patch(`${path}/${data.id}`, {
        settings: { saml: { metadata_url: 'http://127.0.0.1:9/' } },
      })
      const away = await client.post(`${path}/${data.id}/metadata/refresh`)
      expect([away.status, away.body.error.code]).toEqual([503, 'UNAVAILABLE'])
      await client.patch(`${path}/${data.id}`, { settings: { saml: { metadata_url: null } } })
      const none = await client.post(`${path}/${data.id}/metadata/refresh`)
      expect([none.status, none.body.error.details[0].field]).toEqual([400, 'settings.saml.metadata_url'])
      expect(await eventsAbout(world, data.id)).toContainEqual({
        type: 'connection.metadata.changed',
        details: expect.objectContaining({ pending: [fingerprint(next)] }),
      })
    }
  })
})

describe('approving certificates', () => {
  it('takes those that were shown, once of many requests', async () => {
    for (const [, path, client] of sides()) {
      const [next, other] = [newCertificate(), newCertificate()]
      const { data } = await client.post(path, named(path, known()))
      server.publish(CERTIFICATE, next, other)
      await client.post(`${path}/${data.id}/metadata/refresh`)
      const approve = (fingerprints?: string[]) =>
        client.post(`${path}/${data.id}/certificates/approve`, { ...(fingerprints && { fingerprints }) })
      expect((await approve(['0'.repeat(64)])).body.error.details).toMatchObject({
        reason: 'nothing_pending',
      })
      expect((await approve(['x'])).status).toBe(400)
      const all = await Promise.all(Array.from({ length: 8 }, () => approve([fingerprint(next)])))
      expect(all.map(({ status }) => status).toSorted()).toEqual([200, ...Array(7).fill(409)])
      const shown = (await client.get(`${path}/${data.id}`)).data
      expect(shown.settings.saml).toMatchObject({
        certificates: [next, CERTIFICATE],
        pending_certificates: [other],
      })
      const events = (await eventsAbout(world, data.id)).filter(
        ({ type }) => type === 'connection.certificates.approved',
      )
      expect(events).toMatchObject([{ details: { certificates: [fingerprint(next)] } }])
    }
  })
})

describe('the roles that a connection gives', () => {
  it('are answered for by who approves its certificates, and not by who fetches its metadata', async () => {
    const { id, owner, member } = company
    for (const [name, permissions] of [
      ['auditor', ['audit:read']],
      ['it', ['connections:write']],
    ] as const)
      await owner.client.post(`/api/v1/organizations/${id}/roles`, { name, permissions })
    const as = (role: string) =>
      owner.client.patch(`/api/v1/organizations/${id}/members/${member.id}/role`, { role })
    expect((await as('it')).status).toBe(200)
    const next = newCertificate()
    const { settings } = known()
    const { data } = await owner.client.post(ofOrganization(id), {
      provider: 'saml',
      settings: { ...settings, default_role: 'auditor' },
    })
    const maker = async () => {
      const rows = world.db.hot.selectFrom('connections').select('made_by').where('id', '=', data.id)
      return (await rows.executeTakeFirstOrThrow()).made_by
    }
    server.publish(CERTIFICATE, next)
    const refresh = `${ofOrganization(id)}/${data.id}/metadata/refresh`
    const approve = `${ofOrganization(id)}/${data.id}/certificates/approve`
    const fetched = await member.client.post(refresh)
    expect([fetched.status, await maker()]).toEqual([200, owner.id])
    const refused = await member.client.post(approve, {})
    expect([refused.status, refused.code, await maker()]).toEqual([403, 'INSUFFICIENT_PERMISSIONS', owner.id])
    expect(connectionOperations.approveCertificates.errors).toContain(refused.code)
    for (const path of [refresh, approve])
      expect((await neighbour.owner.client.post(path, {})).status).toBe(404)
    const shown = (await owner.client.get(`${ofOrganization(id)}/${data.id}`)).data
    expect(shown.settings.saml.pending_certificates).toEqual([next])
    // with a role that has what the connection gives
    await owner.client.patch(`/api/v1/organizations/${id}/roles/it`, {
      permissions: ['connections:write', 'audit:read'],
    })
    const approved = await member.client.post(approve, {})
    expect([approved.status, await maker()]).toEqual([200, member.id])
    expect((await as('member')).status).toBe(200)
  })
})

describe('new keys', () => {
  it('are published first and used by a second request, once', async () => {
    for (const [, path, client] of sides()) {
      const { data } = await client.post(path, named(path, SAML))
      const rotate = (step?: string) =>
        client.post(`${path}/${data.id}/keys/rotate`, { ...(step && { step }) })
      expect((await rotate('activate')).body.error.details).toMatchObject({ reason: 'no_next_keys' })
      const ours = (all: { certificates: ListedCertificate[] }) =>
        statesOf(all).filter((one) => one.startsWith('server'))
      const prepared = [
        'server signing current',
        'server encryption current',
        'server signing next',
        'server encryption next',
      ].toSorted()
      expect(ours((await rotate()).data).toSorted()).toEqual(prepared)
      // nothing happens the second time
      expect(ours((await rotate('prepare')).data).toSorted()).toEqual(prepared)
      const all = await Promise.all(Array.from({ length: 6 }, () => rotate('activate')))
      expect(all.map(({ status }) => status).toSorted()).toEqual([200, ...Array(5).fill(409)])
      expect(ours((await client.get(`${path}/${data.id}`)).data).toSorted()).toEqual(
        [
          'server signing current',
          'server encryption current',
          'server signing previous',
          'server encryption previous',
        ].toSorted(),
      )
      expect(JSON.stringify((await client.get(path)).data)).not.toContain('private_key')
    }
  })
})

describe('certificates', () => {
  it('that are entered are X.509 and strong; one that has expired is taken and shown as that', async () => {
    for (const [, path, client] of sides()) {
      const weak = Buffer.alloc(120, 7).toString('base64')
      const refused = await client.post(path, named(path, withCertificates(CERTIFICATE, weak)))
      expect([refused.status, refused.body.error.details]).toMatchObject([
        400,
        [{ field: 'settings.saml.certificates.1', code: 'no_certificate' }],
      ])
      const { data } = await client.post(path, named(path, withCertificates(newCertificate(-3))))
      expect(statesOf(data)).toEqual(['provider signing expired'])
      const enabled = await client.patch(`${path}/${data.id}`, { status: 'active' })
      expect([enabled.status, enabled.body.error.details[0]]).toMatchObject([
        400,
        { field: 'settings.saml.certificates', code: 'expired' },
      ])
      const settings = { saml: { certificates: [newCertificate(), newCertificate(-3)] } }
      const changed = await client.patch(`${path}/${data.id}`, { status: 'active', settings })
      expect([changed.status, statesOf(changed.data)]).toEqual([
        200,
        ['provider signing current', 'provider signing expired'],
      ])
    }
  })
})

const withCertificates = (...certificates: string[]) => ({
  ...SAML,
  settings: { saml: { ...SAML.settings.saml, certificates } },
})

describe('the certificate of SAML', () => {
  it('is replaced with its list, and the other settings stay', async () => {
    const path = ofOrganization(company.id)
    const { data } = await company.owner.client.post(path, SAML)
    const newer = newCertificate()
    const changed = await company.owner.client.patch(`${path}/${data.id}`, {
      settings: { saml: { certificates: [newer, CERTIFICATE] } },
    })
    expect(changed.data.settings.saml).toEqual({
      ...SAML.settings.saml,
      certificates: [newer, CERTIFICATE],
    })
    expect((await eventsAbout(world, data.id)).at(-1)?.details).toMatchObject({
      changed: ['settings.saml.certificates'],
    })
  })
})

describe('these actions', () => {
  const statuses = async (client: Client, one: string): Promise<number[]> => {
    const replies = [
      await client.post(`${one}/metadata/refresh`),
      await client.post(`${one}/certificates/approve`, {}),
      await client.post(`${one}/keys/rotate`, {}),
    ]
    return replies.map(({ status }) => status)
  }

  it('are for those who may change the connection, with a recent sign-in', async () => {
    const path = ofOrganization(company.id)
    const { data } = await company.owner.client.post(path, known())
    const one = `${path}/${data.id}`
    for (const { client } of [company.admin, company.member, company.guest])
      expect(await statuses(client, one)).toEqual([403, 403, 403])
    expect(await statuses(world.client(), one)).toEqual([401, 401, 401])
    expect(await statuses(neighbour.owner.client, one)).toEqual([404, 404, 404])
    expect(await statuses(neighbour.owner.client, `${ofOrganization(neighbour.id)}/${data.id}`)).toEqual([
      404, 404, 404,
    ])
    expect(await statuses(root.client, `${SERVER}/${data.id}`)).toEqual([404, 404, 404])
    expect(await statuses(company.owner.client, `${SERVER}/${data.id}`)).toEqual([403, 403, 403])
    const other = (await company.owner.client.post(path, { provider: 'github' })).data
    const refused = await company.owner.client.post(`${path}/${other.id}/keys/rotate`, {})
    expect([refused.status, refused.body.error.details]).toEqual([409, { reason: 'not_saml' }])
    await world.clock.advance('11 minutes')
    expect(await statuses(company.owner.client, one)).toEqual([401, 401, 401])
  })
})
