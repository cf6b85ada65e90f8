/** What the settings of a client may be, each alone and together, and what is made of stored ones. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkClientSettings } from './rules.ts'
import { ClientSettings, readClientSettings } from './settings.ts'

const REDIRECT = { redirect_uris: ['https://app.example.com/callback'] }

/** The fields and codes of the faults. */
function faultsOf(settings: Record<string, unknown>): string[] {
  const parsed = ClientSettings.safeParse({ ...REDIRECT, ...settings })
  if (!parsed.success) return parsed.error.issues.map(({ path }) => `${path.join('.')} form`)
  return checkClientSettings(parsed.data).map(({ field, code }) => `${field} ${code}`)
}

const publicJwk = (pair: ReturnType<typeof generateKeyPairSync>) => pair.publicKey.export({ format: 'jwk' })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const KEY = publicJwk(ec)

describe('settings of a client', () => {
  it.each<[string, Record<string, unknown>]>([
    ['the defaults', {}],
    ['a public app', { token_endpoint_auth_method: 'none' }],
    ['a service', { redirect_uris: [], grant_types: ['client_credentials'] }],
    [
      'a device',
      { redirect_uris: [], grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'] },
    ],
    [
      'keys',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ ...KEY, kid: '1', use: 'sig' }] } },
    ],
    [
      'an address of keys',
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://app.example.com/jwks' },
    ],
    ['pairwise subjects of one host', { subject_type: 'pairwise' }],
    [
      'a logout',
      { backchannel_logout_uri: 'https://app.example.com/out', backchannel_logout_session_required: true },
    ],
    ['an app on this machine', { client_uri: 'http://localhost:3000/' }],
    ['no lifetime', { access_token_lifetime: null, scopes: null, jwks: null }],
  ])('are accepted: %s', (_, settings) => {
    expect(faultsOf(settings)).toEqual([])
  })

  const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
  it.each<[string, Record<string, unknown>, string[]]>([
    ['no redirect URI', { redirect_uris: [] }, ['redirect_uris required']],
    ['a redirect URI twice', { redirect_uris: [...REDIRECT.redirect_uris, ...REDIRECT.redirect_uris] }, ['redirect_uris.1 duplicate']],
    ['a redirect URI that may not be', { redirect_uris: ['http://app.example.com/'] }, ['redirect_uris.0 redirect_uri']],
    ['the same after sign-out', { post_logout_redirect_uris: ['javascript:x'] }, ['post_logout_redirect_uris.0 redirect_uri']],
    ['a scheme of an app in a web app', { redirect_uris: ['com.example.app:/x'] }, ['redirect_uris.0 redirect_uri']],
    ['a grant twice', { grant_types: ['authorization_code', 'authorization_code'] }, ['grant_types duplicate']],
    ['no grant', { grant_types: [] }, ['grant_types form']],
    ['the implicit grant', { grant_types: ['implicit'] }, ['grant_types.0 form']],
    ['refresh tokens alone', { grant_types: ['refresh_token'] }, ['grant_types refresh_token']],
    ['refresh tokens of a service', { grant_types: ['client_credentials', 'refresh_token'] }, ['grant_types refresh_token']],
    ['a public service', { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] }, ['grant_types public_client']],
    ['a public exchange', { token_endpoint_auth_method: 'none', grant_types: [exchange] }, ['grant_types public_client']],
    ['a public app without PKCE', { token_endpoint_auth_method: 'none', require_pkce: false }, ['require_pkce public_client']],
    ['no key', { token_endpoint_auth_method: 'private_key_jwt' }, ['jwks required']],
    ['keys twice', { jwks: { keys: [KEY] }, jwks_uri: 'https://app.example.com/jwks' }, ['jwks_uri jwks']],
    ['an algorithm without keys', { token_endpoint_auth_signing_alg: 'ES256' }, ['token_endpoint_auth_signing_alg unused']],
    ['a private key', { jwks: { keys: [ec.privateKey.export({ format: 'jwk' })] } }, ['jwks.keys.0 form']],
    ['a shared key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, ['jwks.keys.0.kty form', 'jwks.keys.0 form']],
    ['a key that is none', { jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] } }, ['jwks.keys.0 key']],
    ['a key for encryption', { jwks: { keys: [{ ...KEY, use: 'enc' }] } }, ['jwks.keys.0 key']],
    ['another curve', { jwks: { keys: [publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-384' }))] } }, ['jwks.keys.0 key']],
    ['a short key', { jwks: { keys: [publicJwk(generateKeyPairSync('rsa', { modulusLength: 1024 }))] } }, ['jwks.keys.0 key']],
    ['a long key', { jwks: { keys: [{ kty: 'RSA', n: 'A'.repeat(1401), e: 'AQAB' }] } }, ['jwks.keys.0.n form']],
    ['an empty set of keys', { jwks: { keys: [] } }, ['jwks.keys form']],
    ['pairwise subjects of two hosts', { subject_type: 'pairwise', redirect_uris: ['https://a.example/', 'https://b.example/'] }, ['subject_type sector']],
    ['pairwise subjects of no host', { subject_type: 'pairwise', application_type: 'native', redirect_uris: ['com.example.app:/x'] }, ['subject_type sector']],
    ['pairwise subjects of a loopback address', { subject_type: 'pairwise', application_type: 'native', redirect_uris: ['http://127.0.0.1/x'] }, ['subject_type sector']],
    ['a sector in a document', { subject_type: 'pairwise', sector_identifier_uri: 'https://a.example/x' }, ['sector_identifier_uri not_supported']],
    ['a session in no logout', { backchannel_logout_session_required: true }, ['backchannel_logout_uri required']],
    ['http', { client_uri: 'http://app.example.com/' }, ['client_uri form']],
    ['javascript', { logo_uri: 'javascript:alert(1)' }, ['logo_uri form']],
    ['a user name', { tos_uri: 'https://a@app.example.com/' }, ['tos_uri form']],
    ['a scope with a space', { scopes: ['a b'] }, ['scopes.0 form']],
    ['a lifetime of a second', { access_token_lifetime: 1 }, ['access_token_lifetime form']],
    ['a member that is not known', { response_modes: ['x'] }, [' form']],
  ])('are refused with the field: %s', (_, settings, faults) => {
    expect(faultsOf(settings)).toEqual(faults)
  }) // biome-ignore format: a table

  it('have bounds everywhere', () => {
    const many = (count: number, member: (n: number) => unknown) =>
      Array.from({ length: count }, (_, n) => member(n))
    for (const [name, value] of Object.entries({
      redirect_uris: many(51, (n) => `https://app.example.com/${n}`),
      scopes: many(101, (n) => `s${n}`),
      contacts: many(21, () => 'a@example.com'),
      allowed_roles: many(101, () => 'a'),
      allowed_organizations: many(101, () => 'a'),
      jwks: { keys: many(21, () => KEY) },
      client_uri: `https://app.example.com/${'a'.repeat(2000)}`,
      default_max_age: 31_536_001,
    }))
      expect(ClientSettings.safeParse({ ...REDIRECT, [name]: value }).success, name).toBe(false)
  })
})

describe('stored settings', () => {
  it('have the defaults of members that an earlier version did not have', () => {
    expect(readClientSettings({ ...REDIRECT })).toMatchObject({
      settings: { ...REDIRECT, require_pkce: true, token_claims: 'minimal' },
      unreadable: [],
    })
  })

  it('that this version cannot read are named, and the others kept', () => {
    const stored = { ...REDIRECT, required_acr: 'aal3', newer: true, first_party: true }
    const { settings, unreadable } = readClientSettings(stored)
    expect(unreadable).toEqual(['required_acr', 'newer'])
    expect(settings).toMatchObject({ ...REDIRECT, first_party: true, required_acr: null })
    for (const none of [null, 'x', 7, []]) expect(readClientSettings(none).unreadable).toEqual(['settings'])
  })
})
