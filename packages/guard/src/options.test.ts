/** Options, when a guard is made: what is misspelt, of another type or can never match is an error that names it. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  type AccessTokenOptions,
  accessTokens,
  apiKey,
  type BasicOptions,
  basic,
  createGuard,
  custom,
  type JwtOptions,
  jwt,
  latchkey,
  type MethodPlan,
  type Rule,
  session,
} from './index.ts'

const secret = randomBytes(32)
const trusted = { secret, issuer: 'i', audience: 'a' }
const make = (...methods: MethodPlan[]) => createGuard({ methods })
const anyone = custom(() => null)

const jwtWith = (more: object) => () => make(jwt({ ...trusted, ...more } as JwtOptions))
const latchkeyWith = (more: object) => () => make(latchkey({ issuer: 'https://id.example', ...more })).close()
const basicWith = (more: object) => () =>
  make(basic({ find: () => null, check: () => true, ...more } as BasicOptions<object>))
const keyWith = (more: object) => () => make(apiKey({ find: () => null, ...more }))
const sessionWith = (more: object) => () => make(session({ cookie: 'sid', find: () => null, ...more }))

describe('an option', () => {
  it.each<[string, () => unknown, RegExp]>([
    // misspelt
    ['clockTolerence', jwtWith({ clockTolerence: 5 }), /jwt\(\) has no option clockTolerence; did you mean clockTolerance\?/],
    ['audiences', jwtWith({ audiences: ['a'] }), /did you mean audience\?/],
    ['alg', jwtWith({ alg: 'RS256' }), /jwt\(\) has no option alg; it knows secret, publicKey/],
    ['issuerUrl', latchkeyWith({ issuerUrl: 'x' }), /latchkey\(\) has no option issuerUrl/],
    ['credentials', latchkeyWith({ credentials: 'x' }), /did you mean credential\?/],
    ['Find', basicWith({ Find: () => null }), /did you mean find\?/],
    ['header', keyWith({ header: 'x-key' }), /did you mean headers\?/],
    ['origin', sessionWith({ origin: ['https://a.example'] }), /did you mean origins\?/],
    ['shceme', () => make(custom(() => null, { shceme: 'X' } as never)), /did you mean scheme\?/],
    ['method', () => createGuard({ methods: [anyone], method: 1 } as never), /createGuard\(\) has no option method; did you mean methods\?/],
    ['onError', () => createGuard({ methods: [anyone], onError: () => {} } as never), /createGuard\(\) has no option onError/],
    ['__proto__', () => make(jwt(JSON.parse('{"__proto__":1,"issuer":"i","audience":"a"}'))), /has no option __proto__/],
    // tolerance and ages
    ['clockTolerance NaN', jwtWith({ clockTolerance: Number.NaN }), /`clockTolerance` must be a number of seconds/],
    ["clockTolerance '5'", jwtWith({ clockTolerance: '5' }), /`clockTolerance` must be/],
    ['clockTolerance -1', jwtWith({ clockTolerance: -1 }), /`clockTolerance` must be/],
    ['clockTolerance Infinity', jwtWith({ clockTolerance: Number.POSITIVE_INFINITY }), /`clockTolerance` must be/],
    ['clockTolerance null', jwtWith({ clockTolerance: null }), /`clockTolerance` must be/],
    ['clockTolerance of latchkey', latchkeyWith({ clockTolerance: Number.NaN }), /`clockTolerance` must be/],
    ['clockTolerance of accessTokens', () => accessTokens({ issuer: 'i', keys: [], clockTolerance: '5' } as never), /`clockTolerance` must be/],
    ['maxTokenAge 0', jwtWith({ maxTokenAge: 0 }), /`maxTokenAge` must be/],
    ['maxTokenAge as text', jwtWith({ maxTokenAge: '1h' }), /`maxTokenAge` must be/],
    ['rememberFor -1', latchkeyWith({ rememberFor: -1 }), /`rememberFor` must be/],
    ['timeout 0', latchkeyWith({ timeout: 0 }), /`timeout` must be/],
    ['timeout of a callback', keyWith({ timeout: '1s' }), /`timeout` must be/],
    ['cacheSize 0.5', jwtWith({ cacheSize: 0.5 }), /`cacheSize` must be a whole number/],
    ['cacheSize -1', jwtWith({ cacheSize: -1 }), /`cacheSize` must be/],
    // issuers and audiences
    ['issuer empty', jwtWith({ issuer: '' }), /`issuer` must be/],
    ['issuer a space', jwtWith({ issuer: ' ' }), /`issuer` must be/],
    ['issuer an empty list', jwtWith({ issuer: [] }), /`issuer` must be/],
    ['issuer a list with an empty one', jwtWith({ issuer: ['i', ''] }), /`issuer` must be/],
    ['issuer an expression', jwtWith({ issuer: /i/ }), /`issuer` must be/],
    ['audience empty', jwtWith({ audience: '' }), /`audience` must be/],
    ['audience an empty list', jwtWith({ audience: [] }), /`audience` must be/],
    ['audience true', jwtWith({ audience: true }), /`audience` must be/],
    ['issuer of latchkey absent', () => make(latchkey({} as never)), /latchkey\(\) requires `issuer`/],
    ['issuer of latchkey empty', latchkeyWith({ issuer: '' }), /`issuer` must be/],
    ['audience of latchkey empty', latchkeyWith({ audience: [] }), /`audience` must be/],
    ['issuer of accessTokens', () => accessTokens({ issuer: '', keys: [] }), /`issuer` must be/],
    ['keys of accessTokens', () => accessTokens({ issuer: 'i' } as AccessTokenOptions), /requires `keys`/],
    // algorithms, types, claims
    ['algorithms empty', jwtWith({ algorithms: [] }), /`algorithms` must be/],
    ['algorithms none', jwtWith({ algorithms: ['none'] }), /`algorithms` must be a list of some of HS256/],
    ['algorithms in lower case', jwtWith({ algorithms: ['hs256'] }), /`algorithms` must be/],
    ['algorithms as text', jwtWith({ algorithms: 'HS256' }), /`algorithms` must be/],
    ['types empty', jwtWith({ types: [] }), /`types` must be/],
    ['requiredClaims as text', jwtWith({ requiredClaims: 'email' }), /`requiredClaims` must be/],
    ['requiredClaims with a function', jwtWith({ requiredClaims: { a: () => true } }), /`requiredClaims` must be/],
    ['requiredClaims with an empty list', jwtWith({ requiredClaims: { a: [] } }), /`requiredClaims` must be/],
    // keys
    ['secret a number', jwtWith({ secret: 7 }), /`secret` must be/],
    ['jwks a list', jwtWith({ secret: undefined, jwks: [] }), /`jwks` must be/],
    ['secret and discovery', jwtWith({ discovery: 'https://id.example' }), /only one of/],
    ['no key, no issuer', jwtWith({ secret: undefined, issuer: null }), /requires one of/],
    ['a function and discovery', jwtWith({ secret: undefined, issuer: () => true, discovery: 'https://id.example' }), /excludes `discovery`/],
    ['a pattern without keys', jwtWith({ secret: undefined, issuer: 'https://id.example/{realm}' }), /requires `jwks` or `discovery`/],
    // names of header fields, cookies and parameters
    ['headers as text', keyWith({ headers: 'x-key' }), /`headers` must be/],
    ['headers with a colon', keyWith({ headers: ['x-key:'] }), /`headers` must be/],
    ['headers with a space', keyWith({ headers: ['x key'] }), /`headers` must be/],
    ['headers with an empty name', keyWith({ headers: [''] }), /`headers` must be/],
    ['query empty', keyWith({ query: '' }), /`query` must be/],
    ['bearer as text', keyWith({ bearer: 'true' }), /`bearer` must be true or false/],
    ['cookie empty', sessionWith({ cookie: '' }), /`cookie` must be/],
    ['cookie with a separator', sessionWith({ cookie: 'a;b' }), /`cookie` must be/],
    ['cookie absent', sessionWith({ cookie: undefined }), /session\(\) requires `cookie`/],
    ['cookie of jwt', jwtWith({ cookie: 'a=b' }), /`cookie` must be/],
    ['cookie of latchkey', latchkeyWith({ cookie: 'lk_session' }), /`cookie` must be true or false/],
    ['origins with a path', sessionWith({ origins: ['https://a.example/x'] }), /`origins` must be/],
    ['origins with a wildcard', sessionWith({ origins: ['https://*.example.com'] }), /`origins` must be/],
    ['origins without a scheme', jwtWith({ cookie: 't', origins: ['a.example'] }), /`origins` must be/],
    ['origins as text', latchkeyWith({ origins: 'https://a.example' }), /`origins` must be/],
    ['scheme with a space', () => make(custom(() => null, { scheme: 'My Scheme' })), /`scheme` must be/],
    // callbacks
    ['find absent', keyWith({ find: undefined }), /apiKey\(\) requires `find`/],
    ['find a list without a field', keyWith({ find: [] }), /requires `storedHashField`/],
    ['find a promise', keyWith({ find: Promise.resolve(null) }), /`find` must be/],
    ['check absent', basicWith({ check: undefined }), /basic\(\) requires `check`/],
    ['principal an object', basicWith({ principal: {} }), /`principal` must be a function/],
    ['custom without a function', () => make(custom(undefined as never)), /custom\(\) requires a function/],
    ['credential a number', latchkeyWith({ credential: 7 }), /`credential` must be/],
    ['revocation', latchkeyWith({ revocation: 'push' }), /`revocation` must be one of stream, ask, none/],
    ['onProblem', () => createGuard({ methods: [anyone], onProblem: 'log' } as never), /`onProblem` must be a function/],
    ['now', () => createGuard({ methods: [anyone], now: 5 } as never), /`now` must be a function/],
    ['realm', () => createGuard({ methods: [anyone], realm: '' }), /`realm` must be/],
    ['methods absent', () => createGuard({} as never), /`methods`/],
    ['methods of none', () => createGuard({ methods: [{}] } as never), /`methods` must be/],
    ['methods not a list', () => createGuard({ methods: anyone } as never), /`methods` must be/],
    ['options absent', () => createGuard(undefined as never), /requires an object/],
    ['options of a method absent', () => make(jwt(undefined as never)), /requires an object/],
  ])('is refused when the guard is made: %s', (_name, made, message) => {
    expect(made).toThrow(TypeError)
    expect(made).toThrow(message)
  }) // biome-ignore format: a table

  it('that is undefined counts as absent', () => {
    expect(jwtWith({ clockTolerance: undefined, algorithms: undefined, cookie: undefined })).not.toThrow()
    expect(latchkeyWith({ url: undefined, secret: undefined })).not.toThrow()
  })

  it('may have the values at its bounds', () => {
    expect(
      jwtWith({ clockTolerance: 0, cacheSize: 0, maxTokenAge: 1, issuer: null, audience: null }),
    ).not.toThrow()
    expect(
      jwtWith({ algorithms: ['HS256'], types: [''], requiredClaims: ['a'], issuer: ['i', 'j'] }),
    ).not.toThrow()
  })
})

describe('a rule that can never match', () => {
  const roles = [{ name: 'clerk', permissions: ['invoices:read'] }]
  const withRoles = createGuard({ methods: [anyone], roles })

  it.each<[string, unknown, RegExp]>([
    ['a permission that is a scope', { permissions: 'Files.Read' }, /Files\.Read is no permission.*`scopes`/],
    ['a permission with a slash', { permissions: 'orders/read' }, /is no permission/],
    ['a permission without an action', { permissions: 'orders:' }, /is no permission/],
    ['a permission without a resource', { permissions: ':read' }, /is no permission/],
    ['two permissions in one string', { permissions: 'a:b c:d' }, /is no permission/],
    ['a permission of an organization', { organization: { permissions: 'docs' } }, /is no permission/],
    ['a permission of a method', { methods: { GET: { permissions: 'docs' } } }, /is no permission/],
    ['an empty any-of', { roles: { anyOf: [] } }, /non-empty/],
    ['an empty all-of', { permissions: [] }, /non-empty/],
    ['an empty list of scopes', { scopes: [] }, /non-empty/],
    ['an empty any-of of scopes', { scopes: { anyOf: [] } }, /non-empty/],
    ['two scopes in one string', { scopes: 'openid profile' }, /without spaces/],
    ['an empty scope', { scopes: [''] }, /non-empty/],
    ['scopes of another kind', { scopes: { oneOf: ['a'] } }, /scopes must be/],
    ['scopes that are a number', { scopes: 7 }, /scopes must be/],
    ['no method', { methods: {} }, /`methods` is empty/],
    [
      'a method that does not exist',
      { methods: { GETT: {} } },
      /HTTP has no method GETT; did you mean GET\?/,
    ],
    ['a method twice', { methods: { get: {}, GET: { roles: ['a'] } } }, /GET twice/],
    ['optional as text', { optional: 'false' }, /`optional` must be/],
    [
      'a misspelt member',
      { permission: 'a:b' },
      /a rule has no member permission; did you mean permissions\?/,
    ],
    ['a role instead of a rule', 'admin', /a rule must be an object/],
  ])('is an error when it is made: %s', (_name, rule, message) => {
    const made = () => make(anyone).express(rule as Rule)
    expect(made).toThrow(TypeError)
    expect(made).toThrow(message)
  })

  it('is one with a role that the guard does not define, where it defines all of them', async () => {
    for (const rule of [
      { roles: ['clark'] },
      { roles: { anyOf: ['clerk', 'chief'] } },
      { methods: { POST: { roles: ['chief'] } } },
    ]) {
      expect(() => withRoles.fastify(rule)).toThrow(
        /the guard defines no role (?:clark; did you mean clerk\?|chief)/,
      )
      await expect(withRoles.authenticate(new Request('http://a.test'), rule)).rejects.toThrow(TypeError)
    }
    expect(() => withRoles.fastify({ roles: ['clerk'] })).not.toThrow()
  })

  it('is not one where a server defines further roles', () => {
    const mixed = createGuard({ methods: [latchkey({ issuer: 'https://id.example' }), anyone], roles })
    expect(() => mixed.express({ roles: ['staff'] })).not.toThrow()
    mixed.close()
  })

  it('may require everything', () => {
    expect(() => make(anyone).express({ permissions: ['*', 'a:*', '*:b', 'a:b:c'] })).not.toThrow()
  })
})
