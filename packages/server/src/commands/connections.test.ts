/** `connections …` on the tools of a running server, as the control socket runs them. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCertificate } from '../base/x509.ts'
import { failedEvent, recordConnectionEvent } from '../core/connection-events.ts'
import { FederationFault } from '../core/providers/index.ts'
import {
  eventsAbout,
  linkTo,
  newCertificate,
  ofOrganization,
  SECRET,
  SERVER,
} from '../features/organizations/connections/testing.ts'
import { type Company, startCompany } from '../features/organizations/policy/testing.ts'
import { ownDomain } from '../testing/connection-rows.ts'
import { type MetadataServer, startMetadataServer } from '../testing/metadata-server.ts'
import { metadataXml, providerKey } from '../testing/saml-provider.ts'
import { type Person, startWorld, type World } from '../testing/world.ts'
import { type Args, type Command, UsageError } from './command.ts'
import { connectionsTest } from './connection-tests.ts'
import {
  connectionsApproveCertificates,
  connectionsCreate,
  connectionsDelete,
  connectionsDisable,
  connectionsEnable,
  connectionsEvents,
  connectionsList,
  connectionsRefreshMetadata,
  connectionsRotateKeys,
  connectionsShow,
  connectionsUpdate,
} from './connections.ts'

let world: World
let root: Person
let company: Company
let folder: string
let idp: MetadataServer
beforeAll(async () => {
  idp = await startMetadataServer()
  world = await startWorld({
    googleClientId: 'google-id',
    googleClientSecret: 'google-secret',
    connectionHosts: [idp.host],
  })
  root = await world.person({ roles: ['super_admin'] })
  company = await startCompany(world)
  folder = mkdtempSync(join(tmpdir(), 'lk-connections-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await world.stop()
  await idp.stop()
})

async function run(command: Command, positionals: string[], values: Args['values'] = {}, stdin = '') {
  if (command.on !== 'tools') throw new Error('not on the tools')
  const terminal = { commands: [], interactive: false, json: true, readStdin: async () => stdin }
  const args = { values, positionals }
  const prepared = (await command.prepare?.(args, terminal)) ?? args
  const { exit, json, text } = await command.run(world.app.tools, prepared)
  // no outcome contains the secret, wherever it came from
  expect(`${JSON.stringify(json)}${text}`).not.toContain(SECRET)
  // biome-ignore lint/suspicious/noExplicitAny: what a command prints is looked into freely
  return { exit, json: json as any, text }
}

describe('connections on the command line', () => {
  it('are created, shown, changed, enabled, disabled and deleted, as the operator', async () => {
    const made = await run(
      connectionsCreate,
      ['oidc'],
      { name: 'Acme', slug: 'acme', 'client-id': 'latchkey', issuer: 'https://login.acme.test', 'secret-stdin': true },
      `${SECRET}\n`,
    )
    expect(made.json).toMatchObject({ slug: 'acme', state: 'draft', missing: [], has_secret: true })
    expect(made.text).toContain('/api/v1/auth/external/acme/callback')
    expect((await run(connectionsEnable, ['acme'])).json.state).toBe('active')
    const changed = await run(connectionsUpdate, ['acme'], { settings: '{"scopes":["groups"],"trusts_mfa":true}' })
    expect(changed.json.settings).toEqual({ issuer: 'https://login.acme.test', scopes: ['groups'], trusts_mfa: true })
    const cleared = await run(connectionsUpdate, [made.json.id], { settings: '{"scopes":null,"trusts_mfa":null}' })
    expect(cleared.json.settings).toEqual({ issuer: 'https://login.acme.test' })
    expect((await run(connectionsDisable, ['acme'])).text).toContain('disabled')
    expect((await run(connectionsShow, [made.json.id])).json).toEqual((await root.client.get(`${SERVER}/${made.json.id}`)).data)
    const listed = await run(connectionsList, [])
    expect(listed.json.connections.map((one: { slug: string }) => one.slug)).toEqual(['google', 'acme'])
    expect(listed.text).toMatch(/^SLUG +PROVIDER +NAME/)
    expect(changed.text).toMatch(/Set up by +an administrator/)
    await expect(run(connectionsDelete, ['acme'])).rejects.toThrow('Confirm with --yes.')
    const dry = await run(connectionsDelete, ['acme'], { 'dry-run': true })
    expect(dry.json).toEqual({ dry_run: true, id: made.json.id, slug: 'acme', name: 'Acme', has_identities: false, domains: [], leads_to: null, requirement_lapses: false })
    expect((await run(connectionsShow, ['acme'])).json.state).toBe('disabled')
    expect((await run(connectionsDelete, ['acme'], { yes: true })).text).toBe('Acme (acme) is deleted.')
    const events = await eventsAbout(world, made.json.id)
    for (const { details } of events) expect(details).toMatchObject({ by: 'operator' })
    expect(events.map(({ type }) => type)).toContain('connection.deleted')
  }) // biome-ignore format: commands on one line

  it('read the secret from a file, which may be a key of several lines', async () => {
    const path = join(folder, 'secret')
    const key = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    writeFileSync(path, key)
    const options = { 'client-id': 'c', 'secret-file': path, enable: true, settings: '{"team_id":"ABCDE12345","key_id":"12345ABCDE"}' }
    const { json, text } = await run(connectionsCreate, ['apple'], options)
    expect(`${JSON.stringify(json)}${text}`).not.toContain('PRIVATE KEY')
    expect(json.state).toBe('active')
    const stored = await world.db.tx('system', (tx) =>
      tx.selectFrom('connections').select('client_secret').where('id', '=', json.id).executeTakeFirst(),
    )
    expect(world.app.tools.keyring.decrypt('connections', stored?.client_secret ?? '')).toBe(String(key).trim())
  }) // biome-ignore format: commands on one line

  it('read the metadata of SAML from a file or from standard input', async () => {
    const path = join(folder, 'metadata.xml')
    const [first, second] = [providerKey(world.clock.now()), providerKey(world.clock.now())]
    writeFileSync(path, metadataXml({ entityId: 'https://idp.acme.test/one', certificates: [first.certificate] }))
    const organization = company.id
    const { json, text } = await run(connectionsCreate, ['saml'], { organization, metadata: path, enable: true })
    expect(json.settings.saml).toMatchObject({ entity_id: 'https://idp.acme.test/one', certificates: [first.certificate] })
    expect(text).toMatch(/Needs +a verified domain that leads to it/)
    expect(text).toContain(json.saml.login_url)
    const xml = metadataXml({ entityId: 'https://idp.acme.test/two', certificates: [second.certificate] })
    const changed = await run(connectionsUpdate, [json.id], { organization, metadata: '-' }, xml)
    expect(changed.json.settings.saml.entity_id).toBe('https://idp.acme.test/two')
    const wrong: [Args['values'], string][] = [
      [{ metadata: '-', 'secret-stdin': true }, xml],
      [{ metadata: '-' }, ' \n'],
      [{ metadata: join(folder, 'none.xml') }, ''],
    ]
    for (const [values, stdin] of wrong)
      await expect(run(connectionsUpdate, [json.id], { organization, ...values }, stdin)).rejects.toBeInstanceOf(UsageError)
    await expect(run(connectionsUpdate, [json.id], { organization, metadata: '-' }, '<html/>')).rejects.toMatchObject({ details: [{ field: 'metadata' }] })
    // what is missing, and what the provider answers, is said without a browser
    const tested = await run(connectionsTest, [json.id], { organization })
    expect(tested).toMatchObject({ exit: 0, json: { checks: [{ check: 'settings', reason: null }, { check: 'certificates', reason: null }], test_url: `${world.config.publicUrl}/account/organizations/${organization}/connections/${json.id}/test` } })
    expect(tested.text).toContain(tested.json.test_url)
    expect((await company.owner.client.get(new URL(tested.json.test_url).pathname, { headers: { accept: 'text/html' } })).status).toBe(303)
  }) // biome-ignore format: commands on one line

  it('of the last connection of a required sign-in: a dry run says what a deletion would end', async () => {
    const owner = await startCompany(world)
    const organization = owner.id
    const { json } = await run(connectionsCreate, ['github'], { organization, 'client-id': 'c', 'secret-stdin': true, enable: true }, SECRET)
    await linkTo(world, owner.member, { id: json.id, organization_id: organization })
    await ownDomain(world, organization, 'dry.example')
    await world.db.tx('system', (tx) => tx.updateTable('connections').set({ tested_at: world.clock.now() }).where('id', '=', json.id).execute())
    await owner.owner.client.patch(`/api/v1/organizations/${organization}/security-policy`, { sign_in: 'sso_required' })
    const { text, json: preview } = await run(connectionsDelete, [json.id], { organization, 'dry-run': true })
    expect(preview).toMatchObject({ has_identities: true, domains: ['dry.example'], leads_to: null, requirement_lapses: true })
    for (const part of ['nothing was changed', 'Linked identities', 'would lead to no connection: dry.example', 'the requirement would lapse'])
      expect(text).toContain(part)
    const disabled = await run(connectionsDisable, [json.id], { organization })
    expect([disabled.json.status, disabled.json.requirement_lapsed]).toEqual(['disabled', true])
    expect(disabled.text).toContain('the requirement has lapsed')
    // it lapses once
    expect((await run(connectionsDisable, [json.id], { organization })).text).not.toContain('lapsed')
    await run(connectionsEnable, [json.id], { organization })
    const deleted = await run(connectionsDelete, [json.id], { organization, yes: true })
    expect(deleted.json.requirement_lapsed).toBe(true)
    expect(deleted.text).toContain('the requirement has lapsed')
  }) // biome-ignore format: commands on one line

  it('are tested without a browser: what is missing, and what the provider answers', async () => {
    const reasons = async (name: string) => {
      const { exit, json, text } = await run(connectionsTest, [name])
      return [exit, json.checks.map(({ check, reason }: { check: string; reason: string | null }) => [check, reason]), text]
    }
    const draft = await run(connectionsCreate, ['oidc'], { slug: 'tested' })
    expect((await reasons('tested')).slice(0, 2)).toEqual([1, [['settings', 'It still needs: client_id, settings.issuer.']]])
    await run(connectionsUpdate, ['tested'], { 'client-id': 'c', issuer: `http://${idp.host}` })
    expect((await reasons('tested')).slice(0, 2)).toEqual([1, [['settings', null], ['discovery', expect.stringContaining('discovery document')]]])
    expect((await reasons('tested'))[2]).toContain(`POST /api/v1/connections/${draft.json.id}/test`)
    idp.publish(providerKey(world.clock.now()).certificate)
    const saml = JSON.stringify({ saml: { metadata_url: idp.url, entity_id: idp.entityId, sso_url: 'https://idp.acme.test/sso', certificates: [newCertificate(-2)] } })
    await run(connectionsCreate, ['saml'], { slug: 'tested-saml', settings: saml })
    expect((await reasons('tested-saml')).slice(0, 2)).toEqual([1, [['settings', null], ['metadata', null], ['certificates', 'No certificate of the provider is in use and unexpired.']]])
    idp.answer = { status: 404, body: '' }
    expect((await reasons('tested-saml'))[1]).toContainEqual(['metadata', expect.stringContaining('answered with status 404')])
    await expect(run(connectionsTest, ['no-such'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }) // biome-ignore format: commands on one line

  it('are of an organization with --organization, and of no other', async () => {
    const { organization } = { organization: company.id }
    const { json } = await run(connectionsCreate, ['saml'], { organization })
    expect(json).toMatchObject({ organization_id: company.id, slug: json.id })
    const path = ofOrganization(company.id, `/${json.id}`)
    expect((await company.owner.client.get(path)).data).toEqual(json)
    await expect(run(connectionsShow, [json.id])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(run(connectionsShow, ['google'], { organization })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(run(connectionsList, [], { organization: 'no-such' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const given = { organization, settings: '{"default_role":"nothing"}' }
    await expect(run(connectionsUpdate, [json.id], given)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
    const owner = await run(connectionsUpdate, [json.id], { organization, settings: '{"default_role":"admin"}' })
    expect(owner.json.settings).toEqual({ default_role: 'admin' })
  }) // biome-ignore format: commands on one line

  it('list the last sign-ins with their reasons', async () => {
    const { json } = await run(connectionsCreate, ['oidc'], { slug: 'events' })
    expect((await run(connectionsEvents, ['events'])).text).toBe('There are no events.')
    const fault = new FederationFault('wrong_time', 'the clock differs by 4 minutes')
    await world.db.tx('system', (tx) => recordConnectionEvent(tx, failedEvent(json.id, 'login', fault), { id: 'req_of_the_test', now: world.clock.now() }))
    const { json: listed, text } = await run(connectionsEvents, ['events'])
    expect(listed.events).toMatchObject([{ fault: 'wrong_time', outcome: 'failed' }])
    expect(text).toContain('the clock differs by 4 minutes')
    expect(text).toMatch(/REQUEST[\s\S]*req_of_the_test/)
    const asked = { connectionId: json.id, flow: 'login', fault: null, question: 'owner' } as const
    await world.db.tx('system', (tx) => recordConnectionEvent(tx, asked, { id: 'req_of_the_test', now: world.clock.now() }))
    expect((await run(connectionsEvents, ['events'])).text).toMatch(/login +asked +req_of_the_test +An account here has the address/)
  }) // biome-ignore format: commands on one line

  it('of SAML: fetch metadata, approve certificates that wait, and renew the keys of this server', async () => {
    const [first, second] = [providerKey(world.clock.now()), providerKey(world.clock.now())]
    const fingerprint = (certificate: string) => readCertificate(certificate)?.fingerprint ?? ''
    const settings = JSON.stringify({ saml: { metadata_url: idp.url } })
    idp.answer = { status: 404, body: '' }
    const made = await run(connectionsCreate, ['saml'], { slug: 'saml', settings })
    expect(made.json.metadata.fault).toBe('bad_answer')
    idp.publish(first.certificate, second.certificate)
    // over http they wait
    const fetched = await run(connectionsRefreshMetadata, ['saml'])
    expect(fetched.json.metadata.fault).toBeNull()
    const statesOf = ({ json }: { json: { certificates: { owner: string; state: string }[] } }, owner: string) =>
      json.certificates.filter((one) => one.owner === owner).map(({ state }) => state)
    expect(statesOf(fetched, 'provider')).toEqual(['pending', 'pending'])
    const spelled = fingerprint(first.certificate).toUpperCase().replace(/..(?=.)/g, '$&:')
    const one = await run(connectionsApproveCertificates, ['saml'], { fingerprint: spelled })
    expect(statesOf(one, 'provider')).toEqual(['current', 'pending'])
    expect(one.text).toContain(fingerprint(second.certificate).slice(0, 8))
    const all = await run(connectionsApproveCertificates, ['saml'])
    expect(statesOf(all, 'provider')).toEqual(['current', 'current'])
    await expect(run(connectionsApproveCertificates, ['saml'], { fingerprint: 'x' })).rejects.toBeInstanceOf(UsageError)
    const strange = { fingerprint: '0'.repeat(64) }
    await expect(run(connectionsApproveCertificates, ['saml'], strange)).rejects.toMatchObject({ status: expect.toSatisfy((n) => n < 500) })

    await expect(run(connectionsRotateKeys, ['saml'], { activate: true })).rejects.toMatchObject({ code: 'CONFLICT' })
    const published = await run(connectionsRotateKeys, ['saml'])
    expect(statesOf(published, 'server').toSorted()).toEqual(['current', 'current', 'next', 'next'])
    const used = await run(connectionsRotateKeys, ['saml'], { activate: true })
    expect(statesOf(used, 'server').toSorted()).toEqual(['current', 'current', 'previous', 'previous'])
    for (const command of [connectionsRefreshMetadata, connectionsApproveCertificates, connectionsRotateKeys])
      await expect(run(command, ['none'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const events = (await eventsAbout(world, made.json.id)).map(({ type }) => type)
    expect(events).toEqual(expect.arrayContaining(['connection.metadata.changed', 'connection.certificates.approved']))
  }) // biome-ignore format: commands on one line

  it('refuse wrong usage, and what the environment sets', async () => {
    const usage: [Command, string[], Args['values'], string?][] = [
      [connectionsUpdate, ['google'], {}],
      [connectionsUpdate, ['google'], { settings: '[]' }],
      [connectionsCreate, ['oidc'], { settings: '{' }],
      [connectionsCreate, ['oidc'], { 'secret-stdin': true }, ' \n'],
      [connectionsCreate, ['oidc'], { 'secret-stdin': true, 'secret-file': 'x' }, 'x'],
      [connectionsCreate, ['oidc'], { 'secret-file': join(folder, 'none') }],
    ]
    for (const [command, positionals, values, stdin] of usage)
      await expect(run(command, positionals, values, stdin)).rejects.toBeInstanceOf(UsageError)
    const refused: [Command, Args['values']][] = [
      [connectionsDisable, {}],
      [connectionsDelete, { yes: true }],
      [connectionsDelete, { 'dry-run': true }],
    ]
    for (const [command, values] of refused)
      await expect(run(command, ['google'], values)).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringContaining('LATCHKEY_GOOGLE_CLIENT_ID'),
      })
    for (const [provider, values] of [['facebok', {}], ['oidc', { slug: 'A' }], ['oidc', { settings: '{"tenant":"a"}' }], ['oidc', { settings: '{"x":1}' }], ['saml', { organization: company.id, slug: 'acme' }]] as const)
      await expect(run(connectionsCreate, [provider], values)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  }) // biome-ignore format: a table
})
