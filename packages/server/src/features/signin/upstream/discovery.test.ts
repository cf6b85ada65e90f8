/** Discovery documents and keys: when they are requested, what a change of keys costs, and which addresses are reached at all. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { createOutbound } from '../../../base/outbound/index.ts'
import { isPublicAddress } from '../../../base/outbound/public-address.ts'
import type { FakeProvider } from '../../../testing/fake-provider-answers.ts'
import { startUpstream, type Upstream } from '../../../testing/upstream.ts'
import { authorizationUrl, createExpected } from './index.ts'

let upstream: Upstream
let issuer: FakeProvider
beforeAll(async () => {
  upstream = await startUpstream()
  issuer = upstream.fakes.provider('keycloak')
})
afterAll(() => upstream.fakes.close())
beforeEach(() => {
  issuer.script = {}
})

const MINUTE = 60_000
const requestsFor = (ending: RegExp) => upstream.fakes.requests.filter((line) => ending.test(line)).length
const documents = () => requestsFor(/openid-configuration$/)
const keySets = () => requestsFor(/\/keys$/)
/** Waits for what runs in the background. */
const become = (read: () => number, value: number) => expect.poll(read).toBe(value)

describe('metadata and keys', () => {
  it('are requested once, by however many sign-ins at once, and by none later', async () => {
    const connection = upstream.connection('keycloak')
    const before = [documents(), keySets()]
    await Promise.all(Array.from({ length: 10 }, () => upstream.signIn(connection)))
    for (let n = 0; n < 3; n += 1) await upstream.signIn(connection)
    expect([documents(), keySets()]).toEqual(before.map((count) => count + 1))
  })

  it('are requested in the background before they are too old, and no sign-in waits for it', async () => {
    const connection = upstream.connection('keycloak')
    await upstream.signIn(connection)
    const before = keySets()
    upstream.clock.advance(6 * MINUTE)
    issuer.script = { jwks: 'down' }
    expect((await upstream.signIn(connection)).subject).toBe('f:1:ada')
    await become(keySets, before + 1)
    issuer.script = {}
    upstream.clock.advance(2 * MINUTE)
    await upstream.signIn(connection)
    await become(keySets, before + 2)
    await upstream.signIn(connection)
    expect(keySets()).toBe(before + 2)
  })

  it('are not used for ever while the issuer is down', async () => {
    const connection = upstream.connection('keycloak')
    await upstream.signIn(connection)
    issuer.script = { jwks: 'down' }
    upstream.clock.advance(61 * MINUTE)
    expect((await upstream.faultOf(upstream.signIn(connection))).fault).toBe('unreachable')
  })
})

describe('a change of keys', () => {
  it('is followed at once', async () => {
    const connection = upstream.connection('keycloak')
    await upstream.signIn(connection)
    const before = keySets()
    issuer.rotate()
    const identities = await Promise.all(Array.from({ length: 5 }, () => upstream.signIn(connection)))
    expect(identities.map(({ subject }) => subject)).toEqual(Array(5).fill('f:1:ada'))
    expect(keySets()).toBe(before + 1)
  })

  it('is followed where the new key has the id of the old one', async () => {
    issuer.rotate('constant')
    const connection = upstream.connection('keycloak')
    await upstream.signIn(connection)
    issuer.rotate('constant')
    expect((await upstream.signIn(connection)).subject).toBe('f:1:ada')
  })

  it('is followed where keys have no id', async () => {
    const connection = upstream.connection('keycloak')
    issuer.script = { header: { kid: undefined } }
    await upstream.signIn(connection)
    issuer.rotate()
    expect((await upstream.signIn(connection)).subject).toBe('f:1:ada')
  })

  it('that is pretended by hostile key ids causes one request a minute for the connection, and none for another', async () => {
    const [attacked, other] = [upstream.connection('keycloak'), upstream.connection('keycloak')]
    for (const connection of [attacked, other]) await upstream.signIn(connection)
    const before = keySets()
    for (let n = 0; n < 20; n += 1) {
      issuer.script = { header: { kid: `hostile ${n}` } }
      expect((await upstream.faultOf(upstream.signIn(attacked))).fault).toBe('wrong_signature')
    }
    expect(keySets()).toBe(before + 1)
    issuer.script = {}
    // a real change within the minute is seen by the other connection at once, and by the attacked one after it
    issuer.rotate()
    expect((await upstream.signIn(other)).subject).toBe('f:1:ada')
    expect((await upstream.faultOf(upstream.signIn(attacked))).fault).toBe('wrong_signature')
    upstream.clock.advance(MINUTE)
    expect((await upstream.signIn(attacked)).subject).toBe('f:1:ada')
  })
})

