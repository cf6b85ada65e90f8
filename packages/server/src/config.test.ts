import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { nearest } from './config/nearest.ts'
import { CONTRADICTIONS, cautions, UNSAFE_IN_PRODUCTION } from './config/rules.ts'
import {
  ConfigError,
  loadConfig,
  readConfig,
  SETTINGS,
  type Setting,
  type SettingName,
  serviceVariables,
  shown,
} from './config.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'latchkey-config-'))
  return () => rmSync(cwd, { recursive: true, force: true })
})

const SECRET = 'q7Vt2mXc9LrB4nZk8Hs1Wy6Pd3Gf5JaQ0EuToIi'
// apart from its URL, so that the scan for secrets finds none
const PASSWORD = 'hunter2-swordfish'
const SAFE = {
  LATCHKEY_PROFILE: 'production',
  LATCHKEY_PUBLIC_URL: 'https://id.acme.test',
  LATCHKEY_SECRET: SECRET,
  DATABASE_URL: `postgres://latchkey:${PASSWORD}@db.acme.test/latchkey`,
}
const settings = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]
const faultsOf = (env: Record<string, string>) => readConfig(env, { cwd }).faults

describe('a fault', () => {
  it('is reported together with all others', () => {
    const env = {
      LATCHKEY_PORT: 'x',
      LATCHKEY_HOST: 'a b',
      LATCHKEY_PROT: '1',
      LATCHKEY_SESSION_IDLE: 'long',
    }
    expect(() => loadConfig(env, { cwd })).toThrow(ConfigError)
    expect(
      faultsOf(env)
        .map((fault) => fault.setting)
        .sort(),
    ).toEqual(Object.keys(env).sort())
  })

  it('of an unknown name suggests the nearest setting, in the environment and in .env', () => {
    expect(faultsOf({ LATCHKEY_PULBIC_URL: 'x' })[0]?.message).toBe(
      'LATCHKEY_PULBIC_URL is not a setting; did you mean LATCHKEY_PUBLIC_URL?',
    )
    expect(faultsOf({ LATCHKEY_ZZZZZZZZZZZZ: 'x' })[0]?.message).toBe(
      'LATCHKEY_ZZZZZZZZZZZZ is not a setting.',
    )
    expect(faultsOf({ latchkey_port: '1' })[0]?.message).toContain('did you mean LATCHKEY_PORT?')
    writeFileSync(join(cwd, '.env'), 'LATCHKEY_SMPT_URL=x\n')
    expect(faultsOf({})[0]?.message).toContain(
      'LATCHKEY_SMPT_URL (in .env) is not a setting; did you mean LATCHKEY_SMTP_URL?',
    )
  })

  it('is not what Kubernetes sets for a Service named latchkey', () => {
    const service = {
      LATCHKEY_SERVICE_HOST: '10.96.0.12',
      LATCHKEY_SERVICE_PORT: '4000',
      LATCHKEY_SERVICE_PORT_HTTP: '4000',
      LATCHKEY_PORT: 'tcp://10.96.0.12:4000',
      LATCHKEY_PORT_4000_TCP: 'tcp://10.96.0.12:4000',
      LATCHKEY_PORT_4000_TCP_PROTO: 'tcp',
      LATCHKEY_PORT_4000_TCP_PORT: '4000',
      LATCHKEY_PORT_4000_TCP_ADDR: '10.96.0.12',
      LATCHKEY_DB_SERVICE_HOST: 'fd00::12',
      LATCHKEY_DB_PORT: 'tcp://[fd00::12]:5432',
    }
    const { config, faults, sources } = readConfig(service, { cwd })
    expect([faults, config?.port, sources.port]).toEqual([[], 4000, 'default'])
    expect(serviceVariables(service)).toEqual(Object.keys(service).sort())
    // .env is written by hand
    writeFileSync(join(cwd, '.env'), 'LATCHKEY_PORT=4100\n')
    const both = readConfig(service, { cwd })
    expect([both.config?.port, both.sources.port]).toEqual([4100, '.env'])
    // a name or a value that Kubernetes does not write
    const others = { LATCHKEY_SERVICE_HOST: 'db', LATCHKEY_PORT: 'tcp', LATCHKEY_PORT_TCP: '4000' }
    expect(
      faultsOf(others)
        .map(({ setting }) => setting)
        .sort(),
    ).toEqual(Object.keys(others).sort())
  })

  it('never contains a value that may be a secret', () => {
    const env = {
      ...SAFE,
      DATABASE_URL: `mysql://u:${PASSWORD}@h/d`,
      LATCHKEY_SECRET: 'swordfish',
      REDIS_URL: 'hunter2',
    }
    expect(JSON.stringify(faultsOf(env))).not.toMatch(/swordfish|hunter2/)
  })

  it.each(CONTRADICTIONS.map((rule) => [rule.setting, rule] as const))(
    '%s may not contradict another',
    (setting) => {
      const broken: Record<string, Record<string, string>> = {
        LATCHKEY_SESSION_IDLE: { LATCHKEY_SESSION_IDLE: '9h' },
        LATCHKEY_REMEMBER_IDLE: { LATCHKEY_REMEMBER_IDLE: '31d' },
        LATCHKEY_KEY_LEAD: { LATCHKEY_KEY_LEAD: '1h', LATCHKEY_KEY_ROTATION: '1h' },
        LATCHKEY_ADMIN_EMAIL: { LATCHKEY_ADMIN_EMAIL: 'ada@acme.test' },
        LATCHKEY_SECRET_PREVIOUS: { LATCHKEY_SECRET: SECRET, LATCHKEY_SECRET_PREVIOUS: SECRET },
        LATCHKEY_ACCESS_LOG: { LATCHKEY_ACCESS_LOG: 'yes', LATCHKEY_LOG_LEVEL: 'warn' },
        LATCHKEY_METRICS_ADDRESS: { LATCHKEY_METRICS_ADDRESS: '10.0.0.5:4000' },
        LATCHKEY_ADMIN_USERNAME: { LATCHKEY_ADMIN_USERNAME: 'admin' },
        LATCHKEY_ARGON2_MEMORY_KIB: { LATCHKEY_ARGON2_MEMORY_KIB: '1024' },
        LATCHKEY_TOKEN_SECRET: { LATCHKEY_TOKEN_ALGORITHM: 'HS256' },
        LATCHKEY_PASSWORD_MIN_LENGTH: {
          LATCHKEY_PASSWORD_PROFILE: 'custom',
          LATCHKEY_PASSWORD_MIN_LENGTH: '12',
          LATCHKEY_PASSWORD_MAX_LENGTH: '11',
        },
        LATCHKEY_MFA_METHODS: { LATCHKEY_MFA: 'required', LATCHKEY_MFA_METHODS: 'backup_code,email_code' },
        LATCHKEY_PASSWORD_CLASSES: { LATCHKEY_PASSWORD_CLASSES: 'none,digit' },
        LATCHKEY_GOOGLE_CLIENT_ID: { LATCHKEY_GOOGLE_CLIENT_ID: 'google' },
        LATCHKEY_MICROSOFT_CLIENT_ID: { LATCHKEY_MICROSOFT_CLIENT_SECRET: 'secret' },
        LATCHKEY_GITHUB_CLIENT_ID: { LATCHKEY_GITHUB_CLIENT_ID: 'github' },
        LATCHKEY_APPLE_CLIENT_ID: { LATCHKEY_APPLE_CLIENT_ID: 'apple', LATCHKEY_APPLE_TEAM_ID: 'ABCDEFGHIJ' },
        LATCHKEY_OIDC_ISSUER: { LATCHKEY_OIDC_CLIENT_ID: 'oidc', LATCHKEY_OIDC_CLIENT_SECRET: 'secret' },
        LATCHKEY_OIDC_NAME: { LATCHKEY_OIDC_NAME: 'Acme' },
        LATCHKEY_OIDC_TRUSTS_EMAIL: { LATCHKEY_OIDC_TRUSTS_EMAIL: 'yes' },
        LATCHKEY_PASSWORD_FORBIDDEN: {
          LATCHKEY_PASSWORD_MAX_LENGTH: '8',
          LATCHKEY_PASSWORD_FORBIDDEN: 'password1',
        },
      }
      expect(faultsOf(broken[setting] ?? {}).map((fault) => fault.setting)).toEqual([setting])
    },
  )

  it.each(['a'.repeat(48), 'please-change-me-please-change-me-0123', SECRET])(
    'for signing with a shared secret is no weak one, and not the server’s own: %s',
    (secret) => {
      const env = {
        LATCHKEY_SECRET: SECRET,
        LATCHKEY_TOKEN_ALGORITHM: 'HS256',
        LATCHKEY_TOKEN_SECRET: secret,
      }
      expect(faultsOf(env).map((fault) => fault.setting)).toEqual(['LATCHKEY_TOKEN_SECRET'])
    },
  )
})

