/** Connections of the environment: written at the start, disabled when they are removed, changed nowhere else. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Config } from '../../../config.ts'
import { findConnectionNamed, type UsableConnection } from '../../../core/connections/index.ts'
import { proveByConnection } from '../../../testing/connection-rows.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { writeEnvironmentConnections } from './environment.ts'
import { eventsAbout, linkTo, OIDC, SERVER } from './testing.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()

const GOOGLE = { googleClientId: 'google-id', googleClientSecret: 'google-secret' }
const ALL: Partial<Config> = {
  ...GOOGLE,
  microsoftClientId: 'microsoft-id',
  microsoftClientSecret: 'microsoft-secret',
  microsoftTenant: 'organizations',
  githubClientId: 'github-id',
  githubClientSecret: 'github-secret',
  appleClientId: 'test.acme.signin',
  appleTeamId: 'ABCDE12345',
  appleKeyId: '12345ABCDE',
  applePrivateKey: PEM,
  oidcIssuer: 'https://login.acme.test',
  oidcClientId: 'oidc-id',
  oidcClientSecret: 'oidc-secret',
  oidcName: 'Acme',
}

async function withWorld(config: Partial<Config>, test: (world: World, root: Person) => Promise<void>) {
  const world = await startWorld(config)
  try {
    await test(world, await world.person({ roles: ['super_admin'] }))
  } finally {
    await world.stop()
  }
}

/** What a start with other settings does, on the database of the world. */
const startWith = ({ app }: World, config: Partial<Config>): Promise<void> =>
  writeEnvironmentConnections({ ...app.tools, config: { ...app.tools.config, ...config } })

const none = Object.fromEntries(
  Object.keys(ALL).map((name) => [name, name === 'microsoftTenant' ? 'common' : null]),
)

