/**
 * The engine oidc-provider on PostgreSQL: everything that it stores is a row with jsonb in one table, read and written by
 * prepared statements through a pool of 10, durable. Its clients are part of its configuration, so that it reads none. Access
 * tokens are JWTs (ES256) as ours are, but for those that are introspected, because it does not introspect JWTs. Its refresh
 * tokens do not depend on a session, which spares it a statement.
 */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import pg from 'pg'
import { API, APPS, ISSUER, type Stored } from '../harness/apps.ts'

const [databaseUrl, count = '0', redirectUri = '', secret = ''] = process.argv.slice(2)
const COOKIE_KEY = 'a key of the bench'
const HOUR = 3600
const DAY = 24 * HOUR

const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
await pool.query(`create table if not exists stored (
  model text not null, id text not null, payload jsonb not null, grant_id text, uid text, expires_at timestamptz,
  primary key (model, id))`)
await pool.query('create index on stored (grant_id) where grant_id is not null')
await pool.query('create index on stored (uid) where uid is not null')

const UPSERT = {
  name: 'upsert',
  text: `insert into stored (model, id, payload, grant_id, uid, expires_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (model, id) do update set payload = excluded.payload, expires_at = excluded.expires_at`,
}
const FIND = { name: 'find', text: 'select payload from stored where model = $1 and id = $2' }
const FIND_BY_UID = { name: 'by-uid', text: 'select payload from stored where model = $1 and uid = $2' }
const CONSUME = {
  name: 'consume',
  text: `update stored set payload = jsonb_set(payload, '{consumed}', to_jsonb($3::bigint)) where model = $1 and id = $2`,
}
const DESTROY = { name: 'destroy', text: 'delete from stored where model = $1 and id = $2' }
const REVOKE = { name: 'revoke', text: 'delete from stored where grant_id = $1' }

type Payload = { grantId?: string; uid?: string }
type NewRow = readonly [string, string, string, string | null, string | null, Date]
/** While the table is filled, rows are collected and written together. */
let filling: NewRow[] | null = []

const adapter = (model: string) => {
  const first = async (statement: typeof FIND, value: string) =>
    (await pool.query({ ...statement, values: [model, value] })).rows[0]?.payload
  return {
    async upsert(id: string, payload: Payload, seconds: number) {
      const expiry = new Date(Date.now() + seconds * 1000)
      const row: NewRow = [
        model,
        id,
        JSON.stringify(payload),
        payload.grantId ?? null,
        payload.uid ?? null,
        expiry,
      ]
      if (filling) filling.push(row)
      else await pool.query({ ...UPSERT, values: [...row] })
    },
    find: (id: string) => first(FIND, id),
    findByUid: (uid: string) => first(FIND_BY_UID, uid),
    findByUserCode: () => Promise.resolve(undefined),
    consume: (id: string) =>
      pool.query({ ...CONSUME, values: [model, id, Math.floor(Date.now() / 1000)] }).then(() => {}),
    destroy: (id: string) => pool.query({ ...DESTROY, values: [model, id] }).then(() => {}),
    revokeByGrantId: (grantId: string) => pool.query({ ...REVOKE, values: [grantId] }).then(() => {}),
  }
}

const jwk = (alg: 'RS256' | 'ES256') => {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), alg, kid: alg, use: 'sig' }
}

const provider = new Provider(ISSUER, {
  adapter,
  clients: Object.entries(APPS).map(([id, algorithm]) => ({
    client_id: id,
    client_secret: secret,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: algorithm,
  })),
  jwks: { keys: [jwk('RS256'), jwk('ES256')] },
  cookies: { keys: [COOKIE_KEY] },
  scopes: ['openid', 'offline_access'],
  claims: { openid: ['sub'] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_: unknown, __: unknown, oneOf?: string) => oneOf,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: API.scope,
        audience: API.identifier,
        accessTokenFormat: 'jwt',
        accessTokenTTL: HOUR,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  expiresWithSession: () => false,
  ttl: { AccessToken: HOUR, AuthorizationCode: 60, ClientCredentials: HOUR, Grant: DAY, IdToken: HOUR, Interaction: HOUR, RefreshToken: DAY, Session: DAY },
  findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
}) // biome-ignore format: a list
// behind a proxy that terminates TLS, as ours is
provider.proxy = true

/** A user's session, and for each app a grant and a refresh token, and an opaque access token that is introspected. */
async function fill(users: number): Promise<Stored> {
  const scope = `openid ${API.scope}`
  const now = Math.floor(Date.now() / 1000)
  const stored: Stored = { cookies: [], refreshTokens: {}, accessTokens: [] }
  for (let i = 0; i < users; i++) {
    const accountId = `person${i}`
    const authorizations: Record<string, { sid: string; grantId: string }> = {}
    for (const [id, algorithm] of Object.entries(APPS)) {
      const grant = new provider.Grant({
        accountId,
        clientId: id,
        openid: { scope: 'openid' },
        resources: { [API.identifier]: API.scope },
      })
      const grantId = await grant.save()
      authorizations[id] = { sid: `sid-${id}-${i}`, grantId }
      const client = await provider.Client.find(id)
      const of = { client, accountId, grantId, scope, gty: 'authorization_code', expiresWithSession: false }
      const refresh = new provider.RefreshToken({ ...of, resource: API.identifier, authTime: now, iiat: now })
      stored.refreshTokens[id] ??= []
      stored.refreshTokens[id].push(await refresh.save())
      if (algorithm === 'ES256') stored.accessTokens.push(await new provider.AccessToken(of).save())
    }
    const session = new provider.Session({ accountId, loginTs: now, authorizations })
    const value = await session.save(DAY)
    const cookie = `_session=${value}`
    const signature = createHmac('sha1', COOKIE_KEY).update(cookie).digest('base64url')
    stored.cookies.push(`${cookie}; _session.sig=${signature}`)
  }
  const rows = filling ?? []
  filling = null
  for (let from = 0; from < rows.length; from += 1000) {
    const part = rows.slice(from, from + 1000)
    const column = (n: 0 | 1 | 2 | 3 | 4 | 5) => part.map((row) => row[n])
    await pool.query(
      `insert into stored (model, id, payload, grant_id, uid, expires_at)
       select * from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[], $6::timestamptz[])`,
      [column(0), column(1), column(2), column(3), column(4), column(5)],
    )
  }
  await pool.query('vacuum analyze stored')
  return stored
}

const stored = await fill(Number(count))
const server = createServer(provider.callback())
server.keepAliveTimeout = 72_000
server.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port, ...stored }),
)
process.on('disconnect', () => process.exit(0))
