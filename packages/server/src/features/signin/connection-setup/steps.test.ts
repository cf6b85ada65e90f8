/** What the set-up pages say: after a test, about a domain, before and after the activation. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { goal, HTML } from '../../../testing/federation.ts'
import { LINKS, type SetupWorld, startSetupWorld, testByLink } from './testing.ts'

let all: SetupWorld
beforeAll(async () => {
  all = await startSetupWorld()
})
afterAll(() => all?.stop())
beforeEach(() => {
  all.federated.fakes.provider('oidc').script = {}
  says('ida@works.example.com')
})

type Owner = Awaited<ReturnType<SetupWorld['owner']>>
let people = 0

/** The person who tests has this address. */
function says(email: string | null): void {
  const user = { sub: `it-${++people}`, email, email_verified: true, name: 'Ida' }
  all.federated.fakes.provider('oidc').user = user as never
}
const oidc = () => {
  const { clientId, secret, settings } = all.federated.fakes.provider('oidc')
  return {
    issuer: settings.issuer ?? '',
    client_id: clientId,
    client_secret: secret,
    groups_attribute: 'groups',
  }
}
const SUCCESS = 'class="alert success"'
const ACTIVATION = 'this link changes nothing any more.'

/** The text of a page, which is shown. */
async function textOf(client: Client, path: string, language = 'en'): Promise<string> {
  const { status, text } = await client.get(path, {
    headers: { ...HTML.headers, 'accept-language': language },
  })
  expect([path, status]).toEqual([path, 200])
  return text
}

/** A reader whose settings are saved. */
async function ready(fields: object = {}, owner?: Owner) {
  const of = owner ?? (await all.owner())
  const { at, id } = await all.link(of, fields)
  const client = all.world.client()
  await all.send(client, at, '/provider', { choice: 'oidc' })
  expect(goal(await all.send(client, at, '/settings', oidc()))).toBe(`${at}/test`)
  return { owner: of, at, id, client }
}
const tested = async ({ client, at }: { client: Client; at: string }): Promise<string> =>
  await textOf(client, await testByLink(all, client, at))

const domainsOf = async ({ client, organization }: Owner) =>
  (await client.get(`/api/v1/organizations/${organization}/domains`)).data as {
    id: string
    domain: string
    record: { value: string }
  }[]

/** Adds a domain by the link. @returns its id */
async function add({ client, at, owner }: { client: Client; at: string; owner: Owner }, domain: string) {
  expect(goal(await all.send(client, at, '/domain', { domain }))).toBe(`${at}/domain`)
  return (await domainsOf(owner)).find((one) => one.domain === domain)?.id ?? ''
}

