/** `breaches …`, and the row of the doctor about the file. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createBreaches } from '../base/outbound/breaches.ts'
import { loadConfig } from '../config.ts'
import { latchkey, workingFolder } from './testing.ts'

const sha1 = (password: string) => createHash('sha1').update(password).digest('hex').toUpperCase()
const LIST = ['one:1', 'two:20', 'three:300']
  .map((entry) => entry.split(':'))
  .map(([password = '', count]) => `${sha1(password)}:${count}`)
  .sort()
  .join('\n')

let cwd = ''
let file = ''
let list = ''
beforeEach(() => {
  const folder = workingFolder()
  cwd = folder.cwd
  file = join(cwd, 'breaches.lkb')
  list = join(cwd, 'list.txt')
  writeFileSync(list, LIST)
  return folder.remove
})
afterEach(() => {
  vi.unstubAllEnvs()
})
const build = (...more: string[]) => latchkey('breaches', 'build', '--from', list, '--to', file, ...more)

it('builds the file that the server reads', async () => {
  const built = await build('--at-least', '10')
  expect(built).toMatchObject({ exit: 0, stderr: '' })
  expect(built.stdout).toMatch(/2 passwords that occur at least 10 times, from 2 of 65,536 ranges, built 20/)
  vi.stubEnv('LATCHKEY_BREACH_FILE', 'breaches.lkb')
  const config = loadConfig(undefined, { cwd, secret: 'look' })
  expect(config.breachFile).toBe(file)
  const breaches = createBreaches({ config, clock: { now: () => new Date() }, log: console })
  expect(await Promise.all(['one', 'two', 'three'].map(breaches.timesSeen))).toEqual([0, 10, 10])
})

it('shows what a file contains: the one that is named, or the one of the settings', async () => {
  await build()
  const facts = { hashes: 3, at_least: 1, ranges: 3, built_at: expect.stringMatching(/^20.*Z$/) }
  expect((await latchkey('breaches', 'info', file, '--json')).json).toMatchObject({
    ...facts,
    file,
    verified: false,
  })
  vi.stubEnv('LATCHKEY_BREACH_FILE', file)
  expect((await latchkey('breaches', 'info', '--verify', '--json')).json).toMatchObject({
    ...facts,
    verified: true,
  })
  expect((await latchkey('breaches', 'info', '--verify')).stdout).toContain('Every block is intact.')
})

it.each([
  [['info'], 'Name the file, or set LATCHKEY_BREACH_FILE'],
  [['build', '--to', 'x'], '--from is missing'],
  [['build', '--from', 'x'], '--to is missing'],
  [['build', '--from', 'x', '--to', './x'], 'the same file'],
  [['build', '--from', 'x', '--to', 'y', '--at-least', '0'], '--at-least takes a whole number'],
])('%j is wrong usage', async (words, message) => {
  const ran = await latchkey('breaches', ...words)
  expect(ran.exit).toBe(2)
  expect(ran.stderr).toContain(message)
})

it('says what is wrong with a list, with a file, and with the disk', async () => {
  writeFileSync(list, `${LIST}\n${LIST}`)
  const order = await build()
  expect([order.exit, order.stderr]).toEqual([1, expect.stringContaining('Line 4 is out of order')])
  expect(existsSync(file)).toBe(false)
  const absent = await latchkey('breaches', 'build', '--from', join(cwd, 'absent'), '--to', file)
  expect([absent.exit, absent.stderr]).toEqual([1, expect.stringContaining('ENOENT')])
  const nowhere = await latchkey('breaches', 'build', '--from', list, '--to', join(cwd, 'no', 'folder'))
  expect([nowhere.exit, nowhere.stderr]).toEqual([1, expect.stringContaining('ENOENT')])
  const other = await latchkey('breaches', 'info', list)
  expect([other.exit, other.stderr]).toEqual([1, expect.stringContaining('is not a breach file')])
  expect(readdirSync(cwd)).toEqual(['list.txt'])
})

it('is a row of the doctor, beside that of the service', async () => {
  vi.stubEnv('LATCHKEY_BREACH_FILE', file)
  vi.stubEnv('LATCHKEY_BREACH_CHECK', 'yes')
  vi.stubEnv('LATCHKEY_BREACH_URL', 'http://127.0.0.1:9/')
  const rows = async () =>
    ((await latchkey('doctor', '--json')).json.findings as Record<string, string>[]).filter(({ check }) =>
      check?.startsWith('breach'),
    )
  const service = {
    check: 'breaches',
    state: 'warn',
    message: expect.stringContaining('127.0.0.1:9 does not answer (ECONNREFUSED)'),
  }
  expect(await rows()).toEqual([
    {
      check: 'breach file',
      state: 'warn',
      message: expect.stringMatching(
        /breaches\.lkb cannot be opened \(ENOENT\), so it is not used: build it with `latchkey breaches build`/,
      ),
    },
    service,
  ])
  await build()
  expect(await rows()).toEqual([
    { check: 'breach file', state: 'ok', message: expect.stringMatching(/^3 passwords, from 3 of/) },
    service,
  ])
  truncateSync(file, 1000)
  expect(await rows()).toMatchObject([{ state: 'warn' }, { state: 'warn' }])
  vi.stubEnv('LATCHKEY_BREACH_CHECK', 'no')
  expect(await rows()).toHaveLength(1)
})