describe('the providers of the environment', () => {
  const KEY = `-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----`

  it('are clients with their secrets, a private key on one line or on several', () => {
    const apple = {
      LATCHKEY_APPLE_CLIENT_ID: 'test.acme.signin',
      LATCHKEY_APPLE_TEAM_ID: 'ABCDE12345',
      LATCHKEY_APPLE_KEY_ID: '12345ABCDE',
    }
    for (const written of [KEY, `${KEY}\n`, KEY.replaceAll('\n', '\\n')])
      expect(loadConfig({ ...apple, LATCHKEY_APPLE_PRIVATE_KEY: written }, { cwd }).applePrivateKey).toBe(KEY)
    expect(faultsOf({ ...apple, LATCHKEY_APPLE_PRIVATE_KEY: 'key.p8' })).toEqual([
      {
        setting: 'LATCHKEY_APPLE_PRIVATE_KEY',
        message:
          'LATCHKEY_APPLE_PRIVATE_KEY must be a private key in PEM, which begins with `-----BEGIN PRIVATE KEY-----`.',
      },
    ])
  })

  it('name what is missing of a client that is set in part', () => {
    const { message = '' } = faultsOf({ LATCHKEY_APPLE_KEY_ID: '12345ABCDE' })[0] ?? {}
    expect(message).toBe(
      'LATCHKEY_APPLE_CLIENT_ID must be set together with LATCHKEY_APPLE_TEAM_ID, LATCHKEY_APPLE_KEY_ID and LATCHKEY_APPLE_PRIVATE_KEY, or none of them.',
    )
  })

  it('keep an issuer as it is written, and refuse what is none', () => {
    const client = { LATCHKEY_OIDC_CLIENT_ID: 'c', LATCHKEY_OIDC_CLIENT_SECRET: 's' }
    const read = (issuer: string) => readConfig({ ...client, LATCHKEY_OIDC_ISSUER: issuer }, { cwd }).config
    for (const issuer of ['https://id.acme.test', 'https://id.acme.test/', 'https://ID.acme.test/realms/a'])
      expect(read(issuer)?.oidcIssuer).toBe(issuer)
    for (const wrong of [
      'id.acme.test',
      'ftp://id.acme.test',
      'https://a:b@id.acme.test',
      'https://id.acme.test/?a',
    ])
      expect(read(wrong)).toBeNull()
  })
})

