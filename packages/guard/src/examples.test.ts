/** Every example, and the README, runs with its command and answers as the printed lines say. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, PASSWORD, startWorld, type World } from '../../server/src/testing/world.ts'
import { type Counterpart, startCounterpart } from './testing/counterpart.ts'
import { type Program, ROOT, run, sendLine } from './testing/programs.ts'
import { until } from './testing/waiting.ts'

const programs: Program[] = []
afterAll(() => Promise.all(programs.map((program) => program.stop())))
const start = (args: readonly string[], env?: Record<string, string>): Program => {
  const program = run(args, env)
  programs.push(program)
  return program
}

async function expectAsPrinted(program: Program): Promise<void> {
  await program.printed(/curl[\s\S]*\n\n/)
  const lines = program
    .output()
    .split('\n')
    .filter((line) => line.startsWith('curl '))
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines) {
    const { status, expected, body } = await sendLine(line)
    expect([line, status, body]).toEqual([line, expected, expect.any(String)])
  }
}

const names = readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' }).flatMap((file) => {
  const [, guarded, folder, app] =
    /^(?:protect-with-(.+)\.ts|([^/]+)\/main\.ts|(sign-in-with-.+)\.ts)$/.exec(file) ?? []
  return guarded ?? folder ?? app ?? []
})
/** Apps need a server and a browser: tests/browser/foreign-apps.test.ts runs them. */
const isApp = (name: string) => name.startsWith('sign-in-')

describe('the example', () => {
  it.each(names.filter((name) => name !== 'latchkey' && !isApp(name)))(
    '%s answers as printed',
    async (name) => {
      await expectAsPrinted(start(['examples/run.ts', name], { PORT: '0' }))
    },
  )

  it('without a name lists all examples', async () => {
    const program = start(['examples/run.ts', 'none'])
    await program.printed(/several-methods.*sign-in-with-passport.*workspaces/)
    for (const name of names) expect(program.output()).toContain(name)
  })

  it('passes the type check, as all do', () => {
    const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(ROOT, 'examples')]
    const { status, stdout } = spawnSync(process.execPath, tsc, { encoding: 'utf8' })
    expect([status, stdout]).toEqual([0, ''])
  })
})

describe('the example of Latchkey', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
    world.app.tools.clock.set(new Date())
  })
  afterAll(() => world.stop())

  it('protects an API with a running server, and receives revocations', async () => {
    const [ada, root] = [await world.person({ username: 'ada' }), await world.person()]
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('users')
        .set({ roles: ['super_admin'] })
        .where('id', '=', root.id)
        .execute(),
    )
    const admin = await world.client().signIn(root.email, PASSWORD)
    const client = world.client({ headers: { authorization: `Bearer ${admin.data.token}` } })
    const { secret } = await client.apiKey({ permissions: ['revocations:read'] })
    const tokens = (await world.client().signIn(ada.email, PASSWORD, { tokens: true })).data
    const program = start(['examples/run.ts', 'latchkey'], {
      PORT: '0',
      LATCHKEY_PUBLIC_URL: world.config.publicUrl,
      GUARD_KEY: secret,
      TOKEN: tokens.access_token,
    })
    await expectAsPrinted(program)
    await program.printed(/revocations: connected/)
    const line =
      program
        .output()
        .split('\n')
        .find((text) => text.endsWith('/me # 200')) ?? ''
    await world.client({ headers: { authorization: `Bearer ${tokens.token}` } }).post('/api/v1/auth/logout')
    await until(async () => (await sendLine(line)).status === 401)
  })
})

describe('the README', () => {
  const blocks = [
    ...readFileSync(join(ROOT, 'packages/guard/README.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g),
  ]
    .map(([, text]) => text ?? '')
    .filter((text) => text.includes('import '))
  let server: Counterpart
  let folder: string
  beforeAll(async () => {
    server = await startCounterpart()
    mkdirSync(join(ROOT, '.cache'), { recursive: true })
    folder = mkdtempSync(join(ROOT, '.cache/readme-'))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await server.close()
  })

  it('has an example for Express and one for Fastify', () => {
    expect(blocks).toHaveLength(2)
    expect(blocks.map((text) => /from '(express|fastify)'/.exec(text)?.[1])).toEqual(['express', 'fastify'])
  })

  it('is repeated in the README of the repository', () => {
    const root = readFileSync(join(ROOT, 'README.md'), 'utf8')
    for (const block of blocks) expect(root).toContain(block)
  })

  it('has code that passes a strict type check, and so has the guide of roles', () => {
    const files = blocks.map((text, at) => [`readme-${at}.ts`, text] as const)
    const rules = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/guides/roles.md'), 'utf8'))?.[1]
    const around = `import { createGuard, latchkey } from '@latchkey/guard'
      import express from 'express'
      const app = express()
      declare const editArticle: express.RequestHandler
      declare const listTeam: express.RequestHandler\n`
    for (const [name, text] of [...files, ['roles.ts', around + rules] as const])
      writeFileSync(join(folder, name), text)
    const config = { extends: '../../tsconfig.json', include: ['*.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]
    const { status, stdout } = spawnSync(process.execPath, tsc, { encoding: 'utf8' })
    expect([rules?.includes('createGuard'), status, stdout]).toEqual([true, 0, ''])
  })

  it.each([0, 1])('protects an API as printed: %i', async (at) => {
    const port = await freePort()
    // as printed, except for the two addresses
    const text = (blocks[at] ?? '').replace('http://localhost:4000', server.issuer).replace('3000', `${port}`)
    const file = join(folder, `block-${at}.ts`)
    writeFileSync(file, text)
    const program = start([file])
    const url = `http://127.0.0.1:${port}/me`
    const ask = (headers: Record<string, string> = {}) => fetch(url, { headers }).catch(() => null)
    await until(async () => (await ask()) !== null, program.output())
    expect((await ask())?.status).toBe(401)
    const allowed = await server.token({ permissions: ['dashboard:*'] })
    const answer = await fetch(url, { headers: { authorization: `Bearer ${allowed}` } })
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ userId: 'usr_1' })])
    const lacking = await server.token({ permissions: [] })
    expect((await ask({ authorization: `Bearer ${lacking}` }))?.status).toBe(403)
  })
})
