/**
 * Every path to a session × everything that demands a second factor: each path stops at the second factor, or at setting
 * one up, and leaves no session; the code of an authenticator app completes it, and a remembered browser where it is
 * accepted. A path that starts sessions without asking `nextStep` fails here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Config } from '../packages/server/src/config.ts'
import { insertFactor } from '../packages/server/src/core/factors/index.ts'
import { createTokenByOperator } from '../packages/server/src/features/access/tokens/index.ts'
import { setPasswordByOperator } from '../packages/server/src/features/accounts/registration/operator.ts'
import { Authenticator, addPasskey, signInByPasskey } from '../packages/server/src/testing/authenticator.ts'
import { codeOf } from '../packages/server/src/testing/authenticator-app.ts'
import { Client, type Reply } from '../packages/server/src/testing/client.ts'
import { formIn } from '../packages/server/src/testing/step-up.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'
import { APP_SECRET, FACTORS, type FactorName } from './sign-in/factors.ts'
import { postForm } from './sign-in/forms.ts'
import { NEW_ACCOUNTS, PATHS, type Ran, type Stop, type Subject, stopOf } from './sign-in/paths.ts'

interface Server {
  settings: Partial<Config>
  /** What demands a second factor, by name; each prepares the user. */
  demands: Readonly<Record<string, (world: World, user: Subject) => Promise<unknown>>>
}

const setUser = (world: World, { id }: Subject, change: object) =>
  world.db.tx('system', (tx) => tx.updateTable('users').set(change).where('id', '=', id).execute())

/** An organization of the user with a demand that is due at once. */
async function setPolicy(
  world: World,
  user: Subject,
  mode: 'require_any' | 'require_totp' | 'require_passkey',
): Promise<void> {
  const id = await world.organization({ name: `Demanding ${user.id}`, members: [[user, 'owner']] })
  const now = world.clock.now()
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('security_policies')
      .values({ organization_id: id, mode, grace_days: 0, since: now, updated_at: now })
      .execute(),
  )
}
const A_PASSKEY = 'an organization, a passkey'

const SERVERS: Readonly<Record<string, Server>> = {
  'that leaves it to users and roles': {
    settings: {},
    demands: {
      nothing: async () => {},
      'the user': (world, user) => setUser(world, user, { mfa_required: true }),
      'a role': (world, user) => setUser(world, user, { roles: ['viewer', 'staff'] }),
      'a role and the user': (world, user) =>
        setUser(world, user, { roles: ['viewer', 'staff'], mfa_required: true }),
      'an organization': (world, user) => setPolicy(world, user, 'require_any'),
      'an organization, TOTP': (world, user) => setPolicy(world, user, 'require_totp'),
      [A_PASSKEY]: (world, user) => setPolicy(world, user, 'require_passkey'),
    },
  },
  'that requires it of everyone': {
    settings: { mfa: 'required' },
    demands: { 'the server': async () => {} },
  },
}

const requireOfStaff = (world: World) =>
  world.db.tx('system', async (tx) => {
    await tx.updateTable('roles').set({ requires_mfa: true }).where('name', '=', 'staff').execute()
    await world.app.tools.roles.changed(tx)
  })

/** Where every path stops. */
const expected = (demand: string, factor: FactorName): Stop =>
  factor !== 'nothing' ? 'second_factor' : demand === 'nothing' ? 'done' : 'enrol'

describe.each(Object.entries(SERVERS))('a server %s', (_, { settings, demands }) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ ...settings, compat: ['tokens-by-password'] })
    await requireOfStaff(world)
  })
  afterAll(() => world.stop())

  const combinations = Object.entries(demands).flatMap(([demand, prepare]) =>
    Object.keys(FACTORS).map((factor) => ({ demand, prepare, factor: factor as FactorName })),
  )

  describe.each(combinations)(
    'where $demand demands it, of a user who has set up $factor',
    ({ demand, prepare, factor }) => {
      const stop = expected(demand, factor)
      const hasApp = factor === 'totp' || factor === 'both'

      it.each(PATHS)(`$name leads to ${stop}`, async ({ name, run, isRefusal, provesMailbox }) => {
        const [made] = await world.people([{ signIn: false }])
        if (!made) throw new Error('no user')
        const user = { id: made.id, email: made.email, password: made.password }
        await FACTORS[factor](world, user)
        await prepare(world, user)
        const ran = await run(world, user)
        const { reply, browser } = ran
        expect([stopOf(reply), reply.status < 500]).toEqual([stop, true])
        const open = await sessionsOf(world, user)
        if (stop === 'done') return
        expect(open).toBe(0)
        expect(browser?.cookies.has('lk_session') ?? false).toBe(false)
        expect(await world.events(user.id)).not.toContain('auth.login.success')
        if (hasApp && !ENDED.has(name)) await expectCompleted(world, user, demand, factor, ran, provesMailbox)
        if (reply.body.error === undefined) return
        const { details } = reply.body.error
        // a credential that is checked for one request has no attempt to continue
        expect(details?.attempt === undefined).toBe(isRefusal === true)
        if (isRefusal) return
        if (stop === 'enrol')
          expect(details.methods).toEqual(demand === A_PASSKEY ? ['passkey'] : ['passkey', 'totp'])
        else if (provesMailbox) {
          expect(details.methods).not.toContain('email_code')
          expect(FACTORS[factor].methods).toEqual(expect.arrayContaining([details.methods[0]]))
        } else expect(details.methods).toEqual(FACTORS[factor].methods)
      })
    },
  )
})

