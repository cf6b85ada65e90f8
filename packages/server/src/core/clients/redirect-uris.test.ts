/** Which redirect URIs may be registered, and which requested ones match: tables of look-alikes, and properties. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ApplicationType, matchesRedirect, redirectUriFault } from './redirect-uris.ts'

const isAllowed = (uri: string, type: ApplicationType = 'web'): boolean =>
  redirectUriFault(uri, type) === null

describe('a redirect URI that may be registered', () => {
  it.each([
    'https://app.example.com/callback',
    'https://app.example.com',
    'https://app.example.com:8443/callback?tenant=a%20b',
    'https://10.0.0.7/callback',
    'https://xn--bcher-kva.example/callback',
    'http://localhost:3000/callback',
    'http://127.0.0.1/callback',
    'http://[::1]:8000/callback',
  ])('is %s', (uri) => {
    expect(redirectUriFault(uri, 'web')).toBeNull()
    expect(redirectUriFault(uri, 'native')).toBeNull()
  })

  it.each(['com.example.app:/callback', 'com.example.app://callback', 'com.example.my-app:/oauth2?x=1'])(
    'is %s for a native app alone',
    (uri) => {
      expect(isAllowed(uri, 'native')).toBe(true)
      expect(isAllowed(uri, 'web')).toBe(false)
    },
  )
})

describe('a redirect URI that may not be registered', () => {
  it.each([
    ['a relative one', '/callback'],
    ['an empty one', ''],
    ['a fragment', 'https://app.example.com/#x'],
    ['an empty fragment', 'https://app.example.com/#'],
    ['user info', 'https://app.example.com@evil.example/'],
    ['a password', 'https://a:b@app.example.com/'],
    ['empty user info', 'https://@app.example.com/'],
    ['user info in a scheme of an app', 'com.example.app://user@host/'],
    ['a wildcard host', 'https://*.example.com/callback'],
    ['a wildcard path', 'https://app.example.com/*'],
    ['http on another host', 'http://app.example.com/callback'],
    ['http on a host that begins like loopback', 'http://127.0.0.1.nip.io/callback'],
    ['http on a host that begins like localhost', 'http://localhost.example.com/callback'],
    ['localhost with a dot', 'http://localhost./callback'],
    ['a loopback address in short form', 'http://127.1/callback'],
    ['a loopback address in decimal form', 'http://2130706433/callback'],
    ['a loopback address in octal form', 'http://0177.0.0.1/callback'],
    ['another loopback address', 'http://127.0.0.2/callback'],
    ['the address of all interfaces', 'http://0.0.0.0/callback'],
    ['a mapped loopback address', 'http://[::ffff:127.0.0.1]/callback'],
    ['a long form of ::1', 'http://[0:0:0:0:0:0:0:1]/callback'],
    ['dot segments', 'https://app.example.com/a/../callback'],
    ['encoded dot segments', 'https://app.example.com/a/%2e%2E/callback'],
    ['a dot segment', 'https://app.example.com/./callback'],
    ['backslashes', 'https://app.example.com\\@evil.example/'],
    ['a tab', 'https://app.exam\tple.com/'],
    ['a line break', 'https://app.example.com/\n'],
    ['white space before', ' https://app.example.com/'],
    ['letters that are not ASCII', 'https://bücher.example/'],
    ['letters that look like ASCII', 'https://аpp.example.com/'],
    ['full-width letters', 'https://ａpp.example.com/'],
    ['capital letters of the host', 'https://App.example.com/'],
    ['capital letters of the scheme', 'HTTPS://app.example.com/'],
    ['the default port', 'https://app.example.com:443/callback'],
    ['a port that is none', 'https://app.example.com:99999/'],
    ['an encoded host', 'https://app%2eexample.com/'],
    ['a half percent-encoding', 'https://app.example.com/%4'],
    ['too few slashes', 'https:/app.example.com/'],
    ['too many slashes', 'https:///app.example.com/'],
    ['a parameter of the answer', 'https://app.example.com/?code=x'],
    ['an encoded parameter of the answer', 'https://app.example.com/?st%61te=x'],
    ['javascript', 'javascript://app.example.com/%0aalert(1)'],
    ['data', 'data:text/html,x'],
    ['vbscript', 'vbscript:x'],
    ['file', 'file:///etc/passwd'],
    ['blob', 'blob:https://app.example.com/1'],
    ['about', 'about:blank'],
    ['ftp', 'ftp://app.example.com/'],
    ['a scheme without a dot', 'myapp:/callback'],
    ['a scheme without a path', 'com.example.app:callback'],
    ['a scheme with capital letters', 'com.Example.app:/callback'],
    ['2,001 characters', `https://app.example.com/${'a'.repeat(1977)}`],
  ])('has %s', (_, uri) => {
    expect([uri, isAllowed(uri, 'web'), isAllowed(uri, 'native')]).toEqual([uri, false, false])
  })

  it('is anything that browsers read otherwise than it is written', () => {
    const texts = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string({ maxLength: 60 }).map((text) => `https://app.example.com${text}`),
      fc.string({ maxLength: 60 }),
    )
    fc.assert(
      fc.property(texts, fc.constantFrom('web' as const, 'native' as const), (uri, type) => {
        if (!isAllowed(uri, type)) return
        const url = new URL(uri)
        expect([uri, `${uri}/`]).toContain(url.href)
        expect([url.username, url.password, url.hash]).toEqual(['', '', ''])
        expect(url.protocol === 'https:' || url.protocol.includes('.') || url.protocol === 'http:').toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

const web = (...redirect_uris: string[]) => ({ application_type: 'web' as const, redirect_uris })
const native = (...redirect_uris: string[]) => ({ application_type: 'native' as const, redirect_uris })

describe('a requested redirect URI', () => {
  const registered = 'https://app.example.com/callback'

  it('matches as text alone', () => {
    expect(matchesRedirect(web('https://other.example.com/', registered), registered)).toBe(true)
    for (const other of [
      'https://app.example.com/callback/',
      'https://app.example.com/callback?x=1',
      'https://app.example.com/callback#x',
      'https://app.example.com/Callback',
      'https://app.example.com/call%62ack',
      'https://app.example.com/x/../callback',
      'https://app.example.com:443/callback',
      'https://app.example.com:8443/callback',
      'https://APP.example.com/callback',
      'http://app.example.com/callback',
      'https://app.example.com./callback',
      'https://app.example.com.evil.example/callback',
      'https://evil.example/https://app.example.com/callback',
      ' https://app.example.com/callback',
      'https://app.example.com/callback ',
      'https://app.example.com',
      '',
    ])
      expect([other, matchesRedirect(web(registered), other)]).toEqual([other, false])
    expect(matchesRedirect(web(), '')).toBe(false)
  })

  it('of a native app has any port of the loopback address that is registered', () => {
    for (const uri of ['http://127.0.0.1/cb?x=1', 'http://127.0.0.1:8000/cb?x=1'])
      for (const requested of [
        'http://127.0.0.1/cb?x=1',
        'http://127.0.0.1:1/cb?x=1',
        'http://127.0.0.1:65535/cb?x=1',
      ])
        expect([uri, requested, matchesRedirect(native(uri), requested)]).toEqual([uri, requested, true])
    expect(matchesRedirect(native('http://[::1]/cb'), 'http://[::1]:51004/cb')).toBe(true)
  })

  it('of a native app has another port only', () => {
    for (const requested of [
      'http://127.0.0.1:65536/cb',
      'http://127.0.0.1:0/cb',
      'http://127.0.0.1:080/cb',
      'http://127.0.0.1:+80/cb',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:80:80/cb',
      'http://127.0.0.1:80@evil.example/cb',
      'http://127.0.0.1:80.evil.example/cb',
      'http://127.0.0.1:8000\\@evil.example/cb',
      'http://127.0.0.1.evil.example:8000/cb',
      'http://127.0.0.1:8000/cb/',
      'http://127.0.0.1:8000/cb?x',
      'http://127.0.0.1:8000/cb#x',
      'http://127.0.0.1:8000/cb\n',
      'http://127.0.0.1:8000/x/../cb',
      'http://127.0.0.2:8000/cb',
      'http://[::1]:8000/cb',
      'http://localhost:8000/cb',
      'https://127.0.0.1:8000/cb',
      'HTTP://127.0.0.1:8000/cb',
    ])
      expect([requested, matchesRedirect(native('http://127.0.0.1/cb'), requested)]).toEqual([
        requested,
        false,
      ])
    // RFC 8252 §8.3: the name may lead elsewhere
    expect(matchesRedirect(native('http://localhost/cb'), 'http://localhost:8000/cb')).toBe(false)
    expect(matchesRedirect(native('https://127.0.0.1/cb'), 'https://127.0.0.1:8000/cb')).toBe(false)
  })

  it('of an app of the web has the port that is registered', () => {
    expect(matchesRedirect(web('http://127.0.0.1/cb'), 'http://127.0.0.1:8000/cb')).toBe(false)
  })

  it('leads to the host that is registered, for every pair that matches', () => {
    const registrable = fc.oneof(
      fc.webUrl({ validSchemes: ['https'], withQueryParameters: true }),
      fc.webPath().map((path) => `http://127.0.0.1${path}`),
    )
    const requests = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.webPath(),
      fc.nat({ max: 70_000 }).map((n) => `:${n}/`),
    )
    fc.assert(
      fc.property(registrable, requests, fc.boolean(), (uri, more, isNative) => {
        if (redirectUriFault(uri, isNative ? 'native' : 'web') !== null) return
        const { origin, hostname, protocol } = new URL(uri)
        for (const requested of [`${uri}${more}`, `${origin}${more}`, uri]) {
          if (!matchesRedirect(isNative ? native(uri) : web(uri), requested)) continue
          const url = new URL(requested)
          expect([url.hostname, url.protocol, url.username]).toEqual([hostname, protocol, ''])
        }
      }),
      { numRuns: 500 },
    )
  })
})
