/**
 * Published packages: both, as `npm pack` makes them, are installed in an empty folder. publint and attw find nothing,
 * the packages contain exactly the needed files, the guard runs and type-checks in every module system, and the server
 * starts. The installation fetches the dependencies of the server, from npm's cache if possible.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData, type Package } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const execute = promisify(execFile)

let folder: string
let guard: PackedPackage
let server: PackedPackage

interface PackedPackage {
  tarball: Buffer
  contents: Package
  files: string[]
  manifest: Record<string, unknown>
}
interface RunResult {
  exit: number
  /** Standard output and standard error. */
  output: string
}
function run(
  program: string,
  args: string[],
  { cwd = folder, env = {}, input = '' } = {},
): Promise<RunResult> {
  const ran = execute(program, args, { cwd, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } })
  ran.child.stdin?.end(input)
  return ran.then(
    ({ stdout, stderr }) => ({ exit: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ exit: code, output: stdout + stderr }),
  )
}
const node = (...args: string[]) => run(process.execPath, args)
async function npm(...args: string[]): Promise<void> {
  const { exit, output } = await run('npm', args, { cwd: args[0] === 'pack' ? ROOT : folder })
  if (exit !== 0) throw new Error(`npm ${args.join(' ')}: ${output}`)
}

function read(name: string): PackedPackage {
  const tarball = readFileSync(join(folder, `latchkey-${name}-0.1.0.tgz`))
  const contents = createPackageFromTarballData(tarball)
  const root = `/node_modules/@latchkey/${name}/`
  const files = contents.listFiles().map((path) => path.slice(root.length))
  return { tarball, contents, files, manifest: JSON.parse(contents.readFile(`${root}package.json`)) }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-packages-'))
  await npm('pack', '-w', '@latchkey/guard', '-w', '@latchkey/server', '--pack-destination', folder)
  guard = read('guard')
  server = read('server')
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  await npm('install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs.map((name) => `./${name}`))
}, 240_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the checkers', () => {
  it.each(['guard', 'server'])('publint finds nothing in the %s', async (name) => {
    const { tarball } = name === 'guard' ? guard : server
    const { messages } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer }, strict: true })
    expect(messages).toEqual([])
  })

  it('the types of the guard are right for every module resolution that supports `exports`', async () => {
    const found = await checkPackage(guard.contents, { excludeEntrypoints: ['./latchkey-functions.sql'] })
    if (!found.types) throw new Error('no types')
    expect(Object.keys(found.entrypoints)).toEqual(['.', './pg', './kysely', './drizzle'])
    // node10 is the module resolution before `exports`
    const problems = found.problems.filter(
      (problem) => !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    )
    expect(problems).toEqual([])
  })
})