const ACCEPTING_IT = 'an organization that accepts it'
/** Where a remembered browser is accepted as the second factor. */
const ACCEPTING: ReadonlySet<string> = new Set(['nothing', ACCEPTING_IT])
const ONE_REQUEST = 'the password by HTTP Basic, for one request'
/** They check a credential for one request, and have no attempt to continue. */
const ENDED: ReadonlySet<string> = new Set([ONE_REQUEST, 'revoke_token'])

/** The code of the app, in the attempt of a client or on the page of a browser. */
async function proveByApp(world: World, { reply, browser }: Ran): Promise<Reply> {
  const code = codeOf(world, APP_SECRET)
  if (browser) {
    const { fields } = formIn((await browser.get('/second-factor?method=totp')).text)
    return await postForm(browser, '/second-factor', { ...fields, code })
  }
  const attempt = /sgn_\w+\.[\w-]+/.exec(reply.text)?.[0]
  return await world.client().post('/api/v1/auth/mfa/verify', { attempt, method: 'totp', code })
}

/** The sign-in that stopped is complete with the code of the app, at the level that its proofs reach. */
async function expectCompleted(
  world: World,
  user: Subject,
  demand: string,
  factor: FactorName,
  ran: Ran,
  provesMailbox = false,
): Promise<void> {
  let reply = await proveByApp(world, ran)
  const needsPassword = provesMailbox && demand !== 'nothing'
  if (needsPassword) {
    // a mailbox is no factor of a demand: the password is the other one
    expect([stopOf(reply), await sessionsOf(world, user)]).toEqual(['second_factor', 0])
    const attempt = ran.browser?.cookies.get('lk_attempt') ?? /sgn_\w+\.[\w-]+/.exec(reply.text)?.[0]
    const proof = { attempt, method: 'password', password: ran.password ?? user.password }
    reply = await world.client().post('/api/v1/auth/mfa/verify', proof)
  }
  if (demand === A_PASSKEY && factor === 'totp') {
    expect([stopOf(reply), await sessionsOf(world, user)]).toEqual(['enrol', 0])
    return
  }
  const level = provesMailbox && !needsPassword ? 'aal1' : 'aal2'
  expect([stopOf(reply), await acrOf(world, user)]).toEqual(['done', level])
  expect(await world.events(user.id)).toContain('auth.login.success')
  const token = reply.data?.access_token
  if (token)
    expect([claimsOf(token).acr, claimsOf(token).amr]).toEqual([level, expect.arrayContaining(['otp'])])
}

const sessionsOf = (world: World, { id }: Pick<Subject, 'id'>): Promise<number> =>
  world.db.tx('system', async (tx) => {
    const rows = await tx
      .selectFrom('sessions')
      .select('id')
      .where('user_id', '=', id)
      .where('ended_at', 'is', null)
      .execute()
    return rows.length
  })