describe('production', () => {
  it('starts with a public https URL, a secret and a database', () => {
    expect(loadConfig(SAFE, { cwd }).profile).toBe('production')
    expect(readdirSync(cwd)).toEqual([])
  })

  it('reports every refusal in one message', () => {
    const found = faultsOf({ LATCHKEY_PROFILE: 'production', LATCHKEY_RATE_LIMITS: 'off' }).map(
      (fault) => fault.setting,
    )
    expect(found.sort()).toEqual([
      'DATABASE_URL',
      'LATCHKEY_PUBLIC_URL',
      'LATCHKEY_RATE_LIMITS',
      'LATCHKEY_SECRET',
    ])
  })

  const refused: [string, Record<string, string | undefined>][] = [
    ['LATCHKEY_PUBLIC_URL', { LATCHKEY_PUBLIC_URL: 'http://id.acme.test' }],
    ['LATCHKEY_PUBLIC_URL', { LATCHKEY_PUBLIC_URL: undefined }],
    ['LATCHKEY_SECRET', { LATCHKEY_SECRET: undefined }],
    ['LATCHKEY_SECRET', { LATCHKEY_SECRET: 'too-short' }],
    ['LATCHKEY_SECRET', { LATCHKEY_SECRET: 'a'.repeat(48) }],
    ['LATCHKEY_SECRET', { LATCHKEY_SECRET: 'please-change-me-please-change-me-0123' }],
    ['LATCHKEY_SECRET', { LATCHKEY_SECRET: '0123456789abcdefghijklmnopqrstuvwxyz' }],
    ['DATABASE_URL', { DATABASE_URL: undefined }],
    ['LATCHKEY_RATE_LIMITS', { LATCHKEY_RATE_LIMITS: 'off' }],
    ['LATCHKEY_TRUSTED_PROXIES', { LATCHKEY_TRUSTED_PROXIES: '10.0.0.1, 0.0.0.0/0' }],
    ['LATCHKEY_TRUSTED_PROXIES', { LATCHKEY_TRUSTED_PROXIES: '::/0' }],
    ['LATCHKEY_CORS_ORIGINS', { LATCHKEY_CORS_ORIGINS: 'http://app.acme.test' }],
    ['LATCHKEY_RETURN_ORIGINS', { LATCHKEY_RETURN_ORIGINS: 'http://app.acme.test' }],
    ['LATCHKEY_PASSKEY_ORIGINS', { LATCHKEY_PASSKEY_ORIGINS: 'http://shop.acme.test' }],
    ['LATCHKEY_BREACH_URL', { LATCHKEY_BREACH_URL: 'http://mirror.acme.test/range/' }],
    [
      'LATCHKEY_OIDC_ISSUER',
      {
        LATCHKEY_OIDC_ISSUER: 'http://id.acme.test',
        LATCHKEY_OIDC_CLIENT_ID: 'c',
        LATCHKEY_OIDC_CLIENT_SECRET: 's',
      },
    ],
    ['LATCHKEY_ARGON2_MEMORY_KIB', { LATCHKEY_ARGON2_PASSES: '1' }],
    ['LATCHKEY_PORT', { LATCHKEY_PORT: '0' }],
  ]
  it.each(refused)('refuses %s %o', (setting, change) => {
    const env = Object.fromEntries(
      Object.entries({ ...SAFE, ...change }).filter(([, value]) => value !== undefined),
    )
    expect(faultsOf(env as Record<string, string>).map((fault) => fault.setting)).toEqual([setting])
  })
  it('has a test for every refusal', () => {
    const tested = new Set(refused.map(([setting]) => setting))
    expect(UNSAFE_IN_PRODUCTION.filter((rule) => !tested.has(rule.setting))).toEqual([])
  })

  it('permits the embedded database only with an explicit yes', () => {
    const { DATABASE_URL: _, ...embedded } = SAFE
    expect(
      loadConfig({ ...embedded, LATCHKEY_EMBEDDED_IN_PRODUCTION: 'yes' }, { cwd }).databaseUrl,
    ).toBeNull()
    expect(
      cautions(loadConfig({ ...embedded, LATCHKEY_EMBEDDED_IN_PRODUCTION: 'yes' }, { cwd })).join(),
    ).toContain('power failure')
  })

  it.each([
    ['id.acme.test', false],
    ['acme.test', false],
    ['other.test', true],
    ['me.test', true],
  ])('warns about passkeys of %s: %s', (LATCHKEY_PASSKEY_RP_ID, warns) => {
    const found = cautions(loadConfig({ ...SAFE, LATCHKEY_PASSKEY_RP_ID }, { cwd })).join()
    expect(found.includes('https://')).toBe(warns)
  })
})

