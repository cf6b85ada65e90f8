/** The modules of the Basic and the Form Post plan: what an app and its user do, and what has to come of it. */
import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { CALLBACK } from '../../packages/server/src/testing/apps.ts'
import { STATED } from '../../packages/server/src/testing/stated-profile.ts'
import { checkTokenError, checkUserinfo } from './checks.ts'
import type { BasicModule } from './plans.ts'
import type { RelyingParty, SignedIn, Variant } from './relying-party.ts'

type Module = (rp: RelyingParty) => Promise<void>

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
/** A request object without a signature (OpenID Connect Core §6.1). */
const unsigned = (claims: object): string => `${encoded({ alg: 'none' })}.${encoded(claims)}.`

const { phone_number, address, ...ofProfile } = STATED

/** The claims that each scope asks for (OpenID Connect Core §5.4), with their types (§5.1). */
const CLAIMS = {
  profile: {
    ...ofProfile,
    name: 'Ada Lovelace',
    preferred_username: expect.stringMatching(/^person/),
    locale: 'en',
    updated_at: expect.any(Number),
  },
  email: { email: expect.stringContaining('@'), email_verified: true },
  address: { address },
  phone: { phone_number, phone_number_verified: false },
}

/** A scope that the metadata does not list is skipped by the suite, and so is a claim. */
function scope(...names: (keyof typeof CLAIMS)[]): Module {
  return async (rp) => {
    const claims = Object.assign({}, ...names.map((name) => CLAIMS[name])) as Record<string, unknown>
    expect(rp.metadata.scopes_supported).toEqual(expect.arrayContaining(names))
    expect(rp.metadata.claims_supported).toEqual(expect.arrayContaining(Object.keys(claims)))
    await fillProfile(rp)
    const { userinfo, tokens } = await rp.signIn({ scope: ['openid', ...names].join(' ') })
    expect(tokens.scope).toBe(['openid', ...names].join(' '))
    expect(userinfo).toEqual({ ...claims, sub: rp.person.id })
  }
}

async function fillProfile({ person }: RelyingParty): Promise<void> {
  const { client, email, password } = person
  await client.signIn(email, password)
  const username = `person${randomBytes(4).toString('hex')}`
  const change = { full_name: 'Ada Lovelace', locale: 'en', username, profile: STATED }
  const { status, text } = await client.patch('/api/v1/users/me', change)
  expect(status, text).toBe(200)
}

const succeeds =
  (changes: Record<string, string | null>): Module =>
  async (rp) => {
    const { pages } = await rp.signIn(changes)
    expect(pages).toEqual(['/sign-in', '/consent'])
  }

const userinfoBy =
  (by: 'get' | 'post-header' | 'post-body'): Module =>
  async (rp) => {
    const { tokens, idToken } = await rp.signIn({ scope: 'openid email' })
    const reply = await rp.userinfo(tokens.access_token, by)
    checkUserinfo(reply, idToken.sub)
    expect(reply.body.email).toBe(rp.person.email)
  }

/** Signs in twice; the second time is as the request demands. */
async function twice(
  rp: RelyingParty,
  changes: (first: SignedIn) => Record<string, string>,
): Promise<[SignedIn, SignedIn]> {
  const first = await rp.signIn()
  await rp.world.clock.advance('2 seconds')
  return [first, await rp.signIn(changes(first))]
}

/** Another login page, and a later `auth_time`. */
const again =
  (changes: Record<string, string>): Module =>
  async (rp) => {
    const [first, second] = await twice(rp, () => changes)
    expect(second.pages).toEqual(['/step-up'])
    expect(second.idToken.sub).toBe(first.idToken.sub)
    expect(Number(second.idToken.auth_time)).toBeGreaterThan(Number(first.idToken.auth_time))
    expect(Number(second.idToken.iat) - Number(second.idToken.auth_time)).toBeLessThan(60)
  }

/** No page, and the same `sub` and `auth_time`. */
const silently =
  (changes: (first: SignedIn) => Record<string, string>): Module =>
  async (rp) => {
    const [first, second] = await twice(rp, changes)
    expect(second.pages).toEqual([])
    const { sub, auth_time } = first.idToken
    expect(second.idToken).toMatchObject({ sub, auth_time })
  }

