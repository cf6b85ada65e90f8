/**
 * Importing and exporting on the command line. The guide docs/guides/import.md is the script: its files are written,
 * its commands are run, and a user of each system signs in. What an import does with a record is in the import
 * feature's tests.
 */
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp } from '../app.ts'
import { FORMS } from '../base/hashing/forms.ts'
import { loadConfig } from '../config.ts'
import { createTestDatabase, quietLog, type TestDatabase } from '../testing/database.ts'
import { PRESETS } from './import/presets/index.ts'
import { latchkey as run, workingFolder } from './testing.ts'

const guide = readFileSync(join(import.meta.dirname, '../../../../docs/guides/import.md'), 'utf8')
const fixtures = join(import.meta.dirname, 'import/fixtures')
// each test opens a database several times
vi.setConfig({ testTimeout: 60_000 })

let cwd = ''
let folder: ReturnType<typeof workingFolder>
let made: TestDatabase
beforeEach(async () => {
  folder = workingFolder()
  cwd = folder.cwd
  made = await createTestDatabase()
  vi.stubEnv('LATCHKEY_PROFILE', 'testing')
  vi.stubEnv('LATCHKEY_PORT', '0')
  vi.stubEnv('LATCHKEY_LOG_LEVEL', 'silent')
  vi.stubEnv('LATCHKEY_ARGON2_MEMORY_KIB', '1024')
  vi.stubEnv('DATABASE_URL', made.databaseUrl ?? undefined)
  for (const name of ['google', 'github']) writeFileSync(join(cwd, `${name}-secret.txt`), 'secret')
  for (const name of readdirSync(fixtures)) copyFileSync(join(fixtures, name), join(cwd, name))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await made.drop()
  folder.remove()
})

/** Runs `latchkey …` with the files of the working folder. */
const latchkey = (line: string) =>
  run(...line.split(' ').map((word) => (/\.(?:jsonl?|csv|txt)$/.test(word) ? join(cwd, word) : word)))

/** The answers of a server on the same database to these sign-ins. */
async function signIns(...credentials: readonly [username: string, password: string][]) {
  const app = await createApp({ config: loadConfig(), log: quietLog })
  try {
    const { url } = await app.start()
    return await Promise.all(
      credentials.map(async ([username, password]) => {
        const response = await fetch(`${url}/api/v1/auth/login`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ username, password }),
        })
        // biome-ignore lint/suspicious/noExplicitAny: tests look freely into answers
        const body = (await response.json()) as any
        return { status: response.status, user: body.data?.user }
      }),
    )
  } finally {
    await app.stop()
  }
}

/** The connections of the guide, and that of an enterprise. */
async function connect() {
  const saml = '{"saml":{"entity_id":"https://login.acme.example"}}'
  const more = `connections create saml --slug acme --settings ${saml}`
  for (const { exit, stderr } of await inOrder([...commandsOf('Connected accounts'), more]))
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
}

let exports = 0
/** The accounts that the export has, `connection:subject` by the address. */
async function connected(): Promise<Record<string, string[]>> {
  const name = `connected${++exports}.jsonl`
  expect((await latchkey(`users export ${name}`)).exit).toBe(0)
  const lines = readFileSync(join(cwd, name), 'utf8').trim().split('\n')
  return Object.fromEntries(
    lines
      .map((line) => JSON.parse(line))
      .map(({ email, identities }): [string, string[]] => [
        email,
        identities.map((one: { connection: string; subject: string }) => `${one.connection}:${one.subject}`),
      ]),
  )
}

