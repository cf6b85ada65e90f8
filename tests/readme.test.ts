/**
 * README and the guides, executed as printed: the commands of their `console` blocks run in a shell against a real
 * server, and what they print is compared with what is printed below them.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../packages/guard/src/testing/programs.ts'
import { until } from '../packages/guard/src/testing/waiting.ts'
import { loadConfig } from '../packages/server/src/config.ts'
import { createTestDatabase } from '../packages/server/src/testing/database.ts'
import { type DnsServer, startDnsServer } from '../packages/server/src/testing/dns-server.ts'
import { freePort, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { blocksOf, differences, Shell, stepsOf } from './setup/console.ts'

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))

const ROOT = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

let folder = ''
let shell: Shell
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lk-readme-'))
  shell = new Shell(folder)
  return async () => {
    await shell.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Runs steps, with the port of the server in place of the printed one. @returns what differs, by command */
async function replay(world: World, steps: ReturnType<typeof stepsOf>): Promise<Record<string, string[]>> {
  expect(steps.length).toBeGreaterThan(0)
  const here = (text: string) => text.replaceAll(/localhost:400[01]/g, new URL(world.config.publicUrl).host)
  const found: Record<string, string[]> = {}
  for (const { command, printed } of steps) {
    const output = await shell.run(here(command))
    const differing = differences(here(printed), output)
    if (differing.length > 0) found[command] = differing
  }
  return found
}

describe('from the start', () => {
  let world: World
  let dns: DnsServer
  beforeEach(async () => {
    // as `npm start` runs it
    dns = await startDnsServer()
    world = await startWorld({ profile: 'development', dnsServers: [dns.address] })
    world.app.tools.clock.set(new Date())
    return async () => {
      await world.stop()
      await dns.stop()
    }
  })

  /** Opens the link of the first administrator, and fills in what its form asks for. */
  async function setUp(): Promise<void> {
    const path = new URL(String(await world.app.setupLink())).pathname
    const client = world.client()
    const form = (await client.get(path)).text
    const values: Record<string, string> = {}
    for (const [, name = ''] of form.matchAll(/<input[^>]* name="([^"]*)"/g))
      values[name] = { email: 'root@example.com', full_name: '' }[name] ?? 'correct horse battery staple'
    values.csrf_token = /name="csrf_token" value="([^"]*)"/.exec(form)?.[1] ?? ''
    const made = await client.post(path, values, { form: true })
    expect(made.status).toBe(303)
  }

  it('README, the tutorial and the guides print what their commands print, read in this order on one server', async () => {
    expect(await replay(world, stepsOf(read('README.md'), 'With curl'))).toEqual({})

    const page = read('docs/tutorial.md')
    await setUp()
    const port = `${await freePort()}`
    const [code = ''] = blocksOf(page, 'js server.mjs')
    mkdirSync(join(ROOT, '.cache'), { recursive: true })
    const file = join(mkdtempSync(join(ROOT, '.cache/tutorial-')), 'server.mjs')
    writeFileSync(file, code.replace('http://localhost:4000', world.config.publicUrl).replace('3000', port))
    const program = run([file])
    try {
      await until(
        () =>
          fetch(`http://127.0.0.1:${port}/notes`).then(
            () => true,
            () => false,
          ),
        program.output(),
      )
      expect(await replay(world, stepsOf(page.replaceAll('localhost:3000', `localhost:${port}`)))).toEqual({})
    } finally {
      await program.stop()
      rmSync(dirname(file), { recursive: true })
    }

    for (const guide of [
      'administration',
      'organizations',
      'roles',
      'security-policy',
      'domains',
      'connections',
    ])
      expect({ guide, ...(await replay(world, stepsOf(read(`docs/guides/${guide}.md`)))) }).toEqual({ guide })
  })
})

/** The settings of README for production, with values in place of `…`. */
function productionSettings(): Record<string, string> {
  const [block = ''] = blocksOf(read('README.md'), '', 'Production')
  const lines = block.trim().split('\n')
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^(\w+)=(\S+)/.exec(line) ?? []
      return [name, value.replaceAll('…', 'KQ7dGfoT7xCIl2zW9Yk5bU0c3mVnRr1aP8sLhXeJtE4')]
    }),
  )
}

