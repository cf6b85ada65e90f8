/** The second document: tokens by user name and password, `detail` answers, row-level security. */
import { afterAll, beforeAll, expect } from 'vitest'
import { createGuard, custom } from '../../packages/guard/src/index.ts'
import { freePort, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { expectFields, seedDocument } from './document.ts'
import { installation } from './programs.ts'
import { pageSettings } from './settings.ts'

/** The address in the line of a start, which is JSON where no terminal reads it. */
const SHOWN = /"url":"(http[^"]+)"/

seedDocument('open-sesame', ({ printed, prose }) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(pageSettings('open-sesame'))
    await world.people([{ username: 'your-username', password: 'your-password', signIn: false }])
  })
  afterAll(() => world.stop())

  const header = { accept: 'application/json', 'content-type': 'application/json' }
  const isValid = async (token: string): Promise<boolean> =>
    (await world.client().get('/api/v1/auth/validate', { headers: { authorization: `Bearer ${token}` } }))
      .status === 200

  prose('1-20', 'the frame of the page, and an introduction')
  printed('22', 'a role without rights on tables sees rows by row-level security', async () => {
    const seen = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('users')
        .select(({ fn }) => fn.countAll<string>().as('n'))
        .executeTakeFirstOrThrow(),
    )
    expect(Number(seen.n)).toBeGreaterThan(0)
    const roles = await world.db.tx('system', (tx) =>
      tx
        // biome-ignore lint/suspicious/noExplicitAny: a catalogue of PostgreSQL
        .selectFrom('pg_catalog.pg_class' as any)
        .select(['relname', 'relrowsecurity', 'relforcerowsecurity'])
        .where('relname', 'in', ['organizations', 'members', 'sessions'])
        .execute(),
    )
    expect(roles.length).toBeGreaterThan(1)
    for (const table of roles)
      expect([table.relname, table.relrowsecurity, table.relforcerowsecurity]).toEqual([
        table.relname,
        true,
        true,
      ])
  })
  printed('24', 'every request of the API has the token of a user', async () => {
    const { body } = await world
      .client()
      .post('/api/users/create_token', { username: 'your-username', password: 'your-password' })
    const me = await world
      .client()
      .get('/api/v1/auth/me', { headers: { authorization: `Bearer ${body.token}` } })
    expect(me.body.user.username).toBe('your-username')
    expect((await world.client().get('/api/v1/auth/me')).status).toBe(403)
  })
  printed('26-30', 'a user is created by the CLI', async () => {
    const cli = await installation()
    const { exit, stdout } = await cli.latchkey([
      'users',
      'create',
      '--email',
      'ada@example.com',
      '--username',
      'ada',
    ])
    expect([exit, stdout]).toEqual([0, expect.stringContaining('ada@example.com')])
    await cli.remove()
  })
  printed(
    '32-38',
    'ids are made by the server, and a password hashed elsewhere by argon2 signs in',
    async (excerpt) => {
      const [person] = await world.people([{ username: 'by-hand', signIn: false }])
      const [[characters = ''] = []] = excerpt.all(/a secure (\d+) string/g)
      expect(person?.id).toMatch(new RegExp(`^usr_[0-9a-f]{${characters}}$`))
      const hash = await world.app.tools.hashing.hash('your-password')
      expect(hash).toMatch(/^\$argon2id\$v=19\$/)
      await world.db.tx('system', (tx) =>
        tx
          .updateTable('passwords')
          .set({ hash })
          .where('user_id', '=', person?.id ?? '')
          .execute(),
      )
      const reply = await world
        .client()
        .post('/api/users/create_token', { username: 'by-hand', password: 'your-password' })
      expect(reply.body.success).toBe(true)
    },
  )
  prose('40', 'a heading; the row-level security of an app’s tables: examples/workspaces and its test')
  printed('42-53', 'without a credential the answer is 403 "Not authenticated"', async (excerpt) => {
    const guard = createGuard({
      methods: [custom(() => null)],
      style: 'detail',
      unauthenticatedStatus: 403,
    })
    const app = guard.web(() => new Response('{}'))
    const answers = [
      await world.client().get('/api/v1/users/me/organizations', { headers: { accept: header.accept } }),
      await app(
        new Request('http://127.0.0.1:8000/api/workspaces', { headers: { accept: header.accept } }),
      ).then(async (answer: Response) => ({ status: answer.status, body: await answer.json() })),
    ]
    for (const { status, body } of answers) expect([status, body]).toEqual([403, excerpt.json()])
  })
  printed('55-57', 'the terminal shows a URL, where one signs in by user name and password', async () => {
    const server = await installation({
      LATCHKEY_PROFILE: 'development',
      LATCHKEY_ARGON2_MEMORY_KIB: '8192',
      LATCHKEY_PORT: String(await freePort()),
    })
    let page = ''
    const { exit, output } = await server.startAndStop([], SHOWN, async (text) => {
      page = await (await fetch(`${SHOWN.exec(text)?.[1]}/sign-in`)).text()
    })
    await server.remove()
    expect(exit, output).toBe(0)
    expect(page).toMatch(/name="identifier"[\s\S]*name="password"/)
  })
  printed('59', 'a sign-in gives a token', async () => {
    const reply = await world
      .client()
      .post('/api/v1/auth/login', { username: 'your-username', password: 'your-password', tokens: true })
    expect(reply.body).toMatchObject({ token: expect.stringMatching(/^st_/), token_type: 'Bearer' })
  })
  printed('61-76', 'create_token', async (excerpt) => {
    const reply = await world.client().post('/api/users/create_token', excerpt.json(0), { headers: header })
    expect(reply.status).toBe(Number(excerpt.all(/>>> (\d{3})/g)[0]?.[0]))
    expect(Object.keys(reply.body)).toEqual(Object.keys(excerpt.json(1)))
    expectFields(excerpt.json(1), reply.body, { token: expect.stringMatching(/^st_[\w-]{43}$/) })
    expect(await isValid(reply.body.token)).toBe(true)
  })
  printed('78-98', 'revoke_token, one token or all, as `token` or as `session_token`', async (excerpt) => {
    const [request, answer] = [excerpt.json(0), excerpt.json(1)]
    const create = async (): Promise<string> =>
      (await world.client().post('/api/users/create_token', request.user, { headers: header })).body.token
    const revoke = (body: unknown) =>
      world.client().post('/api/users/revoke_token', body, { headers: header })
    for (const field of ['token', 'session_token']) {
      const [one, other] = [await create(), await create()]
      const reply = await revoke({ user: request.user, [field]: one })
      expect([reply.status, Object.keys(reply.body), reply.body.success]).toEqual([
        200,
        Object.keys(answer),
        true,
      ])
      expect([await isValid(one), await isValid(other)]).toEqual([false, true])
    }
    const token = await create()
    const reply = await revoke({ user: request.user })
    expect([reply.status, reply.body]).toEqual([200, answer])
    expect(await isValid(token)).toBe(false)
  })
})
