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
const faultsOf = (env: Record<string, string>) => readConfig(env, { cwd }).faults

/** For every setting: accepted texts with their values, and refused texts. Typed to be complete. */
const READINGS: Record<SettingName, { takes: Record<string, unknown>; refuses: string[] }> = {
  profile: { takes: { testing: 'testing', development: 'development' }, refuses: ['Production', 'staging'] },
  host: {
    takes: { '0.0.0.0': '0.0.0.0', '::': '::', 'a-b.example': 'a-b.example' },
    refuses: ['a b', '-a', 'http://a', '1.2.3.4:80'],
  },
  port: { takes: { '0': 0, '65535': 65535 }, refuses: ['-1', '65536', '4000.5', '0x10', 'http', '1e3'] },
  publicUrl: {
    takes: {
      'https://id.example.com/': 'https://id.example.com',
      'http://localhost:4000': 'http://localhost:4000',
    },
    refuses: [
      'id.example.com',
      'https://a/b',
      'https://a?x',
      'https://a#x',
      'https://u:p@a',
      'ftp://a',
      'javascript:alert(1)',
    ],
  },
  trustedProxies: {
    takes: { '10.0.0.0/8, ::1': ['10.0.0.0/8', '::1'], '127.0.0.1,127.0.0.1': ['127.0.0.1'] },
    refuses: ['10.0.0.0/33', '10.0.0/8', '::1/129', 'proxy', '1.2.3.4/8/8', '1.2.3.4/', 'fe80::1%eth0'],
  },
  dataDir: { takes: { '/srv/latchkey': '/srv/latchkey' }, refuses: ['a'.repeat(1025)] },
  databaseUrl: {
    takes: {
      'postgres://u:p@h:5432/d': 'postgres://u:p@h:5432/d',
      'postgresql:///d?host=/run/postgresql': 'postgresql:///d?host=/run/postgresql',
    },
    refuses: ['mysql://h/d', 'postgres://h', 'postgres://h/', 'postgres://h:0/d', 'h/d'],
  },
  databasePool: { takes: { '1': 1, '100': 100 }, refuses: ['0', '101', 'ten'] },
  databaseTimeout: { takes: { '1s': 1000, '60s': 60_000 }, refuses: ['0s', '999ms', '2m', '2'] },
  cachedCredentials: { takes: { '0': 0, '1000000': 1_000_000 }, refuses: ['-1', '1000001', 'none'] },
  embeddedInProduction: { takes: { yes: true, NO: false, true: true }, refuses: ['maybe', 'y'] },
  redisUrl: { takes: { 'rediss://h:6379/0': 'rediss://h:6379/0' }, refuses: ['http://h', 'h:6379'] },
  smtpUrl: {
    takes: { 'smtps://u:p@h': 'smtps://u:p@h' },
    refuses: ['http://h', 'smtp://', 'mail.example.com', 'smtp://h?tls=on', 'smtp://h?TLS=off', 'smtp://h:0'],
  },
  mailFrom: {
    takes: { 'Acme <a@b.example>': 'Acme <a@b.example>', 'a@b.example': 'a@b.example' },
    refuses: ['Acme', 'a@b@c', 'Acme <a@b>\r\nBcc: c@d', '<a@b', 'a b@c'],
  },
  sessionIdle: { takes: { '1m': 60_000, '8h': 28_800_000 }, refuses: ['59s', '366d', '30', '30 m', '-5m'] },
  sessionAbsolute: { takes: { '365d': 31_536_000_000 }, refuses: ['1s', '9999d', 'soon'] },
  rememberIdle: { takes: { '1h': 3_600_000 }, refuses: ['0d', '366d'] },
  rememberAbsolute: { takes: { '60d': 5_184_000_000 }, refuses: ['0d', '366d'] },
  passwordProfile: { takes: { classic: 'classic', pci: 'pci' }, refuses: ['PCI', 'none'] },
  passwordMinLength: { takes: { '6': 6, '128': 128 }, refuses: ['5', '129', 'eight'] },
  passwordMaxLength: { takes: { '8': 8, '128': 128 }, refuses: ['7', '129', 'none'] },
  passwordClasses: {
    takes: { 'upper digit': ['upper', 'digit'], letter: ['letter'], none: ['none'] },
    refuses: ['uppercase', 'Upper', 'any'],
  },
  passwordForbidden: {
    takes: { 'Secret, ACME': ['secret', 'acme'] },
    refuses: ['ab', 'a'.repeat(65), Array.from({ length: 101 }, (_, n) => `word${n}`).join(',')],
  },
  passwordMaxAge: { takes: { '90d': 7_776_000_000 }, refuses: ['23h', '3651d', 'never'] },
  passwordHistory: { takes: { '1': 1, '24': 24 }, refuses: ['0', '25'] },
  breachCheck: { takes: { yes: true, off: false }, refuses: ['classic'] },
  breachUrl: {
    takes: { 'http://10.0.0.7:8080/range/': 'http://10.0.0.7:8080/range/', 'https://h/': 'https://h/' },
    refuses: [
      'https://h/range',
      'https://u:p@h/',
      'https://h/?q=/',
      'https://h/#/',
      'file:///range/',
      'h/range/',
    ],
  },
  breachTimeout: { takes: { '100ms': 100, '10s': 10_000 }, refuses: ['99ms', '11s', '2', 'never'] },
  breachFile: { takes: { '/srv/breaches.lkb': '/srv/breaches.lkb' }, refuses: ['a'.repeat(1025)] },
  hashAlgorithm: { takes: { bcrypt: 'bcrypt' }, refuses: ['md5', 'argon2'] },
  argon2MemoryKib: { takes: { '65536': 65_536 }, refuses: ['1023', '1048577', '19MiB'] },
  argon2Passes: { takes: { '3': 3 }, refuses: ['0', '21'] },
  bcryptCost: { takes: { '12': 12 }, refuses: ['11', '19'] },
  hashQueue: { takes: { '1': 1 }, refuses: ['0', '10001'] },
  lockoutFailures: { takes: { '10': 10 }, refuses: ['0', '1001'] },
  lockoutDuration: { takes: { '1h': 3_600_000 }, refuses: ['30s', '31d'] },
  rateLimits: { takes: { single: 'single', off: 'off' }, refuses: ['none', 'OFF'] },
  emailVerification: { takes: { off: 'off' }, refuses: ['no', 'optional'] },
  mfa: { takes: { required: 'required' }, refuses: ['off', 'yes'] },
  mfaMethods: { takes: { 'passkey, totp': ['passkey', 'totp'] }, refuses: ['sms', 'totp,sms'] },
  mfaGrace: { takes: { '14d': 14 * 86_400_000 }, refuses: ['366d', '14'] },
  rolePreset: { takes: { 'client-services': 'client-services' }, refuses: ['flat'] },
  defaultRole: { takes: { staff: 'staff' }, refuses: ['Staff', '1st', 'a b', 'a'.repeat(64)] },
  adminEmail: { takes: {}, refuses: ['ada', 'ada@', 'a b@c'] },
  adminUsername: { takes: {}, refuses: ['ab', 'a b', '.ab', 'a'.repeat(33), 'ädmin'] },
  adminPassword: { takes: {}, refuses: ['x'.repeat(1025)] },
  organizationCreation: { takes: { administrators: 'administrators' }, refuses: ['none', 'Everyone'] },
  organizationGrace: { takes: { '1h': 3_600_000, '365d': 31_536_000_000 }, refuses: ['59m', '366d', '30'] },
  invitationLifetime: { takes: { '1h': 3_600_000, '90d': 7_776_000_000 }, refuses: ['59m', '91d', 'never'] },
  envelope: { takes: { problem: 'problem' }, refuses: ['plain'] },
  corsOrigins: {
    takes: { 'https://a.example http://localhost:3000': ['https://a.example', 'http://localhost:3000'] },
    refuses: [
      '*',
      'null',
      'https://*.example.com',
      'https://a.example.',
      'https://a.example:0',
      'a.example',
      'https://a.example/path',
    ],
  },
  returnOrigins: {
    takes: { 'https://a.example/': ['https://a.example'] },
    refuses: ['*', 'https://*.a.example', 'https://a..example', '//a.example', 'https://a.example/path'],
  },
  apiKeyProduct: {
    takes: { lk: 'lk', acme2: 'acme2' },
    refuses: ['st', 'rt', 'LK', '2a', 'a_b', 'a'.repeat(17)],
  },
  apiKeyMaxLifetime: { takes: { '90d': 7_776_000_000 }, refuses: ['12h', '3651d', 'never'] },
  apiKeyInQuery: { takes: { yes: true, no: false }, refuses: ['sometimes'] },
  compatTokenLifetime: {
    takes: { '1m': 60_000, '365d': 31_536_000_000 },
    refuses: ['59s', '3651d', '0s', '365'],
  },
  compat: {
    takes: {
      'tokens-by-password': ['tokens-by-password'],
      'refused-refresh-403 not-authenticated-403': ['refused-refresh-403', 'not-authenticated-403'],
    },
    refuses: ['everything'],
  },
  brandName: { takes: { 'Acme & Söhne': 'Acme & Söhne' }, refuses: ['<b>', 'a\nb', 'x'.repeat(81)] },
  brandLogo: {
    takes: { '/l.svg': '/l.svg', 'data:image/svg+xml,x': 'data:image/svg+xml,x' },
    refuses: ['javascript:1', 'https://a.example/l.svg', '//a.example/l.svg', 'data:,x'],
  },
  brandAccent: { takes: { '#0B5fff': '#0B5fff' }, refuses: ['red', '#fff', '#0b5fff;}'] },
  defaultLocale: { takes: { de: 'de' }, refuses: ['fr', 'DE'] },
  accessTokenLifetime: { takes: { '5m': 300_000, '24h': 86_400_000 }, refuses: ['59s', '25h', '0'] },
  tokenAudience: {
    takes: { 'https://api.example.com': 'https://api.example.com', invoices: 'invoices' },
    refuses: ['a b', 'a'.repeat(201)],
  },
  tokenAlgorithm: { takes: { EdDSA: 'EdDSA', RS256: 'RS256' }, refuses: ['none', 'es256', 'HS512'] },
  tokenSecret: { takes: { [SECRET]: SECRET }, refuses: ['short', 'x'.repeat(31)] },
  keyRotation: { takes: { '1h': 3_600_000, '90d': 7_776_000_000 }, refuses: ['59m', 'never'] },
  keyLead: { takes: { '0s': 0, '10m': 600_000 }, refuses: ['8d', '-1s'] },
  secret: { takes: { [SECRET]: SECRET }, refuses: ['short', 'x'.repeat(31)] },
  secretPrevious: { takes: { [SECRET]: SECRET }, refuses: ['short', 'x'.repeat(31)] },
  drain: { takes: { '0s': 0, '5m': 300_000 }, refuses: ['6m', '5', '-1s'] },
  auditRetention: { takes: { '30d': 2_592_000_000 }, refuses: ['1h', '36501d'] },
  accessLog: { takes: { yes: true, no: false }, refuses: ['/var/log/access'] },
  logLevel: { takes: { silent: 'silent' }, refuses: ['trace'] },
}
const settings = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]

