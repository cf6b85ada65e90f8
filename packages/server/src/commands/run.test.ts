/** The command line itself: help, wrong usage, settings. What needs a server is in cli.test.ts. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { COMMANDS, INNER } from './index.ts'
import { generatePassword } from './password.ts'
import { table } from './terminal.ts'
import { latchkey, workingFolder } from './testing.ts'

let cwd = ''
beforeEach(() => {
  const folder = workingFolder()
  cwd = folder.cwd
  return folder.remove
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('help', () => {
  it('lists every command, a group, one command, as text and as data', async () => {
    const overall = await latchkey('--help')
    expect(overall).toMatchObject({ exit: 0, stderr: '' })
    for (const { name } of COMMANDS) expect(overall.stdout).toContain(`  ${name} `)
    expect((await latchkey('users', '--help')).stdout).toContain('users reset-password')
    expect((await latchkey('help', 'users', 'create')).stdout).toContain('--password-stdin')
    expect((await latchkey('users', 'create', '-h', '--json')).json).toMatchObject({ name: 'users create' })
    expect((await latchkey('--help', '--json')).json.commands).toHaveLength(COMMANDS.length)
    expect((await latchkey('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it.each([...COMMANDS, ...INNER])(
    'knows of $name what the command says of itself',
    async ({ name, summary, load }) => {
      expect(await load()).toMatchObject({ name, summary })
    },
  )
})

describe('wrong usage', () => {
  it.each([
    [[], 'Name a command'],
    [['strat'], 'Did you mean `start`?'],
    [['users', 'crate'], 'Did you mean `users create`?'],
    [['usres', 'create'], 'Did you mean `users create`?'],
    [['users'], 'needs a second word'],
    [['users', 'frobnicate'], '  users list '],
    [['--frobnicate'], 'no option --frobnicate'],
    [['users', 'list', '--limt', '3'], 'Did you mean --limit?'],
    [['users', 'list', '--limit'], '--limit'],
    [['users', 'list', '--limit', '0'], 'from 1 to 1000'],
    [['users', 'disable'], '<email|username|id> is missing'],
    [['users', 'disable', 'a', 'b'], 'unexpected argument'],
    [['users', 'create', '--password', 'x'], '--password-stdin'],
    [['users', 'create'], '--email is missing'],
    [['start', '--workers', 'many'], '--workers takes a whole number'],
    [['migrate', 'down'], '--yes'],
    [['migrate', 'down', '--yes', '--steps', 'x'], '--steps takes a whole number'],
    [['migrate', 'down', '--yes', '--steps', '1', '--to', '0'], 'exclude each other'],
  ])('%j exits with 2 and changes nothing', async (words, message) => {
    const ran = await latchkey(...words)
    expect(ran).toMatchObject({ exit: 2, stdout: '' })
    expect(ran.stderr).toContain(message)
    expect(ran.stderr).toMatch(/^latchkey: /)
    expect(ran.stderr.trimEnd()).toMatch(/latchkey (?:<command> |[a-z -]+ )?--help|Exit codes/)
    expect(await latchkey(...words, '--json')).toMatchObject({
      exit: 2,
      stderr: '',
      json: { error: { code: 'USAGE' } },
    })
    expect(readdirSync(cwd)).toEqual([])
  })

  it('of a known command refers to the help of this command', async () => {
    const { stderr } = await latchkey('users', 'create', '--frobnicate')
    expect(stderr).toBe(
      'latchkey: There is no option --frobnicate.\nRun `latchkey users create --help` for its arguments and options.\n',
    )
  })
})

describe('settings', () => {
  it('state what the password profile conforms to', async () => {
    for (const [profile, standard] of [
      ['nist', 'NIST SP 800-63B-4'],
      ['pci', 'PCI DSS 4.0.1'],
    ] as const) {
      vi.stubEnv('LATCHKEY_PASSWORD_PROFILE', profile)
      expect((await latchkey('config', 'check')).stdout).toMatch(
        `Password profile ${profile}: Follows ${standard}`,
      )
      expect((await latchkey('config', 'check', '--json')).json.passwords).toEqual({
        profile,
        conformance: expect.stringContaining(standard),
      })
    }
  })

  it.each([[['start']], [['users', 'list']], [['seed']], [['migrate', 'status']], [['config', 'check']]])(
    'with faults are all reported by %j, and nothing starts',
    async (words) => {
      vi.stubEnv('LATCHKEY_PROFILE', 'production')
      vi.stubEnv('LATCHKEY_PROT', '1')
      const ran = await latchkey(...words, '--json')
      expect(ran.exit).toBe(1)
      const faults = (ran.json.error ?? ran.json).faults.map((fault: { setting: string }) => fault.setting)
      expect(faults).toEqual(
        expect.arrayContaining(['LATCHKEY_PROT', 'LATCHKEY_SECRET', 'LATCHKEY_PUBLIC_URL', 'DATABASE_URL']),
      )
      expect(readdirSync(cwd)).toEqual([])
    },
  )

  it('are printed with their sources and without secrets', async () => {
    const password = 'hunter2-swordfish'
    writeFileSync(join(cwd, '.env'), 'LATCHKEY_BRAND_NAME=Northwind\n')
    vi.stubEnv('LATCHKEY_SECRET', password.repeat(3))
    vi.stubEnv('DATABASE_URL', `postgres://me:${password}@db/x`)
    const text = await latchkey('config', 'print')
    expect(text.stdout).toMatch(/LATCHKEY_BRAND_NAME +Northwind {2}\(\.env\)/)
    expect(text.stdout).toContain('postgres://me:***@db/x')
    const { json, stdout } = await latchkey('config', 'print', '--changed', '--json')
    expect(json.settings).toContainEqual({ setting: 'LATCHKEY_SECRET', value: '***', source: 'environment' })
    expect(text.stdout + stdout).not.toContain(password)
  })
})

describe('output', () => {
  it('aligns columns, also with wide characters, and contains no escape sequences', () => {
    const lines = table(['NAME', 'X'], [['山田', '1'], ['ab\u001b[2J\r', '2'], ['é', '3']]).split('\n') // biome-ignore format: a row of the table on each line
    expect(lines).toEqual(['NAME     X', '山田     1', 'ab�[2J�  2', 'é        3'])
  })
  it('generates unique passwords that every profile accepts', () => {
    const made = Array.from({ length: 200 }, generatePassword)
    expect(new Set(made).size).toBe(200)
    for (const password of made) expect(password).toMatch(/^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[\w-]{24}$/)
  })
})