describe('connections of the environment', () => {
  it('are server-wide and active, with the secrets encrypted', () =>
    withWorld(ALL, async (world, root) => {
      const { data } = await root.client.get(SERVER)
      const shown = data.map((one: Record<string, unknown>) => [one.slug, one.name, one.client_id, one.settings])
      expect(shown).toEqual([
        ['google', 'Google', 'google-id', {}],
        ['microsoft', 'Microsoft', 'microsoft-id', { tenant: 'organizations' }],
        ['github', 'GitHub', 'github-id', {}],
        ['apple', 'Apple', 'test.acme.signin', { team_id: 'ABCDE12345', key_id: '12345ABCDE' }],
        ['oidc', 'Acme', 'oidc-id', { issuer: 'https://login.acme.test' }],
      ])
      for (const one of data)
        expect(one).toMatchObject({ provider: one.slug, origin: 'environment', state: 'active', missing: [], has_secret: true, version: 1 })
      const secrets = await world.db.tx('system', (tx) =>
        tx.selectFrom('connections').select('client_secret').orderBy('id').execute(),
      )
      const opened = secrets.map(({ client_secret: text }) => world.app.tools.keyring.decrypt('connections', text ?? ''))
      expect(opened).toEqual(['google-secret', 'microsoft-secret', 'github-secret', PEM, 'oidc-secret'])
    })) // biome-ignore format: a table

  it('are the same connection to what waits for a user where their name alone changes', () =>
    withWorld(ALL, async (world) => {
      const found = async () => (await findConnectionNamed(world.db.hot, 'oidc')) as UsableConnection
      const { version: first } = await found()
      for (const oidcName of ['Second', 'Third']) await startWith(world, { ...ALL, oidcName })
      expect(await found()).toMatchObject({ name: 'Third', sameFrom: first, version: first + 2 })
      await startWith(world, { ...ALL, oidcName: 'Third', oidcClientId: 'another' })
      expect(await found()).toMatchObject({ sameFrom: first + 3, version: first + 3 })
      await startWith(world, none)
      await startWith(world, { ...ALL, oidcName: 'Fourth', oidcClientId: 'another' })
      const { sameFrom, version } = await found()
      expect(sameFrom).toBe(version)
    }))

  it('trust the addresses of the issuer where the operator says so, and no longer where they do not', () =>
    withWorld({ ...ALL, oidcTrustsEmail: true }, async (world, root) => {
      const settings = async () =>
        (await root.client.get(SERVER)).data.find((one: { slug: string }) => one.slug === 'oidc').settings
      expect(await settings()).toEqual({ issuer: 'https://login.acme.test', trusts_email: true })
      await startWith(world, { ...ALL, oidcTrustsEmail: false })
      expect(await settings()).toEqual({ issuer: 'https://login.acme.test' })
    }))

  it('are not changed by the API, which names the variable', () =>
    withWorld(GOOGLE, async (_world, root) => {
      const [google] = (await root.client.get(SERVER)).data
      for (const reply of [
        await root.client.patch(`${SERVER}/${google.id}`, { status: 'disabled' }),
        await root.client.patch(`${SERVER}/${google.id}`, { client_secret: 'mine' }),
        await root.client.delete(`${SERVER}/${google.id}`),
      ]) {
        expect([reply.status, reply.body.error.details]).toEqual([
          409,
          { reason: 'environment', setting: 'LATCHKEY_GOOGLE_CLIENT_ID' },
        ])
        expect(reply.body.message).toContain('LATCHKEY_GOOGLE_CLIENT_ID')
      }
      const other = await root.client.post(SERVER, { provider: 'google' })
      expect(other.status).toBe(409)
    }))

  it('stay the same connection over starts, and change with the settings alone', () =>
    withWorld(GOOGLE, async (world, root) => {
      const [first] = (await root.client.get(SERVER)).data
      await startWith(world, GOOGLE)
      expect((await root.client.get(SERVER)).data).toEqual([first])
      await startWith(world, { ...GOOGLE, googleClientSecret: 'rolled' })
      const [second] = (await root.client.get(SERVER)).data
      expect(second).toMatchObject({ id: first.id, version: 2 })
      const events = await eventsAbout(world, first.id)
      expect(events.map(({ type }) => type)).toEqual(['connection.created', 'connection.updated'])
      expect(events[1]?.details).toMatchObject({ changed: ['client_secret'], by: 'operator' })
    }))

  it('that are removed are disabled, with their identities, and are the API’s from then on', () =>
    withWorld(GOOGLE, async (world, root) => {
      const [google] = (await root.client.get(SERVER)).data
      await linkTo(world, root, google)
      const visitor = await world.person()
      await proveByConnection(world, visitor, { connection: google.id })
      expect((await visitor.client.get('/api/v1/auth/validate')).status).toBe(200)
      await startWith(world, none)
      await startWith(world, none)
      await world.app.settle()
      expect((await visitor.client.get('/api/v1/auth/validate')).status).toBe(401)
      const path = `${SERVER}/${google.id}`
      expect((await root.client.get(path)).data).toMatchObject({ status: 'disabled', origin: 'environment', version: 2, has_identities: true })
      // set again
      await startWith(world, GOOGLE)
      expect((await root.client.get(path)).data).toMatchObject({ status: 'active', version: 3 })
      expect((await eventsAbout(world, google.id)).map(({ type }) => type)).toEqual([
        'connection.created',
        'connection.disabled',
        'connection.activated',
      ])
    })) // biome-ignore format: a table

  it('that lead to another issuer end what the former one has proven', () =>
    withWorld({}, async (world) => {
      const of = (oidcIssuer: string) => ({ oidcIssuer, oidcClientId: 'c', oidcClientSecret: 's' })
      await startWith(world, of('https://one.test'))
      const { id } = await world.db.hot
        .selectFrom('connections')
        .select('id')
        .where('slug', '=', 'oidc')
        .executeTakeFirstOrThrow()
      const visitor = await world.person()
      await proveByConnection(world, visitor, { connection: id })
      await startWith(world, { ...of('https://one.test'), oidcClientSecret: 'rolled' })
      await world.app.settle()
      expect((await visitor.client.get('/api/v1/auth/validate')).status).toBe(200)
      await startWith(world, of('https://two.test'))
      await world.app.settle()
      expect((await visitor.client.get('/api/v1/auth/validate')).status).toBe(401)
      expect((await eventsAbout(world, id)).at(-1)?.details).toMatchObject({ other_party: true })
    }))

  it('take the place of one that the API made under the same name', () =>
    withWorld({}, async (world, root) => {
      const made = await root.client.post(SERVER, { ...OIDC, slug: 'oidc', settings: { ...OIDC.settings, scopes: ['groups'] } })
      await startWith(world, { oidcIssuer: 'https://other.test', oidcClientId: 'c', oidcClientSecret: 's' })
      const { data } = await root.client.get(`${SERVER}/${made.data.id}`)
      expect(data).toMatchObject({ id: made.data.id, name: 'OpenID Connect', client_id: 'c', origin: 'environment', status: 'active', settings: { issuer: 'https://other.test' } })
      await startWith(world, none)
      const deleted = await root.client.delete(`${SERVER}/${made.data.id}`)
      expect(deleted.status).toBe(200)
    })) // biome-ignore format: a table

  it('that are no longer set are changed by the API, and then are its own', () =>
    withWorld({}, async (world, root) => {
      await startWith(world, GOOGLE)
      const [google] = (await root.client.get(SERVER)).data
      const changed = await root.client.patch(`${SERVER}/${google.id}`, { status: 'disabled' })
      expect(changed.data).toMatchObject({ status: 'disabled', origin: 'api' })
      await root.client.patch(`${SERVER}/${google.id}`, { status: 'active' })
      await startWith(world, none)
      expect((await root.client.get(`${SERVER}/${google.id}`)).data.status).toBe('active')
    }))

  it('are written once by nodes that start together', () =>
    withWorld({}, async (world, root) => {
      await Promise.all(Array.from({ length: 10 }, () => startWith(world, ALL)))
      const { data } = await root.client.get(SERVER)
      expect(data.map(({ slug, version }: { slug: string; version: number }) => [slug, version])).toEqual([
        ['google', 1],
        ['microsoft', 1],
        ['github', 1],
        ['apple', 1],
        ['oidc', 1],
      ])
      expect((await world.events()).filter((type) => type === 'connection.created')).toHaveLength(5)
    }))
})
