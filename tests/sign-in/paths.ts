/** Every path that leads to a session, as requests of a client or a browser. */
import { randomSecret, sha256 } from '../../packages/server/src/base/crypto.ts'
import { newId } from '../../packages/server/src/base/ids.ts'
import type { Config } from '../../packages/server/src/config.ts'
import type { Client, Reply } from '../../packages/server/src/testing/client.ts'
import type { World } from '../../packages/server/src/testing/world.ts'
import { csrfTokenOf, postForm } from './forms.ts'

export interface Subject {
  id: string
  email: string
  password: string
}

/** Where a sign-in stops. */
export type Stop = 'done' | 'second_factor' | 'enrol'

export interface Ran {
  reply: Reply
  browser?: Client
  /** The password, where the path has changed it. */
  password?: string
}

interface Path {
  name: string
  /** The credential is checked for one request, so that there is no attempt. */
  isRefusal?: true
  /** It proves the mailbox instead of the password, which is then a further method. */
  provesMailbox?: true
  run(world: World, user: Subject): Promise<Ran>
}

const STOPS: Readonly<Record<string, Stop>> = {
  MFA_REQUIRED: 'second_factor',
  MFA_ENROLMENT_REQUIRED: 'enrol',
  '/second-factor': 'second_factor',
  '/second-factor/enrol': 'enrol',
}

/** Where the answer says that the sign-in stops; its code or address where it says something else. */
export function stopOf(reply: Reply): string {
  const said = reply.code ?? reply.body?.code ?? reply.headers.get('location') ?? ''
  if (STOPS[said]) return STOPS[said]
  const isDone =
    reply.status === 200 || reply.status === 201 || (reply.status === 303 && !said.startsWith('/sign-in'))
  return isDone ? 'done' : `${reply.status} ${said}`
}