describe('a test', () => {
  it('that fails after one that succeeded shows no success, and is in the words of the activation', async () => {
    const it_ = await ready()
    expect(await tested(it_)).toContain(SUCCESS)
    all.federated.fakes.provider('oidc').script = { claims: { nonce: 'another' } }
    for (const page of [await tested(it_), await textOf(it_.client, `${it_.at}/test`)]) {
      expect(page).toContain('The last test failed.')
      expect(page).toContain('A test before it succeeded on')
      expect(page).not.toContain(SUCCESS)
      expect(page).not.toContain('Continue: ')
    }
    expect(await textOf(it_.client, it_.at)).toContain('The last test failed; one before it succeeded')
  })

  it('of earlier settings is not shown any more', async () => {
    const it_ = await ready()
    all.federated.fakes.provider('oidc').script = { claims: { nonce: 'another' } }
    await testByLink(all, it_.client, it_.at)
    expect(await textOf(it_.client, `${it_.at}/test`)).toContain('The last test failed.')
    await all.world.clock.advance('1 minute')
    await all.send(it_.client, it_.at, '/settings', { ...oidc(), groups_attribute: 'roles' })
    const [start, test] = [await textOf(it_.client, it_.at), await textOf(it_.client, `${it_.at}/test`)]
    expect(start).toContain('Continue: test the sign-in')
    expect(test).toContain('Begin the test')
    for (const page of [start, test]) expect(page).not.toContain('The last test failed')
  })

  it('without an address ends with a warning, which the activation repeats', async () => {
    says(null)
    const it_ = await ready()
    const warning = 'The provider named no e-mail address.'
    for (const page of [await tested(it_), await textOf(it_.client, it_.at)]) expect(page).toContain(warning)
    says('ida@works.example.com')
    for (const [page, positive] of [
      [await tested(it_), SUCCESS],
      [await textOf(it_.client, it_.at), ACTIVATION],
    ] as const) {
      expect(page).toContain(positive)
      expect(page).not.toContain(warning)
    }
  })

  it('with an address outside of the domains ends with a warning, also where the domain came later', async () => {
    says('ida@elsewhere.example')
    const it_ = await ready()
    // there is no domain yet
    const early = await tested(it_)
    expect(early).toContain(SUCCESS)
    expect(early).not.toContain('is of no domain')
    await add(it_, 'works.example.com')
    const warning = 'The address ida@elsewhere.example is of no domain for which the connection speaks (works.example.com)'
    for (const page of [await textOf(it_.client, it_.at), await textOf(it_.client, `${it_.at}/test`), await tested(it_)])
      expect(page).toContain(warning)
    says('ida@works.example.com')
    const good = await tested(it_)
    expect(good).toContain(SUCCESS)
    expect(good).not.toContain('is of no domain')
    // it is no address that people confirm themselves
    expect(good).not.toContain('people confirm it themselves')
    const activation = await textOf(it_.client, it_.at)
    expect(activation).toContain(ACTIVATION)
    expect(activation).not.toContain('is of no domain')
  }) // biome-ignore format: a sentence

  it('reads the address from the attribute that the settings name, also where that is called like a secret', async () => {
    const it_ = await ready()
    await add(it_, 'works.example.com')
    for (const name of ['token_mail', 'profile.secret_mail']) {
      const value = 'ida@works.example.com'
      const more = name === 'token_mail' ? { token_mail: value } : { profile: { secret_mail: value } }
      const filler = Array.from({ length: 40 }, (_, n) => [`group_${n}`, 'x'.repeat(400)])
      const user = { sub: `it-${++people}`, ...Object.fromEntries(filler), ...more }
      all.federated.fakes.provider('oidc').user = user as never
      await all.world.clock.advance('1 minute')
      await all.send(it_.client, it_.at, '/settings', { ...oidc(), email_attribute: name })
      expect(await tested(it_)).toContain('class="alert success"')
      for (const part of ['', '/test'])
        expect(await textOf(it_.client, `${it_.at}${part}`)).not.toMatch(/named no e-mail|is of no domain/)
    }
  })

  it('of a connection of the owners warns likewise', async () => {
    const owner = await all.owner()
    const { id } = await all.federated.connect('oidc', { organizationId: owner.organization })
    await all.federated.prove(owner.organization, 'proven.example.com')
    const path = `/api/v1/organizations/${owner.organization}/connections/${id}/test`
    const page = async (email: string | null) => {
      says(email)
      const { data } = await owner.client.post(path)
      const callback = await all.federated.fakes.authorize(data.authorization_url)
      return await textOf(owner.client, goal(await all.federated.answer(owner.client, callback)) ?? '')
    }
    expect(await page(null)).toContain('The provider named no e-mail address.')
    expect(await page('ida@elsewhere.example')).toContain('no domain for which the connection speaks')
    const good = await page('ida@proven.example.com')
    expect(good).toContain('The test of oidc succeeded')
    expect(good).not.toContain('class="alert warning"')
  })
})

