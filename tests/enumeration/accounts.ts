/** Fixtures of the enumeration tests: accounts of each status, and every endpoint that takes an identifier. */
import { systemCall } from '../../packages/server/src/base/call.ts'
import { loadConfig } from '../../packages/server/src/config.ts'
import { disableUser } from '../../packages/server/src/features/identity/lifecycle/index.ts'
import { getUser } from '../../packages/server/src/features/identity/users/index.ts'
import { Authenticator, addPasskey } from '../../packages/server/src/testing/authenticator.ts'
import { enrolAuthenticator } from '../../packages/server/src/testing/authenticator-app.ts'
import type { Client, Reply } from '../../packages/server/src/testing/client.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'

export const usual = loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd: '/nonexistent' })
const HASHES = { argon2MemoryKib: usual.argon2MemoryKib, argon2Passes: usual.argon2Passes }

// all of one length, so that answers that repeat the identifier have one length too
export const KNOWN = 'known@example.com'
export const UNKNOWN = 'unkno@example.com'
export const PENDING = 'pendi@example.com'
export const DISABLED = 'disab@example.com'
export const WITH_PASSKEY = 'passk@example.com'
/** It has an authenticator app, which its sign-ins require. */
export const WITH_APP = 'wapps@example.com'

/** A server with accounts of each status. Hashes cost what they cost in production; the lock-out is off, for many samples. */
export async function startPopulated(overrides: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const world = await startWorld({
    ...HASHES,
    // the testing profile answers after its e-mails are written
    profile: 'development',
    lockoutFailures: 1_000_000,
    ...overrides,
  })
  await world.person({ email: KNOWN, username: 'known', signIn: false })
  await world.client().post('/api/v1/auth/register', { email: PENDING, password: PASSWORD })
  const disabled = await world.person({ email: DISABLED, signIn: false })
  await world.db.tx('system', async (tx) =>
    disableUser(world.app.tools, tx, systemCall(world.clock.now()), await getUser(tx, disabled.id)),
  )
  const { client } = await world.person({ email: WITH_PASSKEY })
  await addPasskey(client, new Authenticator())
  await enrolAuthenticator(world, (await world.person({ email: WITH_APP })).client)
  await world.clock.advance('2 minutes')
  return world
}

export interface Endpoint {
  name: string
  ask(client: Client, identifier: string): Promise<Reply>
  /** What an answer lists, as far as it takes time, where that depends on a key of the server: see `unknownAlike`. */
  shape?(reply: Reply): string
}

async function form(client: Client, path: string, fields: Record<string, string>): Promise<Reply> {
  const { data } = await client.get('/csrf')
  return await client.post(
    path,
    { ...fields, csrf_token: String(data.csrf_token) },
    { form: true, headers: { accept: 'text/html' } },
  )
}

export const ENDPOINTS: readonly Endpoint[] = [
  { name: 'login', ask: (client, username) => client.post('/api/v1/auth/login', { username, password: 'not the password of anybody' }) },
  {
    name: 'login by HTTP Basic',
    ask: (client, username) =>
      client.post('/api/v1/auth/login', undefined, {
        headers: { authorization: `Basic ${Buffer.from(`${username}:not the password of anybody`).toString('base64')}` },
      }),
  },
  { name: 'register', ask: (client, email) => client.post('/api/v1/auth/register', { email, password: 'the password of the stranger' }) },
  {
    name: 'the passkeys of an account',
    ask: (client, identifier) => client.post('/api/v1/auth/passkeys/login/begin', { identifier }),
    shape: ({ data }) =>
      data.options.allowCredentials
        .map(({ id, transports }: { id: string; transports: string[] }) => `${id.length}:${transports.length}`)
        .sort()
        .join(' '),
  },
  { name: 'forgot', ask: (client, email) => client.post('/api/v1/auth/password/forgot', { email }) },
  { name: 'resend', ask: (client, email) => client.post('/api/v1/auth/verify-email/resend', { email }) },
  { name: 'magic link', ask: (client, email) => client.post('/api/v1/auth/magic-link', { email }) },
  { name: 'code by e-mail', ask: (client, email) => client.post('/api/v1/auth/email-code', { email }) },
  {
    name: 'a wrong code',
    ask: async (client, email) => {
      const { data } = await client.post('/api/v1/auth/email-code', { email })
      return await client.post('/api/v1/auth/email-code/complete', { attempt: data.attempt, code: '000000' })
    },
  },
  { name: 'the page that sends a code', ask: (client, email) => form(client, '/sign-in/email/code', { email }) },
  { name: 'the page that sends a link', ask: (client, email) => form(client, '/sign-in/email/link', { email }) },
  { name: 'the routing of a domain', ask: (client, identifier) => client.post('/api/v1/auth/external/discover', { identifier }) },
  { name: 'the first step of the sign-in page', ask: (client, identifier) => form(client, '/sign-in/identifier', { identifier }) },
  { name: 'the sign-in page', ask: (client, identifier) => form(client, '/sign-in', { identifier, password: 'not the password of anybody' }) },
  {
    name: 'the sign-up page',
    ask: (client, email) => form(client, '/sign-up', { email, password: 'the password of the stranger', password_confirm: 'the password of the stranger' }),
  },
  { name: 'the page of a forgotten password', ask: (client, email) => form(client, '/forgot-password', { email }) },
  { name: 'the page that sends the e-mail again', ask: (client, email) => form(client, '/verify-email/resend', { email }) },
] // biome-ignore format: a table

/**
 * An identifier of no account, as long as `identifier`, whose answer lists as much: a longer list takes longer, whether or
 * not there is an account, and each passkey of it by its length and its transports.
 */
export async function unknownAlike(
  world: World,
  { name, ask, shape }: Endpoint,
  identifier: string,
): Promise<string> {
  if (!shape) return UNKNOWN
  const shapeOf = async (about: string) => shape(await ask(world.client(), about))
  const wanted = await shapeOf(identifier)
  for (let n = 1000; n < 3000; n += 1)
    if ((await shapeOf(`u${n}@example.com`)) === wanted) return `u${n}@example.com`
  throw new Error(`${name}: no unknown identifier is answered with ${wanted}`)
}
