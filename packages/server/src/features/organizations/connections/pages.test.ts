/** The pages of connections as a browser without scripts uses them: add, register, fill in, enable, diagnose, delete. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failedEvent, recordConnectionEvent } from '../../../core/connection-events.ts'
import { FederationFault, PROVIDER_IDS } from '../../../core/providers/index.ts'
import type { Client } from '../../../testing/client.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../policy/testing.ts'
import { CERTIFICATE, linkTo, newCertificate, OIDC, ofOrganization, SECRET } from './testing.ts'

let world: World
let company: Company
let list: string
beforeAll(async () => {
  world = await startWorld({ connectionHosts: ['127.0.0.1:9'] })
  company = await startCompany(world)
  list = `/account/organizations/${company.id}/connections`
})
afterAll(() => world.stop())

const send = (client: Client, path: string, fields: Record<string, string>) =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { form: true })

/** Adds a connection by the form. @returns its page */
async function add(provider: string): Promise<string> {
  const added = await send(company.owner.client, list, { provider })
  expect(added.status).toBe(303)
  return (added.headers.get('location') ?? '').replace(/\?.*$/, '')
}
const read = async (page: string) =>
  (await company.owner.client.get(ofOrganization(company.id, `/${page.split('/').at(-1)}`))).data

describe('the pages of connections', () => {
  it('lead from a provider to an enabled connection, and never show the secret', async () => {
    const { client } = company.owner
    const page = await add('oidc')
    const shown = await client.get(`${page}?done=con_added`)
    const { callback_url: callback } = await read(page)
    expect(shown.text).toContain(callback)
    expect(shown.text).toContain('It still needs: Client ID, Issuer.')
    expect(shown.text).toContain('It can be enabled once it has what it still needs.')
    expect(shown.text).not.toContain(`${page}/enable`)
    const early = await send(client, `${page}/enable`, {})
    expect([early.status, early.text.includes('The connection still needs: Client ID, Issuer.')]).toEqual([400, true])
    const form = { version: '1', name: 'Acme', client_id: 'latchkey', client_secret: SECRET, issuer: 'https://login.acme.test', scopes: 'groups, roles', group_roles: 'Engines = admin\r\nAll staff = member', email_attribute: 'mail', full_name_attribute: 'displayName', groups_attribute: 'groups', subject_attribute: 'oid', default_role: 'guest', trusts_mfa: 'true' }
    expect((await send(client, page, form)).headers.get('location')).toBe(`${page}?done=saved`)
    expect(await read(page)).toMatchObject({
      name: 'Acme',
      client_id: 'latchkey',
      has_secret: true,
      settings: {
        issuer: 'https://login.acme.test',
        scopes: ['groups', 'roles'],
        attributes: { email: 'mail', full_name: 'displayName', groups: 'groups', subject: 'oid' },
        group_roles: [
          { group: 'Engines', role: 'admin' },
          { group: 'All staff', role: 'member' },
        ],
        default_role: 'guest',
        registers: false,
        trusts_mfa: true,
      },
    })
    // an empty secret keeps the stored one
    await send(client, page, { ...form, version: '2', client_secret: '', registers: 'true', name: 'Acme Ltd' })
    expect(await read(page)).toMatchObject({ name: 'Acme Ltd', has_secret: true, version: 3 })
    expect((await read(page)).settings.registers).toBeUndefined()
    expect((await send(client, `${page}/enable`, {})).headers.get('location')).toBe(`${page}?done=con_on`)
    const pending = await client.get(page)
    expect(pending.text).toContain('Waits for a domain')
    expect(pending.text).toContain(`/account/organizations/${company.id}/domains`)
    expect((await client.get(list)).text).toContain('Acme Ltd')
    for (const { text } of [pending, await client.get(list), await client.get(`${page}/events`)]) expect(text).not.toContain(SECRET)
    expect((await send(client, `${page}/disable`, {})).headers.get('location')).toBe(`${page}?done=con_off`)
  }) // biome-ignore format: a form on one line

  it('show a refused form again with what was typed, without the secret', async () => {
    const { client } = company.owner
    const page = await add('oidc')
    const form = { version: '1', name: 'Acme', client_id: 'a ü', client_secret: SECRET, issuer: 'http://login.acme.test', group_roles: 'engines' }
    const invalid = await send(client, page, form)
    expect(invalid.status).toBe(400)
    expect(invalid.text).toContain('id="field-client_id-error"')
    expect(invalid.text).toContain('value="a ü"')
    expect(invalid.text).not.toContain(SECRET)
    const plain = await send(client, page, { ...form, client_id: 'a', group_roles: '' })
    expect([plain.status, plain.text.includes('<a href="#field-issuer">Issuer: Enter an address that begins with https://.')]).toEqual([400, true])
    const line = await send(client, page, { ...form, client_id: 'a', issuer: '' })
    expect([line.status, line.text.includes('Write each line as group = role.')]).toEqual([400, true])
    const roles = { ...form, client_id: 'a', issuer: '', group_roles: 'a = admin\r\n\r\nb = engineer\r\nc = nonesuch', default_role: 'chief' }
    const unknown = await send(client, page, roles)
    expect([unknown.status, unknown.text.match(/href="#field-[a-z_]+">[^<]+/g)]).toEqual([400, [
      'href="#field-default_role">Role of new members: There is no role of this name. Choose another.',
      'href="#field-group_roles">Roles by group: The organization has no role of this name: engineer, nonesuch.',
    ]])
    expect(unknown.text).not.toContain('This field does not exist')
    await company.owner.client.patch(ofOrganization(company.id, `/${page.split('/').at(-1)}`), { name: 'Other' })
    const stale = await send(client, page, { ...form, client_id: 'a', issuer: '', group_roles: '' })
    expect([stale.status, stale.text.includes('was changed in the meantime')]).toEqual([409, true])
  }) // biome-ignore format: a form on one line

  it('take the certificates of SAML as PEM or base64', async () => {
    const { client } = company.owner
    const page = await add('saml')
    const shown = (await client.get(page)).text
    for (const part of ['acs', 'login', 'logout', 'metadata']) expect(shown).toContain(`${page.replace(/.*\//, '/saml/')}/${part}<`)
    const pem = `-----BEGIN CERTIFICATE-----\r\n${CERTIFICATE.match(/.{1,64}/g)?.join('\r\n')}\r\n-----END CERTIFICATE-----`
    const newer = newCertificate()
    const form = { version: '1', name: 'SAML', entity_id: 'urn:acme', sso_url: 'https://idp.acme.test/sso', certificates: `${newer}\r\n\r\n${pem}`, wants_encrypted: 'true' }
    expect((await send(client, page, form)).status).toBe(303)
    expect((await read(page)).settings.saml).toEqual({ entity_id: 'urn:acme', sso_url: 'https://idp.acme.test/sso', certificates: [newer, CERTIFICATE], wants_encrypted: true })
    const wrong = await send(client, page, { ...form, version: '2', certificates: 'not a certificate' })
    expect([wrong.status, wrong.text.includes('id="field-certificates-error"')]).toEqual([400, true])
    expect(wrong.text).toContain('One of the certificates cannot be read')
    const html = await send(client, page, { ...form, version: '2', metadata: '<html></html>' })
    expect([html.status, /<a href="#field-metadata">Metadata of the provider: ([^<]+)/.exec(html.text)?.[1]]).toEqual([400, expect.stringMatching(/^This is not the metadata of a SAML identity provider: .+\.$/)])
    const none = await send(client, page, { ...form, version: '2', certificates: Buffer.alloc(120, 9).toString('base64') })
    expect([none.status, none.text.includes('One of the certificates cannot be read')]).toEqual([400, true])
  }) // biome-ignore format: a form on one line

  it('show certificates with their states, approve those that wait after a question, and renew keys', async () => {
    const { client } = company.owner
    const [current, waiting] = [newCertificate(20), newCertificate()]
    const saml = { entity_id: 'urn:acme', sso_url: 'https://idp.acme.test/sso', certificates: [current], pending_certificates: [waiting], metadata_url: 'http://127.0.0.1:9/' }
    const { data } = await client.post(ofOrganization(company.id), { provider: 'saml', settings: { saml } })
    const page = `${list}/${data.id}`
    const shown = (await client.get(page)).text
    for (const text of ['Expires within 30 days', 'Waits for approval', 'Expires on <time']) expect(shown).toContain(text)
    const away = await send(client, `${page}/metadata`, {})
    expect([away.status, away.text.includes('The metadata could not be read from this address: The provider could not be reached')]).toEqual([400, true])
    const question = (await client.get(`${page}/certificates`)).text
    const [fingerprints = ''] = /(?<=name="fingerprints" value=")[^"]+/.exec(question) ?? []
    expect(question).toContain('Approve these certificates?')
    expect((await send(client, `${page}/certificates`, { fingerprints })).headers.get('location')).toBe(`${page}?done=con_approved`)
    expect((await client.get(page)).text).not.toContain('Waits for approval')
    expect((await client.get(`${page}/certificates`)).text).toContain('No certificate waits for approval.')
    expect((await send(client, `${page}/keys`, { step: 'prepare' })).headers.get('location')).toBe(`${page}?done=con_new_keys`)
    expect((await client.get(`${page}/keys`)).text).toContain('Use the new keys of')
    expect((await send(client, `${page}/keys`, { step: 'activate' })).headers.get('location')).toBe(`${page}?done=con_keys_used`)
    const german = await client.get(page, { headers: { 'accept-language': 'de' } })
    for (const text of ['Läuft binnen 30 Tagen ab', 'Ersetzt', 'Der Anbieter war nicht erreichbar']) expect(german.text).toContain(text)
    await send(client, page, { version: String((await read(page)).version), name: 'SAML', entity_id: 'urn:acme', sso_url: 'https://idp.acme.test/sso', certificates: newCertificate(-2) })
    const expired = await send(client, `${page}/enable`, {})
    expect([expired.status, expired.text.includes('All certificates of the provider have expired.')]).toEqual([400, true])
    expect((await company.admin.client.get(page)).text).not.toContain('New keys')
    expect((await company.admin.client.get(`${page}/keys`)).status).toBe(403)
  }) // biome-ignore format: a form on one line

  it('add one connection although the form is sent many times at once', async () => {
    const { client } = company.owner
    const shown = (await client.get(list)).text
    const after = /name="after" value="([^"]+)"/.exec(shown)?.[1] ?? ''
    const all = await Promise.all(
      Array.from({ length: 10 }, () => send(client, list, { provider: 'okta', after })),
    )
    expect(new Set(all.map(({ headers }) => headers.get('location'))).size).toBe(1)
    const { data } = await client.get(ofOrganization(company.id))
    expect(data.filter(({ provider }: { provider: string }) => provider === 'okta')).toHaveLength(1)
  })

  it('exist for every provider, in both languages', async () => {
    const buttons = [...(await company.owner.client.get(list)).text.matchAll(/<button[^>]* name="provider" value="(\w+)"><svg/g)]
    expect(buttons.map(([, id]) => id).toSorted()).toEqual(PROVIDER_IDS.toSorted())
    for (const provider of PROVIDER_IDS) {
      const { status } = await company.owner.client.get(await add(provider))
      expect([provider, status]).toEqual([provider, 200])
    }
    const german = await world.client({ headers: { 'accept-language': 'de' } })
    await german.signIn(company.owner.email, company.owner.password)
    expect((await german.get(list)).text).toContain('Verbindungen zur Anmeldung')
  }) // biome-ignore format: a pattern on one line

  it('show why sign-ins failed, in words', async () => {
    const page = await add('oidc')
    const id = page.split('/').at(-1) ?? ''
    const fault = new FederationFault('wrong_time', 'the clock differs by 4 minutes')
    const identity = {
      issuer: 'https://issuer.example',
      subject: 'subject-1',
      claims: { sub: 'subject-1', groups: ['<b>'] },
    }
    await world.db.tx('system', async (tx) => {
      await recordConnectionEvent(tx, failedEvent(id, 'login', fault), { id: 'req_of_the_test', now: world.clock.now() })
      await recordConnectionEvent(tx, { connectionId: id, flow: 'test', fault: null, identity }, { id: 'req_of_the_test', now: world.clock.now() })
    }) // biome-ignore format: a row on one line
    const { text } = await company.owner.client.get(`${page}/events`)
    expect(text).toContain('The answer is not valid at this time')
    expect(text).toContain('In detail: <span lang="en">the clock differs by 4 minutes</span>')
    expect(text).toContain('&lt;b>')
    const { text: withoutClaims } = await company.admin.client.get(`${page}/events`)
    expect(withoutClaims).toContain('The answer is not valid at this time')
    expect(withoutClaims).not.toContain('&lt;b>')
  })

  it('ask before a deletion, which is the same when it is sent twice', async () => {
    const { client } = company.owner
    const page = await add('oidc')
    const id = page.split('/').at(-1) ?? ''
    await linkTo(world, company.member, { id, organization_id: company.id }, id)
    expect((await client.get(page)).text).toContain('Users have linked identities')
    expect((await client.get(`${page}/delete`)).text).toContain('Linked identities stay in the accounts')
    for (let n = 0; n < 2; n++)
      expect((await send(client, `${page}/delete`, {})).headers.get('location')).toBe(
        `${list}?done=con_deleted`,
      )
    expect((await client.get(page)).status).toBe(404)
  })

  it('offer an admin no change, and members nothing', async () => {
    const settings = { ...OIDC.settings, scopes: ['groups'], attributes: { groups: 'teams' }, group_roles: [{ group: 'Engines', role: 'admin' }, { group: 'Staff', role: 'guest' }], registers: false, default_role: 'guest' }
    const { data } = await company.owner.client.post(ofOrganization(company.id), { ...OIDC, settings })
    const { text } = await company.admin.client.get(`${list}/${data.id}`)
    expect(text).not.toMatch(/field-client_id|\/enable"|\/delete"/)
    expect(text).not.toContain(SECRET)
    const read = Object.fromEntries([...text.matchAll(/<dt>([^<]*)<\/dt><dd><span class="lines">(.*?)<\/span>/gs)].map(([, term, value]) => [term, value]))
    expect(read).toEqual({
      'Client ID': 'latchkey', 'Client secret': 'Stored, and not shown', Issuer: 'https://login.acme.test', 'Further scopes': 'groups',
      'Attribute with the groups': 'teams', 'Role of new members': 'Guest', 'Roles by group': 'Engines = admin\nStaff = guest',
      'A first sign-in makes a member': 'No', 'Accept the second factor of the provider, so that none is needed here': 'No', 'Keep the tokens of the provider': 'No',
    })
    const { text: listed } = await company.admin.client.get(list)
    expect(listed).toContain(`${list}/${data.id}"`)
    expect(listed).not.toContain('name="provider"')
    expect((await company.member.client.get(list)).status).toBe(403)
    const { text: overview } = await company.member.client.get(`/account/organizations/${company.id}`)
    expect(overview).toContain('Your role')
    expect(overview).not.toContain(`${list}"`)
    expect((await send(company.admin.client, `${list}/${data.id}/enable`, {})).status).toBe(403)
  }) // biome-ignore format: settings on one line
})