/** The level of the user's session; null without one. */
const acrOf = (world: World, { id }: Pick<Subject, 'id'>): Promise<string | null> =>
  world.db.tx('system', async (tx) => {
    const row = await tx
      .selectFrom('sessions')
      .select('acr')
      .where('user_id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst()
    return row?.acr ?? null
  })

describe('a server that requires it of everyone, for new accounts', () => {
  it.each(NEW_ACCOUNTS)('$name leads to enrol', async ({ settings, run }) => {
    const world = await startWorld({ mfa: 'required', ...settings })
    try {
      const { reply, browser, email } = await run(world)
      expect(stopOf(reply)).toBe('enrol')
      expect(browser.cookies.has('lk_session')).toBe(false)
      const { id } = await world.db.tx('system', (tx) =>
        tx
          .selectFrom('users')
          .innerJoin('emails', 'emails.user_id', 'users.id')
          .select('users.id')
          .where('emails.address', '=', email)
          .executeTakeFirstOrThrow(),
      )
      expect(await sessionsOf(world, { id })).toBe(0)
    } finally {
      await world.stop()
    }
  })
})

describe('a code by e-mail twice', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ mfaMethods: ['totp', 'passkey', 'backup_code', 'email_code'] })
  })
  afterAll(() => world.stop())

  const withEmailFactor = async () => {
    const person = await world.person({ signIn: false })
    await world.db.tx('system', (tx) =>
      insertFactor(tx, { userId: person.id, kind: 'email', name: null, confirmed: true }, world.clock.now()),
    )
    return person
  }
  const path = (name: string) => {
    const found = PATHS.find((one) => one.name === name)
    if (!found) throw new Error(`no path ${name}`)
    return found
  }

  it.each(['a code by e-mail', 'a link by e-mail, by JSON'])(
    'is one factor: %s is followed by the password, and by no further code',
    async (name) => {
      const person = await withEmailFactor()
      const { reply } = await path(name).run(world, person)
      const { attempt, methods } = reply.body.error.details
      expect([stopOf(reply), methods]).toEqual(['second_factor', ['password']])
      await world.clock.advance('2 minutes')
      const again = await world.client().post('/api/v1/auth/email-code', { attempt })
      expect([400, 409]).toContain(again.status)
      const verify = { attempt, method: 'email_code', code: '123456' }
      expect((await world.client().post('/api/v1/auth/mfa/verify', verify)).status).toBe(400)
      expect(await sessionsOf(world, person)).toBe(0)
      const password = { attempt, method: 'password', password: person.password }
      const done = await world.client().post('/api/v1/auth/mfa/verify', password)
      expect([stopOf(done), await acrOf(world, person)]).toEqual(['done', 'aal1'])
    },
  )

  it('meets no demand: after the password and a code, another factor has to be set up', async () => {
    const person = await withEmailFactor()
    await setUser(world, person, { mfa_required: true })
    const client = world.client()
    const login = { email: person.email, password: person.password }
    const reply = await client.post('/api/v1/auth/login', login)
    expect([stopOf(reply), reply.body.error.details.methods]).toEqual(['second_factor', ['email_code']])
    const { attempt } = reply.body.error.details
    await client.post('/api/v1/auth/email-code', { attempt })
    const { text } = await world.mailbox.emailTo(person.email, /code/)
    const code = /^\d{6}$/m.exec(text)?.[0] ?? ''
    const stopped = await client.post('/api/v1/auth/mfa/verify', { attempt, method: 'email_code', code })
    expect([stopOf(stopped), await sessionsOf(world, person)]).toEqual(['enrol', 0])
  })
})

describe.each(Object.entries(SERVERS))('a passkey, at a server %s', (_, { settings, demands }) => {
  let world: World
  beforeAll(async () => {
    // in the time of grace, the passkey is added by a session
    world = await startWorld({ ...settings, mfaGrace: 3_600_000 })
    await requireOfStaff(world)
  })
  afterAll(() => world.stop())

  const combinations = Object.entries(demands).flatMap(([demand, prepare]) =>
    [false, true].map((hasTotp) => ({ demand, prepare, hasTotp })),
  )
  describe.each(combinations)(
    'where $demand demands a factor, with TOTP: $hasTotp',
    ({ prepare, hasTotp }) => {
      async function withPasskey(isVerified: boolean) {
        const [made] = await world.people(1)
        if (!made) throw new Error('no user')
        const authenticator = new Authenticator({ flags: { uv: isVerified } })
        await addPasskey(made.client, authenticator)
        if (hasTotp) await FACTORS.totp(world, made)
        await prepare(world, made)
        await made.client.post('/api/v1/auth/logout')
        await world.clock.advance('1 hour')
        return { ...made, authenticator }
      }
      it('that verified its user is both factors, and nothing more is required', async () => {
        const user = await withPasskey(true)
        const reply = await signInByPasskey(world.client(), user.authenticator)
        expect([stopOf(reply), await acrOf(world, user)]).toEqual(['done', 'aal2-phr'])
      })

      it('that did not verify its user stops at the password, and no other possession replaces it', async () => {
        const user = await withPasskey(false)
        const client = world.client()
        const reply = await signInByPasskey(client, user.authenticator)
        const { attempt, methods } = reply.body.error.details
        expect([stopOf(reply), methods, await sessionsOf(world, user)]).toEqual([
          'second_factor',
          ['password'],
          0,
        ])
        const verify = { attempt, method: 'password', password: user.password }
        const done = await client.post('/api/v1/auth/mfa/verify', verify)
        expect([stopOf(done), await acrOf(world, user)]).toEqual(['done', 'aal2-phr'])
      })
    },
  )
})

const claimsOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())