/** The blocks of a section of the guide, by their language. */
const blocksOf = (heading: string, language: string): string[] => {
  const section = new RegExp(`^## ${heading}$([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(guide)?.[1] ?? ''
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  )
}
const commandsOf = (heading: string): string[] =>
  blocksOf(heading, 'sh').flatMap((block) =>
    block
      .trim()
      .split('\n')
      .map((line) => line.replace(/^latchkey /, '')),
  )

const PASSWORD = 'correct horse'

// biome-ignore format: a table
const SYSTEMS: readonly [heading: string, exit: 0 | 1, email: string, password: string, user: object][] = [
  ['Auth0', 0, 'ada@example.com', PASSWORD, { full_name: 'Ada Lovelace' }],
  // a user without an address is refused
  ['Keycloak', 1, 'ada@example.com', PASSWORD, { full_name: 'Ada Lovelace', username: 'ada', role: 'staff' }],
  ['Supabase', 0, 'ada@example.com', PASSWORD, { full_name: 'Ada Lovelace' }],
  ['Firebase', 0, 'ada@example.com', 'user1password', { full_name: 'Ada Lovelace' }],
  ['Clerk', 0, 'ada@example.com', PASSWORD, { full_name: 'Ada Lovelace', username: 'ada' }],
  ['Better Auth', 0, 'ada@example.com', PASSWORD, { full_name: 'Ada Lovelace', role: 'administrator' }],
  ['Gatehouse', 0, 'bob@acme-corp.com', PASSWORD, { full_name: 'Bob Smith' }],
]

describe('the guide', () => {
  it('names every system, and every form of a hash with its systems', () => {
    for (const { name } of PRESETS.filter((one) => one.name !== 'latchkey'))
      expect(guide).toContain(`--from ${name}`)
    const table = FORMS.map(({ name, systems }) => `| \`${name}\` | ${systems} |`).join('\n')
    expect(guide).toContain(table)
  })

  it('imports the files of any system, as JSON lines and as CSV', async () => {
    writeFileSync(join(cwd, 'users.jsonl'), blocksOf('Any system', 'json')[0] ?? '')
    writeFileSync(join(cwd, 'users.csv'), blocksOf('Any system', 'csv')[0] ?? '')
    const [dry, first, again, csv] = await inOrder(commandsOf('Any system'))
    expect(dry).toMatchObject({ exit: 0, stdout: expect.stringContaining('Dry run') })
    expect(dry?.stdout).toMatch(/created +2/)
    expect(first?.stdout).toMatch(/created +2/)
    expect(again?.json).toMatchObject({ counts: { read: 2, created: 0, unchanged: 2, refused: 0 } })
    expect(csv?.stdout).toMatch(/created +1/)
    const [ada, grace, tim] = await signIns(
      ['ada', 'Password.1'],
      ['grace@example.com', 'Password.1'],
      ['tim@example.com', 'Password.1'],
    )
    expect(ada).toMatchObject({ status: 200, user: { role: 'manager', full_name: 'Ada Lovelace' } })
    expect(grace?.status).not.toBe(200)
    expect(tim).toMatchObject({ status: 200, user: { roles: ['staff', 'viewer'] } })
  })

  it.each(SYSTEMS)(
    'moves the users of %s, who sign in with their password',
    async (heading, exit, email, password, user) => {
      await connect()
      for (const { exit: ended, stdout, stderr } of await inOrder(commandsOf(heading)))
        expect({ ended, stdout, stderr }).toMatchObject({ ended: exit })
      const repeated = await latchkey(`${commandsOf(heading).at(-1)} --json`)
      expect(repeated.json.counts).toMatchObject({ created: 0, updated: 0 })
      const [right, wrong] = await signIns([email, password], [email, `${password}.`])
      expect(right).toMatchObject({ status: 200, user })
      expect(wrong?.status).toBe(401)
    },
  )

  it('imports connected accounts of any system', async () => {
    await connect()
    const [gina = ''] = (blocksOf('Connected accounts', 'json')[0] ?? '').split('\n')
    writeFileSync(join(cwd, 'users.jsonl'), gina)
    expect((await latchkey('users import users.jsonl')).exit).toBe(0)
    expect(await connected()).toEqual({ 'gina@example.com': ['google:110248495921238986420'] })
    // a cell of CSV has them as JSON
    expect((await latchkey('users export users.csv')).exit).toBe(0)
    const csv = await latchkey('users import users.csv --json')
    expect(csv.json).toMatchObject({ counts: { refused: 0, skipped: 1 }, notes: [{ code: 'address_taken' }] })
    const words = 'email,identities\nada@example.com,google:1 acme:ada@acme.example\n'
    writeFileSync(join(cwd, 'words.csv'), words)
    expect((await latchkey('users import words.csv')).exit).toBe(0)
    expect((await connected())['ada@example.com']).toEqual(['google:1', 'acme:ada@acme.example'])
  })

  // biome-ignore format: a table
  const CONNECTED: readonly [heading: string, accounts: Readonly<Record<string, string[]>>, left: RegExp | null][] = [
    ['Auth0', { 'gina@example.com': ['github:583231', 'acme:gina@acme.example', 'google:107645431234567890123'], 'ada@example.com': [] }, /line 4: .*the account at windowslive/],
    ['Keycloak', { 'ada@example.com': ['google:110248495921238986420'] }, /the account at microsoft/],
    ['Supabase', { 'ada@example.com': ['google:110248495921238986420'], 'ban@example.com': [] }, null],
    ['Firebase', { 'off@example.com': ['google:1'], 'ada@example.com': [] }, null],
    ['Better Auth', { 'ada@example.com': [], 'github@example.com': ['github:99'] }, null],
  ]
  it.each(CONNECTED)('moves the connected accounts of %s', async (heading, accounts, left) => {
    const lines = commandsOf(heading)
    // without their connections the records are refused, or the accounts are left out
    const refused = await latchkey(`${lines.at(-1)} --dry-run --json`)
    expect(refused.json.codes.unknown_connection).toBeGreaterThan(0)
    const leaving = await latchkey(`${lines.at(-1)} --dry-run --unknown-connections leave_out --json`)
    expect(leaving.json.codes.unknown_connection).toBe(refused.json.codes.unknown_connection)
    expect(leaving.json.counts.refused).toBeLessThan(refused.json.counts.refused)
    await connect()
    const ran = await inOrder(lines)
    if (left) expect(ran.at(-1)?.stdout).toMatch(left)
    const found = await connected()
    for (const [email, expected] of Object.entries(accounts))
      expect([email, found[email]?.toSorted()]).toEqual([email, expected.toSorted()])
  })

  it('moves the users of Django, who verify their address first', async () => {
    const [report] = await inOrder(commandsOf('Django'))
    expect(report).toMatchObject({ exit: 0 })
    expect(report?.stdout).toMatch(/line 2: warning ignored: auth.group is not a model of users/)
    vi.stubEnv('LATCHKEY_EMAIL_VERIFICATION', 'off')
    const [ada, off] = await signIns(['ada', PASSWORD], ['off@example.com', PASSWORD])
    expect(ada).toMatchObject({ status: 200, user: { role: 'super_admin', full_name: 'Ada Lovelace' } })
    expect(off?.status).not.toBe(200)
  })

  it('exports, and imports what was exported', async () => {
    await latchkey('users import clerk-users.csv --from clerk')
    const [exported, imported, csv] = await inOrder(commandsOf('Moving away, or to another server'))
    expect(exported).toMatchObject({ exit: 0, stdout: expect.stringContaining('Exported 2 accounts') })
    // they exist already
    expect(imported?.stdout).toMatch(/skipped +2/)
    expect(csv?.exit).toBe(0)
    expect(statSync(join(cwd, 'moved.jsonl')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(cwd, 'moved.jsonl'), 'utf8')).toMatch(/"password_hash":"\$2a\$/)
    expect(readFileSync(join(cwd, 'without-hashes.csv'), 'utf8')).not.toContain('$2a$')
  })
})