describe('every setting', () => {
  it.each(settings)('%s is read as written and bounded', (name, setting) => {
    const { takes, refuses } = READINGS[name]
    for (const [text, value] of Object.entries(takes)) {
      const pair = {
        LATCHKEY_SESSION_ABSOLUTE: '365d',
        LATCHKEY_REMEMBER_ABSOLUTE: '365d',
        [setting.env]: text,
      }
      const { config, faults } = readConfig(pair, { cwd })
      expect(faults, `${setting.env}=${text}`).toEqual([])
      expect(config?.[name], `${setting.env}=${text}`).toEqual(value)
    }
    expect(refuses.length).toBeGreaterThan(0)
    for (const text of refuses) {
      const faults = faultsOf({ [setting.env]: text })
      expect(
        faults.map((fault) => fault.setting),
        `${setting.env}=${text}`,
      ).toContain(setting.env)
      // the input may be a secret: the message describes what is expected, never the input
      expect(faults[0]?.message).toMatch(new RegExp(`^${setting.env} must be `))
    }
  })

  it.each(settings)('%s has a name, one sentence and a default that its kind accepts', (_name, setting) => {
    expect(setting.env).toMatch(/^(LATCHKEY_[A-Z0-9_]+|DATABASE_URL|REDIS_URL)$/)
    expect(setting.about).toMatch(/^\S.*\.$/s)
    const defaults =
      typeof setting.byDefault === 'object' ? Object.values(setting.byDefault ?? {}) : [setting.byDefault]
    for (const text of defaults) if (text !== null) expect(() => setting.kind.read(text)).not.toThrow()
  })

  it('has defaults that are valid in development and in testing', () => {
    expect(loadConfig({}, { cwd })).toMatchObject({
      profile: 'development', host: '127.0.0.1', port: 4000, publicUrl: 'http://localhost:4000', databaseUrl: null,
      dataDir: join(cwd, '.latchkey'), sessionIdle: 1_800_000, sessionAbsolute: 28_800_000, rateLimits: 'standard',
      emailVerification: 'required', passwordProfile: 'nist', mailFrom: 'Latchkey <no-reply@localhost>',
    }) // biome-ignore format: a table
    expect(loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd }).rateLimits).toBe('off')
  })

  it('treats an empty value as not set', () => {
    expect(loadConfig({ LATCHKEY_PORT: '', DATABASE_URL: ' ' }, { cwd })).toMatchObject({
      port: 4000,
      databaseUrl: null,
    })
  })
})

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
        LATCHKEY_ADMIN_USERNAME: { LATCHKEY_ADMIN_USERNAME: 'admin' },
        LATCHKEY_ARGON2_MEMORY_KIB: { LATCHKEY_ARGON2_MEMORY_KIB: '1024' },
        LATCHKEY_TOKEN_SECRET: { LATCHKEY_TOKEN_ALGORITHM: 'HS256' },
        LATCHKEY_PASSWORD_MIN_LENGTH: {
          LATCHKEY_PASSWORD_PROFILE: 'custom',
          LATCHKEY_PASSWORD_MIN_LENGTH: '12',
          LATCHKEY_PASSWORD_MAX_LENGTH: '11',
        },
        LATCHKEY_PASSWORD_CLASSES: { LATCHKEY_PASSWORD_CLASSES: 'none,digit' },
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
    ['LATCHKEY_BREACH_URL', { LATCHKEY_BREACH_URL: 'http://mirror.acme.test/range/' }],
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

describe('displayed values', () => {
  it('contain no secret and have the form in which they are set', () => {
    const env = { ...SAFE, REDIS_URL: 'redis://:swordfish@h', LATCHKEY_SMTP_URL: 'smtp://u:swordfish@h',
      LATCHKEY_ADMIN_EMAIL: 'ada@acme.test', LATCHKEY_ADMIN_PASSWORD: 'swordfish' } // biome-ignore format: a table
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