describe('an address that a connection names', () => {
  /** A network whose names resolve to these addresses, one for each look-up, and what was looked up. */
  const outboundTo = (...addresses: string[]) => {
    const resolved: string[] = []
    const network = {
      async resolve(hostname: string) {
        resolved.push(hostname)
        const address = addresses[resolved.length - 1] ?? addresses.at(-1) ?? ''
        return [{ address, family: address.includes(':') ? 6 : 4 }]
      },
      isPublic: isPublicAddress,
    }
    const outbound = createOutbound({ clock: upstream.clock, log: { warn() {} }, network })
    return { tools: { ...upstream.tools, outbound }, resolved }
  }
  const begin = (
    tools: Upstream['tools'],
    url: string,
    more: object = {},
    organizationId: string | null = 'org_1',
  ) =>
    authorizationUrl(
      tools,
      upstream.connection('oidc', { issuer: url, ...more }, { organizationId }),
      createExpected(),
      { state: 's', redirectUri: 'https://id.example.com/cb' },
    )

  test.each([
    'https://127.0.0.1', 'https://2130706433', 'https://0x7f.1', 'https://[::1]', 'https://[::ffff:10.0.0.1]', 'https://10.0.0.1',
    'https://169.254.169.254', 'https://[fd00::1]', 'https://0.0.0.0',
  ])('%s is not reached', async (url) => {
    const { tools, resolved } = outboundTo('93.184.216.34')
    const { fault, detail } = await upstream.faultOf(begin(tools, url))
    expect([fault, resolved]).toEqual(['address_refused', []])
    expect(detail).toMatch(/is in a private network$/)
  }) // biome-ignore format: a table

  test.each(['127.0.0.1', '10.1.2.3', '169.254.169.254', '::1', '::ffff:192.168.0.1'])(
    'by a name of %s is not reached',
    async (address) => {
      const { tools } = outboundTo(address)
      const { fault, detail } = await upstream.faultOf(begin(tools, 'https://rebind.example.com'))
      expect([fault, detail]).toEqual(['address_refused', 'rebind.example.com: the address is not public'])
    },
  )

  it('without https is refused before anything is looked up', async () => {
    const { tools, resolved } = outboundTo('93.184.216.34')
    const { fault, detail } = await upstream.faultOf(begin(tools, 'http://idp.example.com'))
    expect([fault, detail, resolved]).toEqual([
      'address_refused',
      'the address of idp.example.com is not https',
      [],
    ])
  })

  it('is looked up once for each request, and a name that has become private is refused', async () => {
    const { tools, resolved } = outboundTo('127.0.0.1', '10.0.0.1')
    const config = { ...tools.config, connectionHosts: [] }
    await upstream.faultOf(begin({ ...tools, config }, 'https://rebind.example.com'))
    await upstream.faultOf(begin({ ...tools, config }, 'https://rebind.example.com'))
    expect(resolved).toEqual(['rebind.example.com', 'rebind.example.com'])
  })

  it('is not redirected to a private one', async () => {
    const before = upstream.fakes.requests.length
    upstream.fakes.provider('oidc').script = { discovery: 'redirect' }
    const { fault, detail } = await upstream.faultOf(upstream.signIn(upstream.connection('oidc')))
    upstream.fakes.provider('oidc').script = {}
    expect([fault, detail]).toEqual(['bad_answer', expect.stringMatching(/redirects, which is not followed/)])
    expect(upstream.fakes.requests.slice(before)).toHaveLength(1)
  })

  it('may be private where the operator lists its host, with or without its port, and no other', async () => {
    const { host } = upstream.fakes
    const [name = ''] = host.split(':')
    const url = `http://${host}/issuer`
    const { tools } = outboundTo('127.0.0.1')
    const withHosts = (...connectionHosts: string[]) => ({
      ...tools,
      config: { ...tools.config, connectionHosts },
      outbound: createOutbound({ clock: upstream.clock, log: { warn() {} } }),
    })
    expect(await begin(withHosts(host), url)).toMatch(`${url}/authorize`)
    expect(await begin(withHosts(name), url)).toMatch(`${url}/authorize`)
    for (const hosts of [[], [`${name}:1`], ['localhost'], ['0.0.0.0']])
      expect((await upstream.faultOf(begin(withHosts(...hosts), url))).fault).toBe('address_refused')
  })

  it('may be private where a server-wide connection allows it; an organization cannot allow it itself', async () => {
    const url = `http://${upstream.fakes.host}/issuer`
    const tools = {
      ...upstream.tools,
      config: { ...upstream.tools.config, connectionHosts: [] },
      outbound: createOutbound({ clock: upstream.clock, log: { warn() {} } }),
    }
    expect(await begin(tools, url, { allows_private: true }, null)).toMatch(`${url}/authorize`)
    const own = begin(tools, url, { allows_private: true })
    expect((await upstream.faultOf(own)).fault).toBe('address_refused')
  })

  it('in the document of a public issuer is no way into a private network', async () => {
    for (const member of ['token_endpoint', 'jwks_uri', 'userinfo_endpoint']) {
      const fake = upstream.fakes.provider('google')
      fake.script = { metadata: { [member]: 'https://169.254.169.254/latest' }, claims: { email: undefined } }
      const network = { ...upstream.fakes.network, isPublic: isPublicAddress }
      const { instead } = upstream.fakes.network
      // the fake's own addresses are reached, all others are as they are
      const isFake = (url: URL) => !/^\d/.test(url.hostname)
      const outbound = createOutbound({
        clock: upstream.clock,
        log: { warn() {} },
        network: {
          ...network,
          isPublic: (address) => address === '127.0.0.1' || isPublicAddress(address),
          instead: (url) => (isFake(url) && instead ? instead(url) : url),
        },
      })
      const tools = { ...upstream.tools, outbound }
      const signIn = upstream.signIn(upstream.connection('google'), {}, tools)
      expect(await upstream.faultOf(signIn)).toEqual({
        fault: 'address_refused',
        detail: 'the address of 169.254.169.254 is in a private network',
      })
      fake.script = {}
    }
  })
})
