/**
 * A whole server in a test: a real database of the vitest project, a free port on 127.0.0.1, a clock that only the test
 * moves, and clients that behave like browsers and apps. Only the cost of hashes differs from a production server.
 */
import { createServer } from 'node:net'
import { type App, createApp } from '../app.ts'
import type { Database } from '../base/db/database.ts'
import type { Network } from '../base/outbound/request.ts'
import { type Config, loadConfig } from '../config.ts'
import type { OrganizationRole } from '../core/roles/index.ts'
import { Client } from './client.ts'
import { openTestDatabase, quietLog, type TestDatabaseOptions } from './database.ts'
import { createTestOrganization, createUsers, type TestUser, type TestUserOptions } from './founding.ts'
import { type Mailbox, mailbox } from './mailbox.ts'

export interface World {
  app: App
  config: Config
  url: string
  db: Database
  clock: { now(): Date; advance(duration: string): Promise<void> }
  mailbox: Mailbox
  /** A new client with an empty cookie jar. */
  client(options?: ConstructorParameters<typeof Client>[1]): Client
  /** A user who has registered, verified and (by default) signed in; with roles, written directly like `people`. */
  person(options?: TestUserOptions): Promise<Person>
  /** Users who are written directly, without a registration, and (by default) signed in. */
  people(wanted: number | readonly TestUserOptions[]): Promise<Person[]>
  /** An organization with its members, the first of whom has to be an owner. @returns its id */
  organization(options: {
    name?: string
    members: readonly (readonly [{ id: string }, OrganizationRole])[]
  }): Promise<string>
  /** The types of the audit events so far, oldest first; with `userId`, those about this user. */
  events(userId?: string): Promise<string[]>
  stop(): Promise<void>
}

export interface Person extends TestUser {
  client: Client
}

export const PASSWORD = 'correct horse battery staple'

/**
 * @param database options of the database, for a test that depends on its rows and tables
 * @param network how connections reach identity providers: that of the scripted ones (fake-provider.ts)
 */
export async function startWorld(
  overrides: Partial<Config> = {},
  database: TestDatabaseOptions = {},
  network?: Network,
): Promise<World> {
  const db = await openTestDatabase(database)
  const port = await freePort()
  const config: Config = {
    ...loadConfig(
      {
        LATCHKEY_PROFILE: 'testing',
        LATCHKEY_PORT: String(port),
        LATCHKEY_SECRET: 'a secret of the tests, thirty-two characters',
        // nothing listens there: a test that needs a name server starts one
        LATCHKEY_DNS_SERVERS: '127.0.0.1:9',
      },
      { cwd: '/nonexistent' },
    ),
    argon2MemoryKib: 64,
    argon2Passes: 1,
    logLevel: 'silent',
    ...overrides,
  }
  const app = await createApp({ config, database: db, log: quietLog, ...(network && { network }) })
  const { url } = await app.start()
  const { clock } = app.tools
  clock.set(new Date('2030-06-01T12:00:00Z'))
  const letters = mailbox(app)
  let people = 0
  const nextEmail = () => `person${++people}@example.com`

  const world: World = {
    app,
    config,
    url,
    db,
    mailbox: letters,
    clock: {
      now: clock.now,
      async advance(text) {
        // jobs that are due now run before the clock moves, not after
        await app.settle()
        clock.advance(milliseconds(text))
        await app.settle()
      },
    },
    client: (options) => new Client(url, options),
    async people(wanted) {
      const options: readonly TestUserOptions[] =
        typeof wanted === 'number' ? Array.from({ length: wanted }, () => ({})) : wanted
      const users = await createUsers(
        app,
        options.map((one) => ({ email: nextEmail(), password: PASSWORD, ...one })),
      )
      return await Promise.all(
        users.map(async (person, n) => {
          const client = world.client()
          if (options[n]?.signIn !== false) await client.signIn(person.email, person.password)
          return { ...person, client }
        }),
      )
    },
    organization: ({ name = 'Analytical Engines', members }) =>
      createTestOrganization(app, { name, members }),
    async person(options = {}) {
      if (options.roles) {
        const [person] = await world.people([options])
        if (!person) throw new Error('no user was created')
        return person
      }
      const { email = nextEmail(), password = PASSWORD, username } = options
      const client = world.client()
      const registered = await client.post('/api/v1/auth/register', {
        email,
        password,
        ...(username ? { username } : {}),
      })
      if (registered.status !== 201)
        throw new Error(`registration failed: ${JSON.stringify(registered.body)}`)
      if (config.emailVerification === 'required') {
        const token = await letters.tokenFor(email, /verify-email/)
        const verified = await client.post('/api/v1/auth/verify-email', { token })
        if (verified.status !== 200) throw new Error(`verification failed: ${JSON.stringify(verified.body)}`)
      }
      // without verification, the registration has signed the user in
      client.csrfToken = registered.data.session?.csrf_token ?? null
      if (options.signIn === false) client.cookies.clear()
      else if (client.csrfToken === null) await client.signIn(email, password)
      return { id: String(registered.data.user.id), email, password, client }
    },
    events: (userId) =>
      db.tx('system', async (tx) => {
        let query = tx.selectFrom('audit_events').select('event_type').orderBy('id')
        if (userId !== undefined) query = query.where('user_id', '=', userId)
        return (await query.execute()).map((row) => row.event_type)
      }),
    stop: app.stop,
  }
  return world
}

/** `31 minutes`, `8 hours`, `30 days`. */
function milliseconds(text: string): number {
  const match = /^(\d+) (second|minute|hour|day)s?$/.exec(text)
  const unit = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }[match?.[2] ?? '']
  if (!match || unit === undefined) throw new Error(`not a duration in words: ${text}`)
  return Number(match[1]) * unit
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