describe('the stored secret', () => {
  it('is generated once, readable by its owner only, and read again', () => {
    const first = loadConfig({}, { cwd }).secret
    expect(first).toMatch(/^[\w-]{43}$/)
    expect(loadConfig({}, { cwd }).secret).toBe(first)
    const dataDir = join(cwd, '.latchkey')
    expect(statSync(join(dataDir, 'secret')).mode & 0o777).toBe(0o600)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(readdirSync(dataDir)).toEqual(['secret'])
  })
  it('is not written in the mode `look`', () => {
    expect(readConfig({}, { cwd, secret: 'look' }).faults).toEqual([])
    expect(readdirSync(cwd)).toEqual([])
  })
  it('is overridden by the setting', () => {
    expect(loadConfig({ LATCHKEY_SECRET: SECRET }, { cwd }).secret).toBe(SECRET)
    expect(readdirSync(cwd)).toEqual([])
  })
  it('gives a clear fault where the data folder cannot be created', () => {
    writeFileSync(join(cwd, 'file'), '')
    expect(faultsOf({ LATCHKEY_DATA_DIR: 'file' })[0]?.message).toMatch(
      /^LATCHKEY_DATA_DIR must be a writable folder/,
    )
  })
})

describe('.env', () => {
  it('is read from the working folder and overridden by the environment', () => {
    writeFileSync(join(cwd, '.env'), '# ours\nLATCHKEY_PORT=5000\nLATCHKEY_BRAND_NAME="Acme Ltd"\nOTHER=1\n')
    const reading = readConfig({ LATCHKEY_PORT: '6000' }, { cwd })
    expect(reading.config).toMatchObject({
      port: 6000,
      brandName: 'Acme Ltd',
      publicUrl: 'http://localhost:6000',
    })
    expect(reading.sources).toMatchObject({ port: 'environment', brandName: '.env', host: 'default' })
  })
})

