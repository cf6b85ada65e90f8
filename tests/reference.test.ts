import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ERRORS } from '../packages/server/src/base/errors.ts'
import { loadConfig, SETTINGS } from '../packages/server/src/config.ts'
import { referenceFiles } from '../scripts/reference.ts'

const root = join(import.meta.dirname, '..')
const files = Object.entries(referenceFiles())
const names = Object.values(SETTINGS).map((setting) => setting.env)

it.each(files)('%s is up to date with the code (npm run docs updates it)', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text)
})

it('has no obsolete reference page', () => {
  const pages = readdirSync(join(root, 'docs/reference')).map((name) => `docs/reference/${name}`)
  expect(pages.filter((page) => !files.some(([path]) => path === page))).toEqual([])
})

it('documents every setting and no other, on the page and in .env.example', () => {
  const page = readFileSync(join(root, 'docs/reference/configuration.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(([, name]) => name)
  expect(rows.sort()).toEqual([...names].sort())
  const example = readFileSync(join(root, '.env.example'), 'utf8')
  expect([...example.matchAll(/^#([A-Z0-9_]+)=/gm)].map(([, name]) => name).sort()).toEqual([...names].sort())
})

it('documents every error code with its status, and no other', () => {
  const page = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ])
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status])),
  )
})

it('has an .env.example that changes nothing, even with every line uncommented', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'latchkey-env-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  const secret = loadConfig({}, { cwd }).secret
  expect(secret).toBeTruthy()
  const before = loadConfig({}, { cwd })
  writeFileSync(
    join(cwd, '.env'),
    readFileSync(join(root, '.env.example'), 'utf8').replaceAll(/^#([A-Z0-9_]+=)/gm, '$1'),
  )
  expect(loadConfig({}, { cwd })).toEqual(before)
})