describe('the guard', () => {
  it('has no dependency, no test and no source', () => {
    expect(guard.manifest).not.toHaveProperty('dependencies')
    expect(guard.manifest).not.toHaveProperty('private')
    expect(guard.files.filter((file) => /test|(?<!\.d)\.ts$/.test(file))).toEqual([])
    const outside = guard.files.filter((file) => !file.startsWith('dist/')).sort()
    expect(outside).toEqual(['LICENSE', 'README.md', 'package.json'])
    expect(guard.files).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cjs/index.js',
        'dist/cjs/index.d.ts',
      ]),
    )
  })

  const PROTECTS = `
    const guard = createGuard({ methods: [apiKey({ find: (key) => (key === 'k' ? { id: 'me' } : null) })] })
    const handler = guard.web(() => new Response('in'))
    const send = async (headers) => (await handler(new Request('http://x/', { headers }))).status
    Promise.all([send({}), send({ 'x-api-key': 'k' })]).then((statuses) => console.log(...statuses))`

  it('protects an ES module', async () => {
    writeFileSync(join(folder, 'app.mjs'), `import { createGuard, apiKey } from '@latchkey/guard'${PROTECTS}`)
    expect(await node('app.mjs')).toEqual({ exit: 0, output: '401 200\n' })
  })

  it('protects a CommonJS module', async () => {
    const text = `const { createGuard, apiKey } = require('@latchkey/guard')${PROTECTS}`
    writeFileSync(join(folder, 'app.cjs'), text)
    expect((await node('--no-warnings', 'app.cjs')).output).toBe('401 200\n')
  })

  it('protects by its CommonJS build, for tools that cannot require ES modules', async () => {
    const file = join(folder, 'node_modules/@latchkey/guard/dist/cjs/index.js')
    writeFileSync(
      join(folder, 'old.cjs'),
      `const { createGuard, apiKey } = require(${JSON.stringify(file)})${PROTECTS}`,
    )
    expect(await node('old.cjs')).toEqual({ exit: 0, output: '401 200\n' })
  })

  it('has one instance in a process for all kinds of import', async () => {
    const text = `
      import { createRequire } from 'node:module'
      import * as imported from '@latchkey/guard'
      import * as units from '@latchkey/guard/pg'
      const require = createRequire(import.meta.url)
      console.log(require('@latchkey/guard').currentPrincipal === imported.currentPrincipal)
      console.log(require('@latchkey/guard/pg').unitOfWork === units.unitOfWork)`
    writeFileSync(join(folder, 'both.mjs'), text)
    expect((await node('--no-warnings', 'both.mjs')).output).toBe('true\ntrue\n')
  })

  it('has units of work for each driver without depending on one, and their functions as SQL', async () => {
    const text = `
      import { readFileSync } from 'node:fs'
      import { fileURLToPath } from 'node:url'
      for (const name of ['pg', 'kysely', 'drizzle']) {
        const { unitOfWork, latchkeySql } = await import('@latchkey/guard/' + name)
        const file = fileURLToPath(import.meta.resolve('@latchkey/guard/latchkey-functions.sql'))
        console.log(typeof unitOfWork, readFileSync(file, 'utf8') === latchkeySql)
      }`
    writeFileSync(join(folder, 'units.mjs'), text)
    expect(await node('units.mjs')).toEqual({ exit: 0, output: 'function true\n'.repeat(3) })
  })

  it.each([
    ['node16', 'node16', ['mts', 'cts']],
    ['nodenext', 'nodenext', ['mts', 'cts']],
    ['bundler', 'preserve', ['mts', 'ts']],
  ])(
    'has declarations that type-check in strict TypeScript with moduleResolution %s',
    async (resolution, module, kinds) => {
      const types = join(folder, 'node_modules/@types')
      if (!existsSync(types)) symlinkSync(join(ROOT, 'node_modules/@types'), types)
      const text = `
      import { createGuard, type Guard, latchkey, type Principal, currentPrincipal } from '@latchkey/guard'
      import { type UnitOfWork, unitOfWork } from '@latchkey/guard/pg'
      import { unitOfWork as unitOfKysely } from '@latchkey/guard/kysely'
      import { unitOfWork as unitOfDrizzle } from '@latchkey/guard/drizzle'
      const guard: Guard = createGuard({ methods: [latchkey({ issuer: 'https://id.example.com' })] })
      const who: Principal | null = currentPrincipal()
      const query = async (_text: string, _values?: string[]) => ({ command: '', rows: [{ mine: true }] })
      const asCaller: UnitOfWork<{ query: typeof query }> = unitOfWork({ query, connect: async () => 0 }, { role: 'app' })
      export const mine: Promise<boolean | undefined> = asCaller(who, async (tx) => (await tx.query('')).rows[0]?.mine)
      // @ts-expect-error there is no such rule
      guard.express({ role: 'admin' })
      // @ts-expect-error a number is no database
      unitOfKysely(1, { role: 'app' })
      // @ts-expect-error a number is no database
      unitOfDrizzle(1, { role: 'app' })
      export { guard, who }`
      const files = kinds.map((kind) => `${resolution}.${kind}`)
      for (const file of files) writeFileSync(join(folder, file), text)
      const how = [
        '--module',
        module,
        '--moduleResolution',
        resolution,
        '--target',
        'es2023',
        '--types',
        'node',
      ]
      const strictly = ['--ignoreConfig', '--strict', '--noEmit', '--skipLibCheck', 'false']
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
      expect(await node(tsc, ...strictly, ...how, ...files)).toEqual({ exit: 0, output: '' })
    },
  )
})

