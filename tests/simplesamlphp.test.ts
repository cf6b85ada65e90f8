/** A real identity provider, by a client that follows forms: SimpleSAMLphp signs a user in, and ends the session. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samlAddressesOf, type UsableConnection } from '../packages/server/src/core/connections/index.ts'
import { FederationFault } from '../packages/server/src/core/providers/index.ts'
import { readIdpMetadata } from '../packages/server/src/core/saml/index.ts'
import { readSamlResponse, samlRequest } from '../packages/server/src/features/signin/saml/index.ts'
import { HTML } from '../packages/server/src/testing/federation.ts'
import { rememberSamlSession, samlPeer } from '../packages/server/src/testing/saml-connection.ts'
import { formIn } from '../packages/server/src/testing/step-up.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'
import { hasSimpleSamlPhp, SAML_USER, type SimpleSamlPhp, startSimpleSamlPhp } from './setup/simplesamlphp.ts'

/** A browser without scripts: keeps cookies, and follows redirects inside of a host. */
class Visitor {
  cookies = new Map<string, string>()
  async open(url: string, form?: Record<string, string>): Promise<{ url: string; html: string }> {
    let [at, body] = [url, form ? new URLSearchParams(form) : null]
    for (let hops = 0; hops < 10; hops += 1) {
      const headers = { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
      const answer = await fetch(at, {
        redirect: 'manual',
        headers,
        ...(body ? { method: 'POST', body } : {}),
      })
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
        this.cookies.set(name, value)
      }
      const location = answer.headers.get('location')
      if (location === null) return { url: at, html: await answer.text() }
      const next = new URL(location, at)
      if (next.host !== new URL(url).host) return { url: next.href, html: '' }
      ;[at, body] = [next.href, null]
    }
    throw new Error('too many redirects')
  }
}

const withoutEscapes = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#039;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
const fieldIn = (html: string, name: string): string => {
  const tag = [...html.matchAll(/<input[^>]*>/g)]
    .map(([one]) => one)
    .find((one) => one.includes(`name="${name}"`))
  return withoutEscapes(/value="([^"]*)"/.exec(tag ?? '')?.[1] ?? '')
}

let world: World
let provider: SimpleSamlPhp
let connection: UsableConnection

describe.skipIf(!hasSimpleSamlPhp).each([
  ['plain', {}],
  ['with signed requests and encrypted assertions', { encrypts: true, requiresSigned: true }],
])('SimpleSAMLphp as the identity provider, %s', (_, options) => {
  beforeAll(async () => {
    world = await startWorld()
    // SimpleSAMLphp reads the clock of the machine
    world.app.tools.clock.set(new Date())
    const signs = { signs_requests: 'requiresSigned' in options, wants_encrypted: 'encrypts' in options }
    const peer = await samlPeer(world, { saml: signs })
    const metadata = await (await fetch(`${world.url}/saml/${peer.connection.slug}/metadata`)).text()
    provider = await startSimpleSamlPhp({ serviceProviders: [metadata], ...options })
    const document = await (await fetch(provider.metadataUrl)).text()
    const read = readIdpMetadata(document, { entityId: provider.metadataUrl, now: world.clock.now() })
    connection = await peer.change({
      ...signs,
      ...read,
      ...(signs.signs_requests && { signs_requests: true }),
    })
  })
  afterAll(async () => {
    await provider.stop()
    await world.stop()
  })

  /** Signs in at the provider. @returns the form that it posts to us */
  async function signIn(visitor: Visitor, password = SAML_USER.password) {
    const now = world.clock.now()
    const sent = await samlRequest(world.app.tools, connection, { relayState: 'round-trip', now })
    const page = await visitor.open('url' in sent ? sent.url : '')
    const login = await visitor.open(page.url, {
      username: SAML_USER.name,
      password,
      AuthState: fieldIn(page.html, 'AuthState'),
    })
    return {
      expected: sent.expected,
      action: withoutEscapes(/<form[^>]*action="([^"]+)"/.exec(login.html)?.[1] ?? ''),
      response: fieldIn(login.html, 'SAMLResponse'),
      relayState: fieldIn(login.html, 'RelayState'),
    }
  }
  const read = (response: string, expected: { request_id: string }) =>
    readSamlResponse(world.app.tools, connection, { response, expected, now: world.clock.now() })

  it('signs a user in, with the same subject each time, once a response', async () => {
    const first = await signIn(new Visitor())
    expect(first.action).toBe(samlAddressesOf(world.config, connection).acs)
    expect(first.relayState).toBe('round-trip')
    const identity = await read(first.response, first.expected)
    expect(identity).toMatchObject({
      issuer: provider.metadataUrl,
      email: SAML_USER.email,
      username: SAML_USER.name,
      fullName: 'Ada Lovelace',
      groups: ['math'],
      session: { name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' },
    })
    await expect(read(first.response, first.expected)).rejects.toBeInstanceOf(FederationFault)
    const second = await signIn(new Visitor())
    expect((await read(second.response, second.expected)).subject).toBe(identity.subject)
  })

  it('posts nothing for a wrong password, and its answer fits no other request', async () => {
    expect((await signIn(new Visitor(), 'wrong')).response).toBe('')
    const { response } = await signIn(new Visitor())
    await expect(read(response, { request_id: '_other' })).rejects.toMatchObject({ fault: 'wrong_request' })
  })

  it('ends its session by our request, and answers it', async () => {
    const visitor = new Visitor()
    const { response, expected } = await signIn(visitor)
    const { session } = await read(response, expected)
    const [person] = await world.people(1)
    if (!person || !session) throw new Error('the assertion names no session')
    const { client } = person
    const id = (await client.get('/api/v1/auth/sessions')).data[0].id
    await rememberSamlSession(world, id, connection, session)
    const { data } = await client.post('/api/v1/auth/logout', {})
    const page = await client.get(data.provider_logout_url.replace(world.config.publicUrl, ''), HTML)
    const { action, fields } = formIn(page.text)
    const left = await visitor.open(`${action}?${new URLSearchParams(fields)}`)
    expect(left.url).toContain(`${samlAddressesOf(world.config, connection).logout}?SAMLResponse=`)
    const unconfirmed = 'has not confirmed that your session there has ended'
    expect((await client.get('/sign-out', HTML)).text).toContain(unconfirmed)
    const back = await client.get(`${new URL(left.url).pathname}${new URL(left.url).search}`, HTML)
    expect(back.headers.get('location')).toBe('/sign-out')
    expect((await client.get('/sign-out', HTML)).text).not.toContain(unconfirmed)
    // signed out there: the form to sign in is shown again
    const again = await samlRequest(world.app.tools, connection, { relayState: 'r', now: world.clock.now() })
    expect((await visitor.open('url' in again ? again.url : '')).html).toContain('name="password"')
  })
})
