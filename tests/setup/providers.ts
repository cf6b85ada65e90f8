/**
 * The tokens of identity providers in their real shape, by the page and file of docs/guides/guard that accepts them.
 */
import type { JWK } from 'jose'

const TENANT = 'aaaabbbb-0000-cccc-1111-dddd2222eeee'
const OTHER_TENANT = 'bbbbcccc-1111-dddd-2222-eeee3333ffff'
export const STRANGER = 'ccccdddd-2222-eeee-3333-ffff4444aaaa'
export const LEGACY_SECRET = 'a secret of at least thirty-two bytes'
export const now = Math.floor(Date.now() / 1000)
const entra = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`
const supabase = 'https://abcdefghijkl.supabase.co/auth/v1'
const cognito = 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123'
const keycloak = 'https://sso.example.com/realms/acme'

/** Claims; a member with undefined is left out. */
export type Changes = Record<string, unknown>

export interface Provider {
  alg: 'RS256' | 'ES256' | 'HS256'
  /** Header parameters besides `alg` and `kid`. */
  header: { typ?: string }
  /** The metadata document: its address and `issuer`. */
  metadata?: [address: string, issuer: string]
  jwks?: string
  /** Members of its keys besides the key itself. */
  key: Partial<JWK> & { issuer?: string }
  claims: Changes
  principal: Record<string, unknown>
  /** Changes of the claims that are refused. */
  refused: Changes[]
  /** Changes that are accepted, with the principal. */
  accepted?: [Changes, Record<string, unknown>][]
}

const AUTH0: Provider = {
  alg: 'RS256',
  header: { typ: 'JWT' },
  metadata: ['https://acme.eu.auth0.com/.well-known/openid-configuration', 'https://acme.eu.auth0.com/'],
  jwks: 'https://acme.eu.auth0.com/.well-known/jwks.json',
  key: { use: 'sig', alg: 'RS256' },
  claims: {
    iss: 'https://acme.eu.auth0.com/',
    sub: 'auth0|507f1f77bcf86cd799439020',
    aud: ['https://api.example.com', 'https://acme.eu.auth0.com/userinfo'],
    azp: 'my_client_id',
    scope: 'openid profile read:orders',
    permissions: ['read:orders'],
    org_id: 'org_1',
    'https://api.example.com/roles': ['editor'],
  },
  principal: {
    userId: 'auth0|507f1f77bcf86cd799439020',
    permissions: ['read:orders'],
    scopes: ['openid', 'profile', 'read:orders'],
  },
  refused: [
    { aud: 'https://acme.eu.auth0.com/userinfo' },
    { iss: 'https://acme.eu.auth0.com' },
    { iss: 'https://evil.eu.auth0.com/' },
  ],
  // a machine
  accepted: [
    [{ sub: 'my_client_id@clients', gty: 'client-credentials' }, { userId: 'my_client_id@clients' }],
  ],
}

const ENTRA: Provider = {
  alg: 'RS256',
  header: { typ: 'JWT' },
  metadata: [`${entra(TENANT)}/.well-known/openid-configuration`, entra(TENANT)],
  jwks: `https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`,
  key: { use: 'sig' },
  claims: {
    iss: entra(TENANT),
    aud: '00001111-aaaa-2222-bbbb-3333cccc4444',
    azp: '11112222-bbbb-3333-cccc-4444dddd5555',
    azpacr: '0',
    name: 'Ada Lovelace',
    oid: 'oid-ada',
    preferred_username: 'ada@example.com',
    rh: '0.AX',
    roles: ['Orders.Admin'],
    scp: 'Files.Read Orders.Write',
    sub: 'pairwise',
    tid: TENANT,
    uti: 'uti',
    ver: '2.0',
    nbf: now,
  },
  principal: {
    userId: 'oid-ada',
    username: 'ada@example.com',
    organizationId: TENANT,
    roles: ['Orders.Admin'],
    scopes: ['Files.Read', 'Orders.Write'],
  },
  refused: [
    { iss: entra(OTHER_TENANT), tid: OTHER_TENANT },
    { iss: `https://sts.windows.net/${TENANT}/`, ver: '1.0' },
    { aud: '00000003-0000-0000-c000-000000000000' },
  ],
  // a service
  accepted: [
    [
      { scp: undefined, preferred_username: undefined, idtyp: 'app' },
      { username: 'oid-ada', scopes: [] },
    ],
  ],
}