describe.each(Object.entries(SERVERS))('a remembered browser, at a server %s', (_, { settings, demands }) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ ...settings, compat: ['tokens-by-password'] })
    await requireOfStaff(world)
  })
  afterAll(() => world.stop())

  const accepting = async (at: World, user: Subject) => {
    await setPolicy(at, user, 'require_any')
    await at.db.tx('system', (tx) =>
      tx
        .updateTable('security_policies')
        .set({ allowed_methods: ['totp', 'passkey', 'remembered_device'] })
        .where(
          'organization_id',
          'in',
          tx.selectFrom('memberships').select('organization_id').where('user_id', '=', user.id),
        )
        .execute(),
    )
  }
  const all = { ...demands, [ACCEPTING_IT]: accepting }
  describe.each(Object.entries(all))('where %s demands a factor', (demand, prepare) => {
    it.each(PATHS)('$name', async ({ name, run, provesMailbox }) => {
      const [made] = await world.people([{ signIn: false }])
      if (!made) throw new Error('no user')
      const user = { id: made.id, email: made.email, password: made.password }
      await FACTORS.totp(world, user)
      const first = world.client()
      const { body } = await first.post('/api/v1/auth/login', {
        username: user.email,
        password: user.password,
      })
      const proof = { attempt: body.error.details.attempt, method: 'totp', code: codeOf(world, APP_SECRET) }
      const signedIn = await first.post('/api/v1/auth/mfa/verify', { ...proof, remember_device: true })
      expect(signedIn.status).toBe(200)
      await world.db.tx('system', (tx) => tx.deleteFrom('sessions').where('user_id', '=', user.id).execute())
      const [device] = [...first.cookies].filter(([cookie]) => cookie.includes('device'))
      if (!device) throw new Error('no device')
      await prepare(world, user)
      const remembering: World = {
        ...world,
        client(options) {
          const client = world.client(options)
          client.cookies.set(...device)
          return client
        },
      }
      const { reply } = await run(remembering, user)
      // it counts beside the password alone, which the browser that reset it has to prove with the factor once more
      const isUsable =
        ACCEPTING.has(demand) && !provesMailbox && !name.startsWith('a reset') && name !== ONE_REQUEST
      const isAccepted = isUsable && settings.mfa !== 'required'
      expect(stopOf(reply)).toBe(isAccepted ? 'done' : 'second_factor')
      if (isAccepted && name !== 'revoke_token') expect(await acrOf(world, user)).toBe('aal1')
    })
  })
})

describe('a session from before', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.stop())

  it('is not raised by a refresh: its tokens state what was proven', async () => {
    const person = await world.person({ signIn: false })
    const client = world.client()
    const { data } = await client.signIn(person.email, person.password, { tokens: true })
    await FACTORS.totp(world, person)
    const { data: next } = await world
      .client()
      .post('/api/v1/auth/refresh', { refresh_token: data.refresh_token })
    const claims = claimsOf(next.access_token)
    expect([claims.acr, claims.amr]).toEqual(['aal1', ['pwd']])
  })

  it('is not needed for a token of the operator, which states no level and is no recent proof', async () => {
    const person = await world.person({ signIn: false })
    await FACTORS.totp(world, person)
    const { token } = await createTokenByOperator(world.app.tools, person.email, 3_600_000)
    expect([claimsOf(token).acr, claimsOf(token).amr]).toEqual(['0', []])
    const client = world.client({ headers: { authorization: `Bearer ${token}` } })
    expect((await client.get('/api/v1/auth/validate')).status).toBe(200)
    const fresh = world.app.rows.filter((row) => row.kind === 'api' && row.fresh !== undefined)
    expect(fresh.length).toBeGreaterThan(3)
    for (const row of fresh) {
      const path = row.path.replace(/:\w+/g, `usr_${'0'.repeat(32)}`)
      const reply = await client.send(row.method, path, row.method === 'GET' ? undefined : {})
      expect([401, 403, 404], `${row.name} ${reply.code}`).toContain(reply.status)
    }
  })

  it('ends with a password that the operator sets; the next sign-in stops at the second factor', async () => {
    const person = await world.person()
    await FACTORS.totp(world, person)
    await setPasswordByOperator(world.app.tools, person.email, 'set by the operator, once')
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(401)
    const { email, id } = person
    const reply = await world
      .client()
      .post('/api/v1/auth/login', { email, password: 'set by the operator, once' })
    expect([stopOf(reply), await sessionsOf(world, { id })]).toEqual(['second_factor', 0])
  })

  it('a sign-in that stops does not end the session that its browser has', async () => {
    const [first, second] = [await world.person(), await world.person({ signIn: false })]
    await FACTORS.totp(world, second)
    const browser = new Client(world.url, { headers: { accept: 'text/html' } })
    await postForm(browser, '/sign-in', { identifier: first.email, password: first.password })
    const reply = await postForm(browser, '/sign-in', {
      identifier: second.email,
      password: second.password,
    })
    expect(stopOf(reply)).toBe('second_factor')
    const me = await browser.get('/api/v1/auth/me', { headers: { accept: 'application/json' } })
    expect(me.data.user.email).toBe(first.email)
  })
})