async function inOrder(lines: readonly string[]) {
  expect(lines.length).toBeGreaterThan(0)
  const ran: Awaited<ReturnType<typeof latchkey>>[] = []
  for (const line of lines) ran.push(await latchkey(line))
  return ran
}

describe('users import', () => {
  it('names the line and the reason of each record that it refuses, on the terminal and in a file', async () => {
    const lines = [
      '{"email":"a@example.com"}',
      'no json',
      '[1]',
      '{"email":"b@example.com","roles":["emperor"]}',
    ]
    writeFileSync(join(cwd, 'users.jsonl'), lines.join('\n'))
    const { exit, json } = await latchkey('users import users.jsonl --json --report notes.jsonl')
    expect(exit).toBe(1)
    expect(json.counts).toMatchObject({ read: 4, created: 1, refused: 3 })
    expect(json.notes.map((note: { line: number; code: string }) => [note.line, note.code])).toEqual([
      [2, 'unreadable'],
      [3, 'unreadable'],
      [4, 'unknown_role'],
    ])
    expect(readFileSync(join(cwd, 'notes.jsonl'), 'utf8').trim().split('\n')).toHaveLength(3)
  })

  /** Every way in which a record can meet an earlier one of its file. */
  const MEETINGS: readonly object[] = [
    { email: 'a@example.com', organizations: [{ slug: 'alone' }], identities: [{ connection: 'google', subject: '1' }] },
    // an account of another user
    { email: 'h@example.com', identities: [{ connection: 'google', subject: '1' }] },
    // the same again, the same address, and in other letters
    { email: 'a@example.com', organizations: [{ slug: 'alone' }], identities: [{ connection: 'google', subject: '1' }] },
    { email: 'A@example.com', full_name: 'Ann', identities: [{ connection: 'google', subject: '2' }], organizations: [{ slug: 'second', role: 'owner' }] },
    { email: ' a@example.com ', external_id: 'x1', username: 'ann' },
    // by the id of the source, by the username, by the id of a user
    { email: 'b@example.com', external_id: 'x1', identities: [{ connection: 'google', subject: '2' }] },
    { email: 'c@example.com', username: 'ANN', email_verified: true, organizations: [{ slug: 'alone', role: 'owner' }] },
    { email: 'd@example.com', id: 'usr_01a2171d96547b85a7aa7977bde8a052', external_id: 'x2', email_verified: true },
    { email: 'e@example.com', id: 'usr_01a2171d96547b85a7aa7977bde8a052', external_id: 'x3' },
    { email: 'd@example.com', username: 'dora', organizations: [{ slug: 'third' }, { slug: 'alone' }] },
    { email: 'f@example.com', username: 'dora' },
    // a pending user owns nothing
    { email: 'p@example.com', username: 'pat', status: 'pending' },
    { email: 'p@example.com', username: 'pat', external_id: 'x4', status: 'pending' },
    { email: 'p@example.com', username: 'pat', external_id: 'x5' },
    // users who were there before the import
    { email: 'there@example.com', full_name: 'There', organizations: [{ slug: 'fourth', role: 'owner' }] },
    { email: 'there@example.com', external_id: 'x6', roles: [] },
    { email: 'unproven@example.com', full_name: 'Unproven' },
    { email: 'g@example.com', username: 'there', organizations: [{ slug: 'fifth', role: 'no role' }] },
    { email: 'there@example.com', identities: [{ connection: 'google', subject: '3' }] },
    { email: 'i@example.com', identities: [{ connection: 'google', subject: '3' }, { connection: 'google', subject: '4' }] },
    { email: 'j@example.com', identities: [{ connection: 'google', subject: '4' }, { connection: 'yahoo', subject: '4' }] },
    { email: 'not an address' },
  ] // biome-ignore format: a table

  it.each([
    ['skip', 0],
    ['update', 0],
    ['skip', 500],
    ['update', 500],
  ])(
    'reports the same by a dry run (--on-conflict %s), with %i records between',
    async (onConflict, between) => {
      const write = (name: string, records: readonly object[]) =>
        writeFileSync(join(cwd, name), records.map((record) => JSON.stringify(record)).join('\n'))
      await connect()
      const there = { email: 'there@example.com', username: 'there', email_verified: true }
      write('before.jsonl', [there, { email: 'unproven@example.com' }])
      expect((await latchkey('users import before.jsonl --source before')).exit).toBe(0)
      // so many that each is in another batch than the one before
      const others = (at: number) =>
        Array.from({ length: between }, (_, n) => ({ email: `other${at}n${n}@example.com` }))
      const records = MEETINGS.flatMap((record, at) => [record, ...others(at)])
      write('users.jsonl', between === 0 ? records : records.slice(0, 5 * (between + 1)))
      const command = `users import users.jsonl --json --on-conflict ${onConflict}`
      const dry = await latchkey(`${command} --dry-run`)
      const real = await latchkey(command)
      expect({ ...dry.json, dry_run: false }).toEqual(real.json)
      expect(dry.exit).toBe(real.exit)
      // and neither leaves anything for the other
      const again = await latchkey(`${command} --dry-run`)
      expect({ ...again.json, dry_run: false }).toEqual((await latchkey(command)).json)
    },
  )

  it.each([
    'users import auth0-users.jsonl --from auth0 --passwords auth0-passwords.jsonl --map-connections acme-saml=acme --json',
    'users import better-auth-user.csv --from better-auth --passwords better-auth-account.csv --map-roles admin= --json',
  ])('reports the same by a dry run of users and of their credentials: %s', async (command) => {
    await connect()
    const dry = await latchkey(`${command} --dry-run`)
    const real = await latchkey(command)
    expect({ ...dry.json, dry_run: false }).toEqual(real.json)
    expect(real.json.counts.updated).toBeGreaterThan(0)
    const again = await latchkey(`${command} --dry-run`)
    expect({ ...again.json, dry_run: false }).toEqual((await latchkey(command)).json)
  })

  it('takes a file of many batches with a record refused in each', async () => {
    const lines = Array.from({ length: 1203 }, (_, at) =>
      JSON.stringify({ email: at % 400 === 0 ? 'none' : `u${at}@example.com`, full_name: 'x'.repeat(90) }),
    )
    writeFileSync(join(cwd, 'users.jsonl'), lines.join('\n'))
    const { json } = await latchkey('users import users.jsonl --json')
    expect(json.counts).toMatchObject({ read: 1203, created: 1199, refused: 4 })
    const exported = await latchkey('users export all.csv --json')
    expect(exported.json).toMatchObject({ exported: 1199, format: 'csv', password_hashes: false })
    const again = await latchkey('users import all.csv --source latchkey2 --json')
    expect(again.json.counts).toMatchObject({ read: 1199, skipped: 1199 })
  })

  it.each([
    ['users import nothing.jsonl', 1, /cannot be read/],
    ['users import clerk-users.csv --from nowhere', 2, /--from takes one of/],
    ['users import clerk-users.csv --from clerk --passwords clerk-users.csv', 2, /first file/],
    ['users import clerk-users.csv --on-conflict sometimes', 2, /--on-conflict takes/],
    ['users import clerk-users.csv --map-roles admin', 2, /takes pairs/],
    ['users import clerk-users.csv --map-connections google', 2, /--map-connections takes pairs/],
    ['users import clerk-users.csv --unknown-connections never', 2, /--unknown-connections takes/],
    ['users import clerk-users.csv --source ../x', 2, /--source takes/],
    ['users import firebase-users.json --from firebase --firebase-hash-config clerk-users.csv', 2, /lacks/],
    ['users import', 2, /missing/],
    ['users export --json', 2, /go to a file/],
    ['users export clerk-users.csv', 1, /exists already/],
  ])('%s ends with %i', async (line, exit, message) => {
    const ran = await latchkey(line)
    expect(ran.exit).toBe(exit)
    expect(ran.stdout + ran.stderr).toMatch(message)
  })

  it('refuses a file that is not UTF-8, ends early, or has a header without names', async () => {
    writeFileSync(join(cwd, 'latin.csv'), Buffer.from('email,full_name\na@example.com,J\xf6rg\n', 'latin1'))
    expect((await latchkey('users import latin.csv')).stderr).toMatch(/not a text in UTF-8/)
    writeFileSync(join(cwd, 'cut.json'), '[{"email":"a@example.com"},')
    expect((await latchkey('users import cut.json')).stderr).toMatch(/ends inside/)
    writeFileSync(join(cwd, 'double.csv'), 'email,email\na,b\n')
    expect((await latchkey('users import double.csv')).stderr).toMatch(/names every column/)
  })
})
