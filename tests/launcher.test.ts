/** The launcher runs the bundle in its folder, even if the V8 code cache there is invalid. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'packages/server/dist')
const run = promisify(execFile)
let folder = ''

vi.setConfig({ testTimeout: 60_000 })
beforeAll(async () => {
  await run(process.execPath, [join(ROOT, 'scripts/build.mjs')])
}, 240_000)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-launcher-'))
  for (const name of ['latchkey.cjs', 'server.cjs', 'server.cache'])
    copyFileSync(join(DIST, name), join(folder, name))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function answer(): Promise<string> {
  return (await run(process.execPath, [join(folder, 'latchkey.cjs'), '--version'])).stdout.trim()
}

it('runs a different bundle of the same length, not the cached code of the previous one', async () => {
  const bundle = readFileSync(join(folder, 'server.cjs'), 'utf8')
  const other = 'process.stdout.write("another");'
  writeFileSync(join(folder, 'server.cjs'), `${other}//${'x'.repeat(bundle.length - other.length - 2)}`)
  expect(await answer()).toBe('another')
})

it.each<[string, (cache: Buffer) => Buffer]>([
  ['truncated', (cache) => cache.subarray(0, 5000)],
  ['empty', () => Buffer.alloc(0)],
  ['of another Node', (cache) => Buffer.concat([cache.subarray(0, 32), Buffer.alloc(cache.length - 32, 7)])],
])('runs the bundle if the code cache is %s', async (_, spoil) => {
  const expected = await answer()
  expect(expected).toMatch(/^\d+\.\d+\.\d+/)
  const file = join(folder, 'server.cache')
  writeFileSync(file, spoil(readFileSync(file)))
  expect(await answer()).toBe(expected)
})

it('runs the bundle without a code cache', async () => {
  rmSync(join(folder, 'server.cache'))
  expect(existsSync(join(folder, 'server.cache'))).toBe(false)
  expect(await answer()).toMatch(/^\d+\.\d+\.\d+/)
})

it('is `npx latchkey` in a checkout', async () => {
  const { stdout } = await run('npx', ['--no-install', 'latchkey', '--version'], { cwd: ROOT })
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