/** A code that is used a second time, and what it got the first time (RFC 6749 §4.1.2). */
const reused =
  (wait: string | null): Module =>
  async (rp) => {
    const { code, tokens } = await rp.signIn({ scope: 'openid offline_access' })
    if (wait !== null) await rp.world.clock.advance(wait)
    checkTokenError(await rp.exchange(code), 'invalid_grant')
    expect((await rp.userinfo(tokens.access_token)).status).toBe(401)
    checkTokenError(await rp.refresh(tokens.refresh_token), 'invalid_grant')
  }

/** One module is about the other method, which the plans run it with. */
export const clientAuthOf = (name: BasicModule): Variant['clientAuth'] =>
  name === 'oidcc-server-client-secret-post' ? 'client_secret_post' : 'client_secret_basic'

export const MODULES: Readonly<Record<BasicModule, Module>> = {
  'oidcc-server': succeeds({}),

  'oidcc-response-type-missing': async (rp) => {
    const { answer, pages } = await rp.send(rp.request({ response_type: null }))
    expect([answer?.error, pages]).toEqual(['invalid_request', []])
  },

  // the algorithm and the key are checked with every ID token; without a registered algorithm it is RS256
  'oidcc-idtoken-signature': async (rp) => {
    expect(rp.metadata.id_token_signing_alg_values_supported).toContain('RS256')
    await rp.signIn()
  },

  'oidcc-idtoken-unsigned': async (rp) => {
    expect(rp.metadata.id_token_signing_alg_values_supported).not.toContain('none')
  },

  'oidcc-userinfo-get': userinfoBy('get'),
  'oidcc-userinfo-post-header': userinfoBy('post-header'),
  'oidcc-userinfo-post-body': userinfoBy('post-body'),

  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow': succeeds({ nonce: null }),

  'oidcc-scope-profile': scope('profile'),
  'oidcc-scope-email': scope('email'),
  'oidcc-scope-address': scope('address'),
  'oidcc-scope-phone': scope('phone'),
  'oidcc-scope-all': scope('profile', 'email', 'address', 'phone'),

  'oidcc-alternate-happy-flow': async (rp) => {
    const { userinfo } = await rp.signIn({ scope: 'email openid' }, { reorder: true })
    expect(userinfo.email).toBe(rp.person.email)
  },

  'oidcc-display-page': succeeds({ display: 'page' }),
  'oidcc-display-popup': succeeds({ display: 'popup' }),

  'oidcc-prompt-login': again({ prompt: 'login' }),

  'oidcc-prompt-none-not-logged-in': async (rp) => {
    const { answer, pages } = await rp.send(rp.request({ prompt: 'none' }))
    expect([answer?.error, pages]).toEqual(['login_required', []])
  },

  'oidcc-prompt-none-logged-in': silently(() => ({ prompt: 'none' })),

  'oidcc-max-age-1': again({ max_age: '1' }),
  'oidcc-max-age-10000': silently(() => ({ max_age: '10000' })),

  'oidcc-ensure-request-with-unknown-parameter-succeeds': succeeds({ extra: 'foobar' }),

  'oidcc-id-token-hint': async (rp) => {
    const hinted = ({ tokens }: SignedIn) => ({ prompt: 'none', id_token_hint: String(tokens.id_token) })
    await silently(hinted)(rp)
    // a hint is one after its end too (§3.1.2.1), which is an hour
    const first = await rp.signIn()
    for (let n = 0; n < 4; n += 1) {
      await rp.world.clock.advance('20 minutes')
      const { pages, idToken } = await rp.signIn(hinted(first))
      expect([pages, idToken.sub, idToken.auth_time]).toEqual([
        [],
        first.idToken.sub,
        first.idToken.auth_time,
      ])
    }
  },

  'oidcc-login-hint': async (rp) => {
    const browser = rp.world.client()
    const path = `/oidc/authorize?${new URLSearchParams(rp.request({ login_hint: rp.person.email }))}`
    const { headers } = await browser.get(path, { headers: { accept: 'text/html' } })
    const page = await browser.get(headers.get('location') ?? '', { headers: { accept: 'text/html' } })
    expect(page.text).toContain(`value="${rp.person.email}"`)
    await rp.signIn({ login_hint: rp.person.email })
  },

  'oidcc-ui-locales': succeeds({ ui_locales: 'se' }),
  'oidcc-claims-locales': succeeds({ claims_locales: 'se' }),

  'oidcc-ensure-request-with-acr-values-succeeds': async (rp) => {
    const supported: string[] = rp.metadata.acr_values_supported
    const { idToken } = await rp.signIn({ acr_values: supported.join(' ') })
    expect(supported).toContain(idToken.acr)
  },

  'oidcc-codereuse': reused(null),
  'oidcc-codereuse-30seconds': reused('30 seconds'),

  'oidcc-ensure-registered-redirect-uri': async (rp) => {
    for (const redirect_uri of [
      `${CALLBACK}/${randomBytes(8).toString('hex')}`,
      'https://evil.example/callback',
    ]) {
      const { answer, reply } = await rp.send(rp.request({ redirect_uri }))
      expect([answer, reply.status]).toEqual([null, 400])
      expect(reply.text).toContain('redirect_uri')
    }
  },

  'oidcc-ensure-post-request-succeeds': async (rp) => {
    const first = await rp.signIn({}, { post: true })
    expect(first.pages).toEqual(['/sign-in', '/consent'])
    const second = await rp.signIn({}, { post: true })
    expect(second.pages).toEqual([])
  },

  'oidcc-server-client-secret-post': async (rp) => {
    expect(rp.variant.clientAuth).toBe('client_secret_post')
    expect(rp.metadata.token_endpoint_auth_methods_supported).toContain('client_secret_post')
    await rp.signIn()
  },

  // the state is in the request object alone, so that the answer has none
  'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported': async (rp) => {
    expect(rp.metadata.request_uri_parameter_supported).toBe(false)
    const request = rp.request({
      state: null,
      nonce: null,
      request_uri: 'https://app.example.com/request.jwt',
    })
    expect((await rp.send(request)).answer?.error).toBe('request_uri_not_supported')
  },

  'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported': async (rp) => {
    expect(rp.metadata.request_parameter_supported).toBe(false)
    const request = rp.request({ state: null, nonce: null, request: unsigned(rp.request()) })
    expect((await rp.send(request)).answer?.error).toBe('request_not_supported')
  },

  'oidcc-claims-essential': async (rp) => {
    await fillProfile(rp)
    const claims = JSON.stringify({ userinfo: { name: { essential: true } } })
    const { userinfo, idToken } = await rp.signIn({ claims })
    expect(userinfo).toEqual({ sub: rp.person.id, name: 'Ada Lovelace' })
    expect(idToken.name).toBeUndefined()
  },

  // request objects are not supported: the address outside of it is what counts, and it is not registered
  'oidcc-ensure-request-object-with-redirect-uri': async (rp) => {
    const request = rp.request({ redirect_uri: `${CALLBACK}/other`, request: unsigned(rp.request()) })
    const { answer, reply } = await rp.send(request)
    expect([answer, reply.status]).toEqual([null, 400])
  },

  'oidcc-refresh-token': async (rp) => {
    const scope = 'openid offline_access'
    const first = await rp.signIn({ scope, prompt: 'consent' })
    let { refresh_token: token } = first.tokens
    let { iat } = first.idToken
    for (let round = 0; round < 2; round += 1) {
      await rp.world.clock.advance('1 second')
      const { tokens, idToken } = await rp.checked(await rp.refresh(token, { scope }), undefined)
      const { iss, sub, aud, auth_time } = first.idToken
      expect(idToken).toMatchObject({ iss, sub, aud, auth_time })
      expect(idToken.azp).toBeUndefined()
      expect(Number(idToken.iat)).toBeGreaterThan(Number(iat))
      expect(tokens.access_token).not.toBe(first.tokens.access_token)
      checkUserinfo(await rp.userinfo(tokens.access_token), sub)
      token = tokens.refresh_token
      iat = idToken.iat
    }
    const other = await rp.another()
    const second = await other.signIn({ scope, prompt: 'consent' })
    checkTokenError(await rp.refresh(second.tokens.refresh_token), 'invalid_grant')
    checkTokenError(await other.refresh(token), 'invalid_grant')
  },

  'oidcc-ensure-request-with-valid-pkce-succeeds': async (rp) => {
    const verifier = randomBytes(48).toString('base64url')
    const code_challenge = createHash('sha256').update(verifier).digest('base64url')
    await rp.signIn(
      { code_challenge, code_challenge_method: 'S256' },
      { exchange: { code_verifier: verifier } },
    )
  },
}