describe('a domain of a set-up', () => {
  it('is removed by the link that has added it, once, with an event of its maker', async () => {
    const it_ = await ready()
    const domain_id = await add(it_, 'wroks.example.com')
    await add(it_, 'works.example.com')
    const page = await textOf(it_.client, `${it_.at}/domain`)
    expect(page).toContain('<nav class="within" aria-label="Steps of the set-up">')
    expect(page).toContain('aria-label="Remove: wroks.example.com"')
    const replies = await Promise.all(
      Array.from({ length: 5 }, () =>
        all.send(it_.client, it_.at, '/domain/remove', { domain_id }, '/domain'),
      ),
    )
    // of those that were sent twice the domain is gone
    expect(replies.map((reply) => goal(reply))).toEqual(replies.map(() => `${it_.at}/domain`))
    expect((await domainsOf(it_.owner)).map(({ domain }) => domain)).toEqual(['works.example.com'])
    const events = await all.world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .select(['details', 'user_id'])
        .where('organization_id', '=', it_.owner.organization)
        .where('event_type', '=', 'organization.domain.removed')
        .execute(),
    )
    expect(events).toEqual([
      {
        details: expect.objectContaining({
          domain: 'wroks.example.com',
          verified: false,
          setup_link_id: it_.id,
        }),
        user_id: it_.owner.id,
      },
    ])
    const left = await textOf(it_.client, `${it_.at}/domain`)
    expect(left).toContain('aria-label="Remove: works.example.com"')
    expect(left).not.toContain('wroks')
  })

  it('stays where it is verified, of the owners, of another link, or the set-up is completed', async () => {
    const it_ = await ready()
    const base = `/api/v1/organizations/${it_.owner.organization}/domains`
    const { data: owned } = await it_.owner.client.post(base, { domain: 'owned.example.com' })
    const other = await all.link(it_.owner, { intent: 'domain' })
    const linked = await add({ ...it_, at: other.at }, 'linked.example.com')
    const verified = await add(it_, 'verified.example.com')
    const pending = await add(it_, 'pending.example.com')
    await all.world.db.tx('system', (tx) =>
      tx
        .updateTable('organization_domains')
        .set({ verified_at: all.world.clock.now() })
        .where('id', '=', verified)
        .execute(),
    )
    const before = await domainsOf(it_.owner)
    const remove = (domain_id: string) =>
      all.send(it_.client, it_.at, '/domain/remove', { domain_id }, '/domain')
    for (const id of [owned.id, linked]) expect(goal(await remove(id))).toBe(`${it_.at}/domain`)
    const refused = await remove(verified)
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('This domain is verified.')])
    expect(refused.text).toContain('aria-label="Remove: pending.example.com"')
    expect(refused.text).not.toContain('Remove: verified.example.com')
    await tested(it_)
    expect(goal(await all.send(it_.client, it_.at, '/complete', {}, ''))).toBe(it_.at)
    const csrf_token = (await it_.client.get('/csrf')).data.csrf_token
    await all.send(it_.client, it_.at, '/domain/remove', { domain_id: pending, csrf_token })
    expect((await domainsOf(it_.owner)).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  })

  it('has its record on the page of the completed set-up too, without forms', async () => {
    const it_ = await ready()
    await add(it_, 'late.example.com')
    await tested(it_)
    await all.send(it_.client, it_.at, '/complete', {}, '')
    const page = await textOf(it_.client, it_.at)
    expect(page).toMatch(/latchkey-verify=[0-9a-f]+/)
    expect(page).toContain('as soon as a domain that leads to it is verified')
    expect(page).not.toContain('<form')
  })
})

describe('the activation', () => {
  it('says that owners choose the connection, where the domains lead to another one, as the e-mail does', async () => {
    const owner = await all.owner()
    await all.federated.connect('keycloak', { organizationId: owner.organization })
    await all.federated.prove(owner.organization, 'others.example.com')
    await all.world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ locale: 'de' }).where('id', '=', owner.id).execute(),
    )
    const it_ = await ready({ intent: 'connection' }, owner)
    await tested(it_)
    expect(await textOf(it_.client, it_.at)).toContain('choose it for a domain')
    expect(await textOf(it_.client, it_.at, 'de')).toContain(
      'sobald die Inhaber der Organisation sie für eine Domain wählen',
    )
    expect(goal(await all.send(it_.client, it_.at, '/complete', {}, ''))).toBe(it_.at)
    const done = await textOf(it_.client, it_.at)
    expect(done).toContain('as soon as the owners of the organization choose it for a domain')
    expect(done).toContain(`/account/organizations/${owner.organization}/domains"`)
    const { text } = await all.world.mailbox.emailTo(owner.email)
    expect(text).toContain('auf der Seite einer Domain wählen')
    expect(text).toContain(`Den Link dafür hat ${owner.email} erstellt.`)
    expect(text).toContain(`/account/organizations/${owner.organization}/domains`)
    const { data } = await owner.client.get(`/api/v1/organizations/${owner.organization}/connections`)
    expect(data.at(-1)).toMatchObject({ origin: 'setup_link', state: 'pending' })
  })

  it('leaves verified domains with the active connection, although the draft of the link is older', async () => {
    const owner = await all.owner()
    const it_ = await ready({ intent: 'connection' }, owner)
    await tested(it_)
    const main = await all.federated.connect('keycloak', { organizationId: owner.organization })
    await all.federated.prove(owner.organization, 'routed.example.com')
    const routed = async () => {
      const identifier = 'ada@routed.example.com'
      return (await all.world.client().post('/api/v1/auth/external/discover', { identifier })).data.provider
    }
    expect(await routed()).toBe(main.slug)
    expect(goal(await all.send(it_.client, it_.at, '/complete', {}, ''))).toBe(it_.at)
    expect(await routed()).toBe(main.slug)
    expect(await textOf(it_.client, it_.at)).toContain('choose it for a domain')
  })

  it('names the domains by which people sign in', async () => {
    const owner = await all.owner()
    await all.federated.prove(owner.organization, 'used.example.com')
    const it_ = await ready({ intent: 'connection' }, owner)
    says('ida@used.example.com')
    await tested(it_)
    const sentence = 'people with an address at used.example.com sign in by it'
    expect(await textOf(it_.client, it_.at)).toContain(sentence)
    await all.send(it_.client, it_.at, '/complete', {}, '')
    expect((await textOf(it_.client, it_.at)).toLowerCase()).toContain(sentence)
    expect((await owner.client.get(LINKS(owner.organization))).data).toMatchObject([{ state: 'completed' }])
  })
})