const basic = ({ email, password }: Subject) => ({
  authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`,
})
const login = ({ email, password }: Subject) => ({ username: email, password })
const newBrowser = (world: World): Client => world.client({ headers: { accept: 'text/html' } })

const byForm = async (world: World, user: Subject, more: Record<string, string> = {}): Promise<Ran> => {
  const browser = newBrowser(world)
  const fields = { identifier: user.email, password: user.password, ...more }
  return { reply: await postForm(browser, '/sign-in', fields), browser }
}

/** A password that is set by the e-mailed link, which starts no session. */
async function reset(world: World, user: Subject): Promise<Subject> {
  await world.client().post('/api/v1/auth/password/forgot', { email: user.email })
  const token = await world.mailbox.tokenFor(user.email, /reset-password/)
  const password = 'chosen after the old one was forgotten'
  const done = await world.client().post('/api/v1/auth/password/reset', { token, password })
  const cookies = done.headers.getSetCookie().join()
  if (done.status !== 200 || /lk_session=[^;]/.test(cookies)) throw new Error(`a reset signed in: ${cookies}`)
  return { ...user, password }
}

export const PATHS: readonly Path[] = [
  {
    name: 'the password, by JSON',
    run: async (world, user) => ({ reply: await world.client().post('/api/v1/auth/login', login(user)) }),
  },
  {
    name: 'the password, for tokens and remembered',
    run: async (world, user) => ({
      reply: await world
        .client()
        .post('/api/v1/auth/login', { ...login(user), tokens: true, remember_me: true }),
    }),
  },
  { name: 'the password, by the form', run: (world, user) => byForm(world, user) },
  {
    name: 'the password by HTTP Basic, at the login',
    run: async (world, user) => ({
      reply: await world.client({ headers: basic(user) }).post('/api/v1/auth/login'),
    }),
  },
  {
    name: 'the password by HTTP Basic, for one request',
    isRefusal: true,
    run: async (world, user) => ({
      reply: await world.client({ headers: basic(user) }).get('/api/v1/auth/validate'),
    }),
  },
  {
    name: 'create_token',
    run: async (world, user) => ({
      reply: await world.client().post('/api/users/create_token', login(user)),
    }),
  },
  {
    name: 'revoke_token',
    run: async (world, user) => ({
      reply: await world.client().post('/api/users/revoke_token', { user: login(user) }),
    }),
  },
  {
    name: 'a reset, and the new password by JSON',
    run: async (world, user) => ({
      reply: await world.client().post('/api/v1/auth/login', login(await reset(world, user))),
    }),
  },
  {
    name: 'a reset, and the new password by the form',
    run: async (world, user) => byForm(world, await reset(world, user)),
  },
  {
    name: 'a link by e-mail, by JSON',
    provesMailbox: true,
    run: async (world, user) => ({ reply: await byEmail(world, user, 'magic-link') }),
  },
  { name: 'a link by e-mail, on the page', provesMailbox: true, run: byEmailedLinkOnPage },
  {
    name: 'a code by e-mail',
    provesMailbox: true,
    run: async (world, user) => ({ reply: await byEmail(world, user, 'email-code') }),
  },
  {
    name: 'a reset and a code by e-mail, which prove the same mailbox',
    provesMailbox: true,
    run: async (world, user) => {
      const { password, ...changed } = await reset(world, user)
      return { reply: await byEmail(world, { ...changed, password }, 'email-code'), password }
    },
  },
  {
    name: 'the form that an invitation leads to',
    run: async (world, user) => {
      const invitation = await invite(world, user)
      const { id, token } = invitation
      const ran = await byForm(world, user, { return_to: `/invitations/${id}?token=${token}` })
      const cookie = [...(ran.browser?.cookies ?? [])].map((pair) => pair.join('=')).join('; ')
      const accepting = world.client({ headers: { cookie } })
      accepting.csrfToken = await csrfTokenOf(accepting)
      const accepted = await accepting.post('/api/v1/invitations/accept', { token })
      // a sign-in that stops is no caller who can accept
      if (accepted.status !== (stopOf(ran.reply) === 'done' ? 200 : 401))
        throw new Error(`accepting is answered ${accepted.status} ${accepted.text}`)
      return ran
    },
  },
]

const CODE = /^\d{6}$/m

/** The link or the code that an e-mail brings, requested and used by one client. */
async function byEmail(world: World, { email }: Subject, what: 'magic-link' | 'email-code'): Promise<Reply> {
  const client = world.client()
  const { data } = await client.post(`/api/v1/auth/${what}`, { email })
  if (what === 'magic-link') {
    const token = await world.mailbox.tokenFor(email, /\/sign-in\/link\?/)
    return await client.post('/api/v1/auth/magic-link/complete', { token })
  }
  const { text } = await world.mailbox.emailTo(email, /code/)
  const typed = { attempt: data.attempt, code: CODE.exec(text)?.[0] ?? '' }
  return await client.post('/api/v1/auth/email-code/complete', typed)
}

async function byEmailedLinkOnPage(world: World, { email }: Subject): Promise<Ran> {
  const browser = newBrowser(world)
  await postForm(browser, '/sign-in/email/link', { email })
  const token = await world.mailbox.tokenFor(email, /\/sign-in\/link\?/)
  return { reply: await postForm(browser, '/sign-in/link', { token }), browser }
}

/** An invitation of the user to an organization, as its e-mail has it. */
async function invite(world: World, { email }: Subject): Promise<{ id: string; token: string }> {
  const [owner] = await world.people([{ signIn: false }])
  if (!owner) throw new Error('no owner')
  const organization = await world.organization({ name: `Inviting ${owner.id}`, members: [[owner, 'owner']] })
  const [id, secret, now] = [newId('inv'), randomSecret(), world.clock.now()]
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('invitations')
      .values({
        id, organization_id: organization, address: email, address_key: email, role: 'member', secret_hash: sha256(secret),
        invited_by: owner.id, created_at: now, sent_at: now, sent_count: 1, expires_at: new Date(now.getTime() + 86_400_000),
        accepted_at: null, accepted_by: null, revoked_at: null,
      }) // biome-ignore format: a row
      .execute(),
  )
  return { id, token: `${id}.${secret}` }
}

interface NewAccount {
  name: string
  settings: Partial<Config>
  run(world: World): Promise<{ reply: Reply; browser: Client; email: string }>
}

const EMAIL = 'new@example.com'
const PASSWORD = 'chosen while signing up, long'
const ACCOUNT = { email: EMAIL, password: PASSWORD, password_confirm: PASSWORD }

export const NEW_ACCOUNTS: readonly NewAccount[] = [
  {
    name: 'a registration by JSON, which starts no session, and a login',
    settings: { emailVerification: 'off' },
    run: async (world) => {
      const browser = world.client()
      const { status, data } = await browser.post('/api/v1/auth/register', ACCOUNT)
      if (status !== 201 || data.session) throw new Error(`registered with ${status} and a session`)
      const credential = { email: EMAIL, password: PASSWORD }
      return { reply: await browser.post('/api/v1/auth/login', credential), browser, email: EMAIL }
    },
  },
  {
    name: 'a registration by the form, without verification',
    settings: { emailVerification: 'off' },
    run: async (world) => {
      const browser = newBrowser(world)
      return { reply: await postForm(browser, '/sign-up', ACCOUNT), browser, email: EMAIL }
    },
  },
  {
    name: 'the link that verifies an address, in the browser of the registration',
    settings: {},
    run: async (world) => {
      const browser = newBrowser(world)
      await postForm(browser, '/sign-up', ACCOUNT)
      const token = await world.mailbox.tokenFor(EMAIL, /verify-email/)
      return { reply: await postForm(browser, '/verify-email', { token }), browser, email: EMAIL }
    },
  },
  {
    name: 'the set-up link of the first administrator',
    settings: {},
    run: async (world) => {
      const browser = newBrowser(world)
      const path = new URL(String(await world.app.setupLink())).pathname
      return { reply: await postForm(browser, path, ACCOUNT), browser, email: EMAIL }
    },
  },
]