describe('production', () => {
  it('starts with the settings of README', () => {
    expect(loadConfig(productionSettings(), { cwd: '/nonexistent' })).toMatchObject({
      profile: 'production',
      publicUrl: 'https://id.example.com',
      trustedProxies: ['10.0.0.0/8'],
    })
  })

  it('is checked by the commands of the guide, which print what is printed', async () => {
    await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
    const made = await createTestDatabase({ empty: true })
    const smtp = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], logger: false })
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve))
    const breaches = createServer((_, response) => response.end('0018A45C4D1DEF81644B54AB7F969B88D65:1'))
    await new Promise<void>((resolve) => breaches.listen(0, '127.0.0.1', resolve))
    const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port
    const env = {
      ...productionSettings(),
      // as printed, except for the addresses of other servers
      DATABASE_URL: made.databaseUrl ?? '',
      LATCHKEY_SMTP_URL: `smtp://127.0.0.1:${portOf(smtp.server)}?tls=off`,
      LATCHKEY_BREACH_URL: `http://127.0.0.1:${portOf(breaches)}/`,
      LATCHKEY_PORT: `${await freePort()}`,
    }
    const session = new Shell(folder, env)
    try {
      await session.run(
        `latchkey() { '${process.execPath}' '${join(ROOT, 'packages/server/dist/latchkey.cjs')}' "$@"; }`,
      )
      const found: Record<string, string[]> = {}
      for (const { command, printed } of stepsOf(read('docs/guides/production.md'))) {
        const differing = differences(printed.replace('4000', env.LATCHKEY_PORT), await session.run(command))
        if (differing.length > 0) found[command] = differing
      }
      expect(found).toEqual({})
    } finally {
      await session.close()
      await new Promise<void>((resolve) => smtp.close(() => resolve()))
      breaches.close()
      await made.drop()
    }
  })
})

describe('when something is wrong', () => {
  it('the commands of the guide print what is printed, with a server that runs', async () => {
    await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
    const made = await createTestDatabase()
    const port = `${await freePort()}`
    const session = new Shell(folder, {
      LATCHKEY_PROFILE: 'development',
      DATABASE_URL: made.databaseUrl ?? '',
      LATCHKEY_PORT: port,
    })
    const latchkey = `'${process.execPath}' '${join(ROOT, 'packages/server/dist/latchkey.cjs')}'`
    try {
      await session.run(`latchkey() { ${latchkey} "$@"; }`)
      await session.run('latchkey users create --email ada@example.com --username ada > ada.txt')
      await session.run(`${latchkey} start > server.log 2>&1 & echo $! > pid`)
      await session.run(`until curl -sf localhost:${port}/readyz > started.json; do sleep 0.1; done`)
      const page = read('docs/guides/troubleshooting.md')
      const found: Record<string, string[]> = {}
      for (const { command, printed } of stepsOf(page)) {
        const output = await session.run(command.replaceAll('localhost:4000', `localhost:${port}`))
        const differing = differences(printed, output)
        if (differing.length > 0) found[command] = differing
      }
      expect(found).toEqual({})
      // each symptom of the table has its section, and the other way round
      const sections = [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => title)
      expect([...page.matchAll(/^\|.*\| \[(.+)\]\(#.*\) \|$/gm)].map(([, title]) => title)).toEqual(sections)
    } finally {
      await session.run('kill "$(cat pid)"; wait "$(cat pid)" || true').catch(() => '')
      await session.close()
      await made.drop()
    }
  })
})

describe('the guide', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ compat: ['tokens-by-password'] })
    // the day of the printed answers
    world.app.tools.clock.set(new Date('2026-11-22T12:00:00Z'))
    await world.people([
      { username: 'ada', email: 'ada@example.com', signIn: false },
      { username: 'root', email: 'root@example.com', roles: ['super_admin'], signIn: false },
    ])
  })
  afterAll(() => world.stop())

  /** As the pages take for granted: the cookies of the administrator's session in `jar`, its CSRF token in `$CSRF`. */
  const signIn = (): Promise<unknown> =>
    replay(world, stepsOf(read('docs/guides/administration.md')).slice(0, 2))

  it.each([
    'administration',
    'api-keys',
    'compatibility',
    'organizations',
    'passkeys',
    'roles',
    'security-policy',
    'sign-in-by-email',
  ])('%s prints what its commands print', async (page) => {
    if (page !== 'administration') await signIn()
    expect(await replay(world, stepsOf(read(`docs/guides/${page}.md`)))).toEqual({})
  })
})

describe('the guide of second factors', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
    // oathtool reads the clock of the machine
    world.app.tools.clock.set(new Date())
    await world.people([{ username: 'ada', email: 'ada@example.com', signIn: false }])
  })
  afterAll(() => world.stop())

  it.skipIf(!isOnPath('oathtool'))('prints what its commands print', async () => {
    expect(await replay(world, stepsOf(read('docs/guides/second-factors.md')))).toEqual({})
  })
})

describe('the guide for tests of an app', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.stop())

  it('prints what its commands print', async () => {
    const [start, ...steps] = stepsOf(read('docs/guides/testing-your-app.md'))
    expect(start?.command).toBe('LATCHKEY_PROFILE=testing LATCHKEY_PORT=4001 npm start')
    expect(loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd: '/nonexistent' })).toMatchObject({
      profile: world.config.profile,
      rateLimits: world.config.rateLimits,
    })
    expect(await replay(world, steps)).toEqual({})
    expect(world.clock.now().toISOString()).toMatch(/^2030-01-01T00:00:/)
  })
})