describe('the form of the settings', () => {
  it('names all fields of OpenID Connect that are missing at once', async () => {
    const { at } = await all.link(await all.owner())
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'okta-oidc' })
    const { status, text } = await all.send(client, at, '/settings', {})
    expect([status, text]).toEqual([400, expect.stringContaining('Please correct 3 fields')])
    for (const name of ['issuer', 'client_id', 'client_secret']) expect(text).toContain(`id="field-${name}-error"`)
  })

  it('of SAML says which of the three fields is missing, what a certificate is, and that one way is enough', async () => {
    const { at } = await all.link(await all.owner())
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'saml' })
    const send = (fields: Record<string, string>) => all.send(client, at, '/settings', fields)
    const none = await send({})
    expect([none.status, none.text]).toEqual([400, expect.stringContaining('Enter the address of the metadata, the')])
    expect(none.text).not.toContain('id="field-metadata_url-error"')
    const entity_id = 'https://idp.example/metadata'
    const alone = await send({ entity_id })
    for (const name of ['sso_url', 'certificate']) expect(alone.text).toContain(`id="field-${name}-error"`)
    expect([alone.status, alone.text]).toEqual([400, expect.not.stringContaining('id="field-metadata_url-error"')])
    for (const certificate of ['nonsense', 'A'.repeat(400), 'a'.repeat(19_000)]) {
      const { status, text } = await send({ entity_id, sso_url: 'https://idp.example/sso', certificate })
      const [, error] = /id="field-certificate-error">([^<]+)</.exec(text) ?? []
      expect([status, error]).toEqual([400, 'This is not an X.509 certificate. Paste it as PEM or base64.'])
    }
  })

  it('says in German what is in English', async () => {
    const { at } = await all.link(await all.owner())
    const client = all.world.client()
    await all.send(client, at, '/provider', { choice: 'oidc' })
    await textOf(client, at, 'de')
    const { text: form } = await client.get(`${at}/settings`, HTML)
    const [, csrf_token = ''] = /name="csrf_token" value="([^"]+)"/.exec(form) ?? []
    const sent = { csrf_token, ...oidc(), issuer: `${oidc().issuer}/elsewhere` }
    client.csrfToken = null
    const headers = { ...HTML.headers, 'accept-language': 'de' }
    const { text } = await client.post(`${at}/settings`, sent, { form: true, headers })
    expect(text).toContain('Im Einzelnen (englisch): ')
    all.federated.fakes.provider('oidc').script = { claims: { nonce: 'another' } }
    await all.send(client, at, '/settings', oidc())
    const failed = await textOf(client, await testByLink(all, client, at), 'de')
    expect(failed).toContain('Im Einzelnen (englisch): <span lang="en">the nonce differs</span>')
  })

  it('shows no list of one provider, and says what another choice changes', async () => {
    const owner = await all.owner()
    const one = await all.link(owner, { provider: 'saml' })
    const client = all.world.client()
    const page = await textOf(client, `${one.at}/provider`)
    expect(page).not.toContain('<select')
    expect(page).toContain('name="choice" value="saml"')
    expect(goal(await all.send(client, one.at, '/provider', { choice: 'saml' }))).toBe(`${one.at}/settings`)
    const chosen = await textOf(client, `${one.at}/provider`)
    expect(chosen).toContain('name="choice" value="saml"')
    expect(chosen).not.toContain('Choosing another one')
    const { at } = await ready({}, await all.owner())
    expect(await textOf(all.world.client(), `${at}/provider`)).toContain('its redirect URI, or its entity ID')
  })
}) // biome-ignore format: sentences
