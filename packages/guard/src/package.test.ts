/** The published package: it builds, passes publint, runs from JavaScript, and its declarations compile with strict settings. */
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from './testing/programs.ts'

let folder: string
let dist: string
const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })

beforeAll(() => {
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  folder = mkdtempSync(join(ROOT, '.cache/package-'))
  dist = join(folder, 'node_modules/@latchkey/guard')
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  const built = node(join(ROOT, 'packages/guard/build.mjs'), dist)
  if (built.status !== 0) throw new Error(built.stdout + built.stderr)
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the published package', () => {
  it('passes publint without messages', async () => {
    const { messages } = await publint({ pkgDir: dist, strict: true, pack: false })
    expect(messages).toEqual([])
  })

  it('has no dependencies, tests or sources', () => {
    const manifest = JSON.parse(readFileSync(join(dist, 'package.json'), 'utf8')) as Record<string, unknown>
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('private')
    const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    expect(files.filter((file) => /test|(?<!\.d)\.ts$/.test(file))).toEqual([])
    expect(files).toEqual(expect.arrayContaining(['index.js', 'index.d.ts', 'README.md', 'LICENSE']))
  })

  it('works from JavaScript', () => {
    const text = `
      import { createGuard, apiKey } from '@latchkey/guard'
      const guard = createGuard({ methods: [apiKey({ find: (key) => (key === 'k' ? { id: 'me' } : null) })] })
      const handler = guard.web(() => new Response('in'))
      const send = async (headers) => (await handler(new Request('http://x/', { headers }))).status
      console.log(await send({}), await send({ 'x-api-key': 'k' }))`
    writeFileSync(join(folder, 'app.js'), text)
    expect(node('app.js').stdout).toBe('401 200\n')
  })

  it('has units of work without depending on a driver, and their functions as SQL', () => {
    const text = `
      import { readFileSync } from 'node:fs'
      import { fileURLToPath } from 'node:url'
      for (const name of ['pg', 'kysely', 'drizzle']) {
        const { unitOfWork, latchkeySql } = await import('@latchkey/guard/' + name)
        const file = fileURLToPath(import.meta.resolve('@latchkey/guard/latchkey-functions.sql'))
        console.log(typeof unitOfWork, readFileSync(file, 'utf8') === latchkeySql)
      }`
    writeFileSync(join(folder, 'units.js'), text)
    expect(node('units.js').stdout).toBe('function true\n'.repeat(3))
  })

  it('has declarations that compile with strict settings', () => {
    const text = `
      import { createGuard, type Guard, latchkey, type Principal, currentPrincipal } from '@latchkey/guard'
      const guard: Guard = createGuard({ methods: [latchkey({ issuer: 'https://id.example.com' })] })
      const who: Principal | null = currentPrincipal()
      import { type UnitOfWork, unitOfWork } from '@latchkey/guard/pg'
      const query = async (_text: string, _values?: string[]) => ({ command: '', rows: [{ mine: true }] })
      const asCaller: UnitOfWork<{ query: typeof query }> = unitOfWork({ query, connect: async () => 0 }, { role: 'app' })
      export const mine: Promise<boolean | undefined> = asCaller(who, async (tx) => (await tx.query('')).rows[0]?.mine)
// @ts-expect-error an unknown member of a rule
      guard.express({ role: 'admin' })
      export { guard, who }`
    writeFileSync(join(folder, 'app.ts'), text)
    const settings = [
      '--ignoreConfig',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--noEmit',
      '--skipLibCheck',
      'false',
    ]
    const { status, stdout } = node(
      join(ROOT, 'node_modules/typescript/bin/tsc'),
      ...settings,
      '--types',
      'node',
      'app.ts',
    )
    expect([status, stdout]).toEqual([0, ''])
  })
})