/** By page and file. */
export const PROVIDERS: Record<string, Provider> = {
  'auth0/guard.ts': AUTH0,
  'auth0/roles.ts': {
    ...AUTH0,
    principal: {
      userId: 'auth0|507f1f77bcf86cd799439020',
      roles: ['editor'],
      permissions: ['read:orders'],
      organizationId: 'org_1',
    },
    accepted: [
      [
        { org_id: undefined, 'https://api.example.com/roles': undefined, permissions: undefined },
        { roles: [], permissions: [], organizationId: null },
      ],
    ],
  },
  'okta/guard.ts': {
    alg: 'RS256',
    header: {},
    metadata: [
      'https://acme.okta.com/oauth2/default/.well-known/openid-configuration',
      'https://acme.okta.com/oauth2/default',
    ],
    jwks: 'https://acme.okta.com/oauth2/default/v1/keys',
    key: { use: 'sig', alg: 'RS256' },
    claims: {
      ver: 1,
      jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      iss: 'https://acme.okta.com/oauth2/default',
      aud: 'api://default',
      sub: 'ada@example.com',
      cid: '0oabcdefghij',
      uid: '00uid4BxXw6I6TV4m0g3',
      scp: ['openid', 'orders.read'],
      groups: ['Everyone', 'Accounting'],
      auth_time: now,
    },
    principal: {
      userId: '00uid4BxXw6I6TV4m0g3',
      username: 'ada@example.com',
      roles: ['Everyone', 'Accounting'],
      scopes: ['openid', 'orders.read'],
    },
    refused: [{ iss: 'https://acme.okta.com' }, { aud: 'https://acme.okta.com' }],
    accepted: [
      [
        { uid: undefined, groups: undefined, sub: '0oabcdefghij' },
        { userId: '0oabcdefghij', roles: [] },
      ],
    ],
  },
  'entra-id/guard.ts': ENTRA,
  'entra-id/tenants.ts': {
    ...ENTRA,
    metadata: [`${entra('common')}/.well-known/openid-configuration`, entra('{tenantid}')],
    jwks: 'https://login.microsoftonline.com/common/discovery/v2.0/keys',
    key: { use: 'sig', issuer: entra('{tenantid}') },
    principal: { userId: 'oid-ada', organizationId: TENANT, roles: ['Orders.Admin'] },
    refused: [
      { iss: entra(STRANGER), tid: STRANGER },
      { iss: entra(TENANT), tid: OTHER_TENANT },
      { iss: entra('common'), tid: TENANT },
      { iss: `https://login.microsoftonline.com.evil.test/${TENANT}/v2.0` },
    ],
    accepted: [[{ iss: entra(OTHER_TENANT), tid: OTHER_TENANT }, { organizationId: OTHER_TENANT }]],
  },
  'google/guard.ts': {
    alg: 'RS256',
    header: { typ: 'JWT' },
    metadata: ['https://accounts.google.com/.well-known/openid-configuration', 'https://accounts.google.com'],
    jwks: 'https://www.googleapis.com/oauth2/v3/certs',
    key: { use: 'sig', alg: 'RS256' },
    claims: {
      iss: 'https://accounts.google.com',
      azp: '1234567890-abc.apps.googleusercontent.com',
      aud: '1234567890-abc.apps.googleusercontent.com',
      sub: '110169484474386276334',
      hd: 'example.com',
      email: 'ada@example.com',
      email_verified: true,
      at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q',
    },
    principal: { userId: '110169484474386276334', username: 'ada@example.com', roles: [] },
    refused: [
      { hd: undefined },
      { hd: 'evil.example' },
      { aud: '1234567890-def.apps.googleusercontent.com' },
    ],
    accepted: [[{ iss: 'accounts.google.com' }, { userId: '110169484474386276334' }]],
  },
  'keycloak/guard.ts': {
    alg: 'RS256',
    header: { typ: 'JWT' },
    metadata: [`${keycloak}/.well-known/openid-configuration`, keycloak],
    jwks: `${keycloak}/protocol/openid-connect/certs`,
    key: { use: 'sig', alg: 'RS256', x5c: ['MIICmzCCAYMCBgF'], x5t: 'x5t' },
    claims: {
      jti: 'onrtac:1',
      iss: keycloak,
      aud: ['orders-api', 'account'],
      sub: 'f2c1',
      typ: 'Bearer',
      azp: 'shop',
      sid: 'sid-1',
      acr: '1',
      'allowed-origins': ['https://shop.example.com'],
      realm_access: { roles: ['offline_access', 'manager'] },
      resource_access: { 'orders-api': { roles: ['orders:read'] }, account: { roles: ['view-profile'] } },
      scope: 'openid email profile',
      email_verified: true,
      preferred_username: 'ada',
    },
    principal: {
      userId: 'f2c1',
      username: 'ada',
      roles: ['offline_access', 'manager'],
      permissions: ['orders:read'],
      scopes: ['openid', 'email', 'profile'],
      sessionId: 'sid-1',
    },
    refused: [
      { typ: 'ID' },
      { typ: 'Refresh' },
      { aud: 'account' },
      { iss: 'https://sso.example.com/realms/other' },
    ],
    accepted: [
      [
        { realm_access: undefined, resource_access: undefined },
        { roles: [], permissions: [] },
      ],
    ],
  },
  'cognito/guard.ts': {
    alg: 'RS256',
    header: {},
    metadata: [`${cognito}/.well-known/openid-configuration`, cognito],
    jwks: `${cognito}/.well-known/jwks.json`,
    key: { use: 'sig', alg: 'RS256' },
    claims: {
      sub: 'aaaaaaaa-bbbb-cccc-dddd-example',
      'cognito:groups': ['admin'],
      iss: cognito,
      version: 2,
      client_id: '4example3client2id',
      origin_jti: 'origin',
      event_id: 'event',
      token_use: 'access',
      scope: 'openid orders/read',
      auth_time: now,
      jti: 'jti',
      username: 'ada',
    },
    principal: {
      userId: 'aaaaaaaa-bbbb-cccc-dddd-example',
      username: 'ada',
      roles: ['admin'],
      scopes: ['openid', 'orders/read'],
    },
    refused: [
      { client_id: 'another-app' },
      { client_id: undefined, aud: '4example3client2id', token_use: 'id' },
      { iss: `${cognito}x` },
    ],
    accepted: [[{ 'cognito:groups': undefined }, { roles: [] }]],
  },
  'firebase/guard.ts': {
    alg: 'RS256',
    header: { typ: 'JWT' },
    jwks: 'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
    key: { use: 'sig', alg: 'RS256' },
    claims: {
      iss: 'https://securetoken.google.com/acme-prod',
      aud: 'acme-prod',
      auth_time: now,
      user_id: 'uid-1',
      sub: 'uid-1',
      email: 'ada@example.com',
      email_verified: true,
      roles: ['editor'],
      firebase: { identities: { email: ['ada@example.com'] }, sign_in_provider: 'password' },
    },
    principal: { userId: 'uid-1', username: 'ada@example.com', roles: ['editor'] },
    refused: [
      { iss: 'https://securetoken.google.com/evil', aud: 'evil' },
      { iss: 'https://session.firebase.google.com/acme-prod' },
      { aud: 'evil' },
    ],
    accepted: [
      [
        { email: undefined, roles: undefined },
        { username: 'uid-1', roles: [] },
      ],
    ],
  },
  'supabase/guard.ts': {
    alg: 'ES256',
    header: { typ: 'JWT' },
    jwks: `${supabase}/.well-known/jwks.json`,
    key: { use: 'sig', alg: 'ES256', key_ops: ['verify'] },
    claims: {
      iss: supabase,
      aud: 'authenticated',
      sub: '123e4567-e89b-12d3-a456-426614174000',
      role: 'authenticated',
      aal: 'aal1',
      amr: [{ method: 'password', timestamp: now }],
      session_id: 'session-1',
      email: 'ada@example.com',
      phone: '',
      is_anonymous: false,
      app_metadata: { provider: 'email', providers: ['email'], roles: ['editor'] },
      user_metadata: { roles: ['admin'] },
    },
    principal: {
      userId: '123e4567-e89b-12d3-a456-426614174000',
      username: 'ada@example.com',
      roles: ['editor'],
    },
    refused: [
      { is_anonymous: true },
      { role: 'anon' },
      { aud: 'anon' },
      { iss: 'https://other.supabase.co/auth/v1' },
    ],
    accepted: [[{ app_metadata: { provider: 'email' } }, { roles: [] }]],
  },
  'supabase/legacy.ts': {
    alg: 'HS256',
    header: { typ: 'JWT' },
    key: {},
    claims: {
      iss: supabase,
      aud: 'authenticated',
      sub: '123e4567-e89b-12d3-a456-426614174000',
      role: 'authenticated',
      session_id: 'session-1',
    },
    principal: { userId: '123e4567-e89b-12d3-a456-426614174000' },
    // the keys `anon` and `service_role`
    refused: [
      { iss: 'supabase', role: 'anon', sub: undefined, aud: undefined },
      { iss: 'supabase', role: 'service_role', sub: undefined, aud: undefined },
    ],
  },
}