describe('a secret in a file', () => {
  const write = (content: string | Buffer, name = 'secret'): string => {
    writeFileSync(join(cwd, name), content)
    return name
  }

  it('is read without the end of its line, relative to the working folder, also where .env names it', () => {
    write(`${SECRET}\n`)
    const absolute = write('postgres://u:p@h/d\r\n', 'url')
    writeFileSync(join(cwd, '.env'), 'LATCHKEY_SECRET_FILE=secret\n')
    const { config, sources } = readConfig({ DATABASE_URL_FILE: join(cwd, absolute) }, { cwd })
    expect([config?.secret, config?.databaseUrl]).toEqual([SECRET, 'postgres://u:p@h/d'])
    expect(sources).toMatchObject({ secret: 'file', databaseUrl: 'file', host: 'default' })
  })

  it.each([
    ['missing', () => 'nowhere', 'ENOENT'],
    ['a folder', () => '.', 'EISDIR'],
    ['empty', () => write('\n'), 'empty'],
    ['too large', () => write('x'.repeat(70_000)), 'larger than 65536 bytes'],
  ])('that is %s is a fault, which names the file', (_, name, reason) => {
    const [fault, ...others] = faultsOf({ LATCHKEY_ADMIN_PASSWORD_FILE: name() })
    expect(others).toEqual([])
    expect(fault?.setting).toBe('LATCHKEY_ADMIN_PASSWORD_FILE')
    expect(fault?.message).toContain('LATCHKEY_ADMIN_PASSWORD_FILE must name a file that can be read')
    expect(fault?.message).toContain(reason)
  })

  it('is refused beside the same secret in the environment, and where its content is not valid, without showing it', () => {
    write('swordfish')
    expect(faultsOf({ LATCHKEY_SECRET: SECRET, LATCHKEY_SECRET_FILE: 'secret' })).toEqual([
      { setting: 'LATCHKEY_SECRET', message: 'Set LATCHKEY_SECRET or LATCHKEY_SECRET_FILE, not both.' },
    ])
    const [fault] = faultsOf({ LATCHKEY_SECRET_FILE: 'secret' })
    expect(fault?.message).toMatch(/^LATCHKEY_SECRET must be at least 32 characters/)
    expect(fault?.message).not.toContain('swordfish')
  })

  it('is for secrets only', () => {
    expect(faultsOf({ LATCHKEY_HOST_FILE: write('127.0.0.1') })[0]?.message).toContain('is not a setting')
  })
})

describe('displayed values', () => {
  it('contain no secret and have the form in which they are set', () => {
    const env = { ...SAFE, REDIS_URL: 'redis://:swordfish@h', LATCHKEY_SMTP_URL: 'smtp://u:swordfish@h',
      LATCHKEY_ADMIN_EMAIL: 'ada@acme.test', LATCHKEY_ADMIN_PASSWORD: 'swordfish',
      LATCHKEY_GOOGLE_CLIENT_ID: 'google', LATCHKEY_GOOGLE_CLIENT_SECRET: 'swordfish' } // biome-ignore format: a table
    const { values } = readConfig(env, { cwd })
    const all = settings.map(([name]) => `${name}=${shown(name, values)}`)
    expect(all.join('\n')).not.toMatch(/swordfish|hunter2/)
    expect(all.join('\n')).not.toContain(SECRET)
    expect(all).toEqual(
      expect.arrayContaining(['secret=***', 'sessionIdle=30m', 'rememberAbsolute=30d', 'port=4000', 'compat=(not set)',
        'databaseUrl=postgres://latchkey:***@db.acme.test/latchkey']), // biome-ignore format: a table
    )
  })
})

describe('the nearest name', () => {
  it('tolerates a few edits and rejects more', () => {
    expect(nearest('strat', ['start', 'seed'])).toBe('start')
    expect(nearest('users', ['start', 'user'])).toBe('user')
    expect(nearest('frobnicate', ['start', 'seed'])).toBeNull()
  })
})

it('warns about settings that have no effect yet', () => {
  for (const [, setting] of settings.filter(([, entry]) => entry.later)) {
    const text = setting.env === 'REDIS_URL' ? 'redis://h' : 'tokens-by-password'
    expect(cautions(loadConfig({ [setting.env]: text }, { cwd })).join()).toContain(
      `${setting.env} is not used yet`,
    )
  }
})