describe('the server', () => {
  const at = (...words: string[]) => join(folder, 'node_modules', ...words)
  const latchkey = (words: string[], input = '') =>
    run(process.execPath, [at('.bin/latchkey'), ...words], { env: { LATCHKEY_PORT: '0' }, input })
  const findings = async (): Promise<Record<string, string>[]> =>
    JSON.parse((await latchkey(['doctor', '--json'])).output).findings

  it('contains exactly the bundle with its licences, the migrations and the template of the embedded database', () => {
    const others = server.files.filter(
      (file) => !/^dist\/migrations\/\d{4}_[a-z0-9_]+\.(up|down)\.sql$/.test(file),
    )
    expect(others.sort()).toEqual([
      'LICENSE',
      'README.md',
      'dist/latchkey.cjs',
      'dist/licenses.txt',
      'dist/server.cjs',
      'dist/template.json',
      'dist/template.tar.gz',
      'dist/vendor/public-suffixes/LICENSE.txt',
      'dist/vendor/public-suffixes/public-suffixes.json',
      'dist/vendor/public-suffixes/public-suffixes.txt',
      'dist/vendor/redoc/LICENSES.txt',
      'dist/vendor/redoc/redoc.js',
      'dist/vendor/redoc/redoc.json',
      'package.json',
    ])
    const migrations = readdirSync(join(ROOT, 'packages/server/migrations'))
    expect(server.files.filter((file) => file.startsWith('dist/migrations/'))).toHaveLength(migrations.length)
  })

  it('contains the licences of the bundled packages', () => {
    const licenses = readFileSync(at('@latchkey/server/dist/licenses.txt'), 'utf8')
    for (const name of ['find-my-way', 'kysely', 'pg', 'pino', 'preact', 'zod'])
      expect(licenses).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, 'm'))
  })

  it('depends on the packages that its bundle requires, and on no others', () => {
    const bundle = readFileSync(at('@latchkey/server/dist/server.cjs'), 'utf8')
    const required = ['@electric-sql/pglite', '@node-rs/argon2', 'bcrypt']
    expect(Object.keys(server.manifest.dependencies as object)).toEqual(required)
    for (const name of required) expect(bundle).toContain(`require("${name}")`)
  })

  it('prints its version and checks its settings', async () => {
    expect(await latchkey(['--version'])).toEqual({ exit: 0, output: '0.1.0\n' })
    expect(await latchkey(['config', 'check'])).toMatchObject({ exit: 0 })
    expect(await findings()).toContainEqual(
      expect.objectContaining({ check: 'hashing', state: 'ok', message: 'argon2 and bcrypt can be loaded' }),
    )
  })

  /** Moves files away, and back after the test, so that the others find them in any order. */
  const moveAway = (...paths: string[]): void => {
    for (const path of paths) {
      const away = join(folder, `away-${path.replaceAll(/\W/g, '-')}`)
      renameSync(path, away)
      onTestFinished(() => renameSync(away, path))
    }
  }

  it('starts without the binaries of bcrypt; a bcrypt hash is then answered as a wrong password', async () => {
    moveAway(at('bcrypt/prebuilds'))
    const password = 'correct horse battery staple'
    const words = ['users', 'create', '--email', 'ada@acme.test', '--password-stdin']
    expect(await latchkey(words, password)).toMatchObject({ exit: 0 })
    const text = `
      import { PGlite } from '@electric-sql/pglite'
      const database = await PGlite.create('.latchkey/database')
      await database.query("update latchkey.passwords set hash = $1", ['$2b$04$' + '.'.repeat(53)])
      await database.close()`
    writeFileSync(join(folder, 'foreign.mjs'), text)
    expect(await node('foreign.mjs')).toEqual({ exit: 0, output: '' })

    const child: ChildProcess = spawn(process.execPath, [at('.bin/latchkey'), 'start', '--json'], {
      cwd: folder,
      env: { PATH: process.env.PATH, LATCHKEY_PORT: '0', LATCHKEY_LOG_LEVEL: 'error' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    try {
      const [line] = await Promise.race([
        once(child.stdout as NodeJS.ReadableStream, 'data'),
        ended.then(([code]) => Promise.reject(new Error(`the server ended with ${code}`))),
      ])
      const { url } = JSON.parse(String(line))
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      expect((await fetch(`${url}/sign-in`)).status).toBe(200)
      const signIn = (username: string) =>
        fetch(`${url}/api/v1/auth/login`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ username, password }),
        })
      const [known, unknown] = [await signIn('ada@acme.test'), await signIn('grace@acme.test')]
      expect([known.status, unknown.status]).toEqual([401, 401])
      const errorOf = async (response: Response) => ((await response.json()) as { error: unknown }).error
      expect(await errorOf(known)).toEqual(await errorOf(unknown))
    } finally {
      child.kill('SIGTERM')
      await ended
    }
  })

  it('has a doctor that names the missing binaries of this platform', async () => {
    moveAway(at('bcrypt/prebuilds'))
    expect(await findings()).toContainEqual({
      check: 'hashing',
      state: 'warn',
      message: expect.stringMatching(
        /^bcrypt cannot be loaded on linux-\w+, (glibc|musl): the package bcrypt, or its binary for this platform, is missing, so stored hashes of that kind match no password/,
      ),
    })
    const binaries = readdirSync(at('@node-rs')).filter((name) => name !== 'argon2')
    moveAway(...binaries.map((name) => at('@node-rs', name)))
    expect(await findings()).toContainEqual({
      check: 'hashing',
      state: 'fail',
      message: expect.stringMatching(
        /^argon2 cannot be loaded on linux-\w+, .* install again on this machine/,
      ),
    })
    const { exit, output } = await latchkey(['start', '--json'])
    expect(exit).toBe(1)
    expect(JSON.parse(output).error).toMatchObject({
      code: 'NATIVE_MISSING',
      message: expect.stringContaining('argon2 cannot be loaded'),
    })
  })
})
