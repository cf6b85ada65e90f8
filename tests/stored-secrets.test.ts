/**
 * No GET shows a stored secret, as any caller: neither the value of a column that keeps one (a hash, a sealed text),
 * nor what the hash was made of. The columns are found in the catalogue, so that a new table is covered. The
 * development outbox and the stream of revocations are excluded: the one shows e-mails to their developer, the other
 * does not end.
 */
import { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import type { Client } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let root: Person
let owner: Person
let member: Person
const secrets = new Map<string, string>()
const callers: Record<string, Client> = {}
const ids: [RegExp, string][] = []

beforeAll(async () => {
  world = await startWorld({ compat: ['tokens-by-password'] })
  ;[root, owner, member] = (await world.people([{ roles: ['super_admin'] }, {}, {}])) as [
    Person,
    Person,
    Person,
  ]
  const organization = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'member'],
    ],
  })
  const key = await owner.client.apiKey()
  const { data: signedIn } = await world
    .client()
    .post('/api/v1/auth/login', { username: owner.email, password: PASSWORD, tokens: true })
  const invitation = await owner.client.post(`/api/v1/organizations/${organization}/invitations`, {
    email: 'invited@example.com',
    role: 'member',
  })
  await world.client().post('/api/v1/auth/password/forgot', { email: owner.email })
  await owner.client.post('/api/v1/users/me/email', { email: 'later@example.com', password: PASSWORD })
  await owner.client.post(`/api/v1/organizations/${organization}/roles`, {
    name: 'editor', description: '', permissions: [], inherits: 'guest',
  }) // biome-ignore format: a body
  const { data: events } = await root.client.get('/api/v1/audit-logs')

  const app = await enrolAuthenticator(world, member.client)
  const { data: begun } = await member.client.post('/api/v1/auth/mfa/enable', { method: 'totp' })

  secrets.set('the secret of the app', app.secret)
  secrets.set('the secret of an app that is not confirmed', begun.secret)
  for (const [n, code] of app.backupCodes.entries()) secrets.set(`backup code ${n}`, code)
  secrets.set('the password', PASSWORD)
  secrets.set('the API key', key.secret)
  secrets.set('the session token', signedIn.token)
  secrets.set('the refresh token', signedIn.refresh_token)
  secrets.set('the cookie', owner.client.cookies.get('lk_session') ?? '')
  secrets.set('the reset link', await world.mailbox.tokenFor(owner.email, /reset-password/))
  secrets.set('the invitation', await world.mailbox.tokenFor('invited@example.com', /invitations/))
  for (const [name, value] of await stored()) secrets.set(name, value)

  Object.assign(callers, {
    'an administrator': root.client,
    'the owner': owner.client,
    'the key of the owner': key.client,
    'a member': member.client,
    'a stranger': world.client(),
  })
  ids.push(
    [/users\/:\w+/, owner.id],
    [/members\/:\w+/, member.id],
    [/sessions\/:\w+/, signedIn.session.id],
    [/api-keys\/:\w+/, key.id],
    [/invitations\/:\w+/, invitation.data.id],
    [/audit-logs\/:\w+/, events[0].id],
    [/organizations\/:id\/roles\/:\w+/, 'editor'],
    [/\/roles\/:\w+/, 'viewer'],
    [/organizations\/:\w+/, organization],
  )
})
afterAll(() => world.stop())

/** Every value of a column that keeps a secret, in each form in which an answer could print it. */
async function stored(): Promise<[string, string][]> {
  return world.db.tx('system', async (tx) => {
    const read = async (text: string) =>
      (await tx.executeQuery<Record<string, string>>(CompiledQuery.raw(text))).rows
    const columns = await read(`
      select table_name, column_name, data_type from information_schema.columns
      where table_schema = 'latchkey' and (data_type = 'bytea' or column_name ~ '^(hash|sealed|secret|digest)(_|$)')
        and data_type in ('bytea', 'text') and table_name <> 'secret_canary'`)
    const found: [string, string][] = []
    for (const { table_name, column_name, data_type } of columns) {
      const forms = data_type === 'bytea' ? ['hex', 'base64'] : ['plain']
      for (const form of forms) {
        const value = form === 'plain' ? column_name : `encode(${column_name}, '${form}')`
        const rows = await read(
          `select ${value} as value from latchkey.${table_name} where ${column_name} is not null`,
        )
        for (const [n, row] of rows.entries()) {
          const text = String(row.value).replaceAll('\n', '')
          found.push([`${table_name}.${column_name} ${n} ${form}`, text])
          if (form === 'base64')
            found.push([
              `${table_name}.${column_name} ${n} base64url`,
              text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''),
            ])
        }
      }
    }
    return found
  })
}

/** The path with an existing id for each parameter. */
const pathOf = (path: string): string =>
  ids
    .reduce((text, [form, id]) => text.replace(form, (match) => match.replace(/:\w+/, id)), path)
    .replace(/:\w+/, 'lnk_00000000000000000000000000000000.x')

describe('stored secrets', () => {
  it('are found in every table that keeps one', () => {
    const tables = new Set([...secrets.keys()].map((name) => /^(\w+)\./.exec(name)?.[1]).filter(Boolean))
    for (const table of [
      'api_keys',
      'backup_codes',
      'invitations',
      'links',
      'passwords',
      'refresh_tokens',
      'sessions',
      'signing_keys',
      'totp_secrets',
    ])
      expect(tables).toContain(table)
    expect([...secrets].filter(([, value]) => value.length < 19)).toEqual([])
  })

  it('are in the answer of no GET, for any caller', { timeout: 300_000 }, async () => {
    const shown: string[] = []
    const served = new Set<string>()
    for (const row of world.app.rows) {
      if (row.method !== 'GET' || row.kind === 'stream' || row.path.startsWith('/dev/')) continue
      for (const [caller, client] of Object.entries(callers)) {
        const reply = await client.get(pathOf(row.path), {
          headers: { accept: 'text/html, application/json' },
        })
        if (reply.status === 200) served.add(row.name)
        const text = reply.text + JSON.stringify([...reply.headers])
        for (const [name, value] of secrets)
          if (text.includes(value)) shown.push(`${row.name} to ${caller}: ${name}`)
      }
    }
    expect(shown).toEqual([])
    // the answers are those of a success, not refusals that show nothing anyway
    expect(served.size).toBeGreaterThan(45)
  })
})
