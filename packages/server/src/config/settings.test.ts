/** Every setting, as a table: the texts that it accepts, with their values, and those that it refuses. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, readConfig, SETTINGS, type Setting, type SettingName } from '../config.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'latchkey-config-'))
  return () => rmSync(cwd, { recursive: true, force: true })
})

const SECRET = 'q7Vt2mXc9LrB4nZk8Hs1Wy6Pd3Gf5JaQ0EuToIi'
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
  sharedCredentials: { takes: { yes: true, no: false }, refuses: ['maybe'] },
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
  challenge: { takes: { off: 'off' }, refuses: ['yes', 'ON'] },
  rateLimits: { takes: { single: 'single', off: 'off' }, refuses: ['none', 'OFF'] },
  emailVerification: { takes: { off: 'off' }, refuses: ['no', 'optional'] },
  mfa: { takes: { required: 'required' }, refuses: ['off', 'yes'] },
  mfaMethods: { takes: { 'passkey, totp': ['passkey', 'totp'] }, refuses: ['sms', 'totp,sms'] },
  emailSignIn: { takes: { code: ['code'], off: [] }, refuses: ['sms', 'link,off'] },
  clientRegistration: { takes: { token: 'token', open: 'open' }, refuses: ['on', 'yes'] },
  clientIdDocuments: {
    takes: { on: 'on', off: 'off', 'apps.example.com, 10.0.0.7:8443': ['apps.example.com', '10.0.0.7:8443'] },
    refuses: ['on,apps.example.com/', 'https://apps.example.com', '*.example.com', 'on off'],
  },
  rememberedDevice: { takes: { '30d': 30 * 86_400_000, '0s': 0 }, refuses: ['366d', '-1d', '30'] },
  mfaGrace: { takes: { '14d': 14 * 86_400_000 }, refuses: ['366d', '14'] },
  passkeyRpId: {
    takes: { 'example.com': 'example.com', localhost: 'localhost' },
    refuses: ['https://example.com', '127.0.0.1', '[::1]', 'Example.com', 'a b', 'a'.repeat(254)],
  },
  passkeyOrigins: {
    takes: {
      'https://shop.example, https://id.example.com/': ['https://shop.example', 'https://id.example.com'],
      [`android:apk-key-hash:${'A'.repeat(43)}`]: [`android:apk-key-hash:${'A'.repeat(43)}`],
    },
    refuses: ['shop.example', '*', 'https://*.example', 'android:apk-key-hash:A', 'ios:bundle:x'],
  },
  passkeyAttestation: { takes: { direct: 'direct' }, refuses: ['indirect', 'enterprise'] },
  rolePreset: { takes: { 'client-services': 'client-services' }, refuses: ['flat'] },
  defaultRole: { takes: { staff: 'staff' }, refuses: ['Staff', '1st', 'a b', 'a'.repeat(64)] },
  adminEmail: { takes: {}, refuses: ['ada', 'ada@', 'a b@c'] },
  adminUsername: { takes: {}, refuses: ['ab', 'a b', '.ab', 'a'.repeat(33), 'ädmin'] },
  adminPassword: { takes: {}, refuses: ['x'.repeat(1025)] },
  // those of a client are set together: config.test.ts
  externalOrganization: { takes: { choose: 'choose', create: 'create' }, refuses: ['yes', 'Create'] },
  googleClientId: { takes: {}, refuses: ['a b', 'a'.repeat(501)] },
  googleClientSecret: { takes: {}, refuses: ['ä', 'a'.repeat(1001)] },
  microsoftClientId: { takes: {}, refuses: ['a b'] },
  microsoftClientSecret: { takes: {}, refuses: ['ä'] },
  microsoftTenant: {
    takes: { organizations: 'organizations', 'acme.example': 'acme.example' },
    refuses: ['a b', 'a/b', '.a', 'a'.repeat(101)],
  },
  githubClientId: { takes: {}, refuses: ['a b'] },
  githubClientSecret: { takes: {}, refuses: ['ä'] },
  appleClientId: { takes: {}, refuses: ['a b'] },
  appleTeamId: { takes: {}, refuses: ['abcde12345', 'ABCDE1234'] },
  appleKeyId: { takes: {}, refuses: ['abcde12345', 'ABCDE123456'] },
  applePrivateKey: { takes: {}, refuses: ['key.p8', '-----BEGIN PRIVATE KEY-----'] },
  oidcIssuer: { takes: {}, refuses: ['id.acme.test', 'ftp://id.acme.test', 'https://id.acme.test/#a'] },
  oidcClientId: { takes: {}, refuses: ['a b'] },
  oidcClientSecret: { takes: {}, refuses: ['ä'] },
  oidcName: { takes: {}, refuses: ['<b>', 'a\nb', 'x'.repeat(81)] },
  oidcTrustsEmail: { takes: { no: false }, refuses: ['always', 'example.com'] },
  organizationCreation: { takes: { administrators: 'administrators' }, refuses: ['none', 'Everyone'] },
  organizationGrace: { takes: { '1h': 3_600_000, '365d': 31_536_000_000 }, refuses: ['59m', '366d', '30'] },
  connectionHosts: {
    takes: {
      'idp.internal, 10.0.0.7:8443': ['idp.internal', '10.0.0.7:8443'],
      'IDP.internal:443 [::1]:80': ['idp.internal:443', '[::1]:80'],
    },
    refuses: ['*', '*.example.com', 'https://idp.internal', 'idp.internal/x', 'u@idp', 'idp:0', 'idp:99999'],
  },
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
  totpAlgorithm: { takes: { SHA256: 'SHA256' }, refuses: ['MD5', 'sha1'] },
  backupCodes: { takes: { digits: 'digits' }, refuses: ['words', 'yes'] },
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
  dnsServers: {
    takes: {
      '192.0.2.53, [2001:db8::53]:5353': ['192.0.2.53', '[2001:db8::53]:5353'],
      '2001:db8::53,192.0.2.53:5353': ['2001:db8::53', '192.0.2.53:5353'],
    },
    refuses: [
      'ns.example.com',
      '192.0.2.53:0',
      '192.0.2.53:65536',
      '192.0.2',
      '[192.0.2.53]:53',
      '[::1]',
      'fe80::1%eth0',
      '192.0.2.53/32',
      'udp://192.0.2.53',
    ],
  },
  metricsAddress: {
    takes: {
      '127.0.0.1:9464': '127.0.0.1:9464',
      '[::1]:9464': '[::1]:9464',
      'metrics.internal:80': 'metrics.internal:80',
    },
    refuses: [
      '9464',
      ':9464',
      '127.0.0.1',
      '127.0.0.1:0',
      '127.0.0.1:65536',
      '::1:9464',
      '[127.0.0.1]:9464',
      'http://a:1',
      'a b:1',
    ],
  },
  accessLog: { takes: { yes: true, no: false }, refuses: ['/var/log/access'] },
  otlpEndpoint: {
    takes: {
      'http://collector:4318': 'http://collector:4318/',
      'https://otlp.example.com/tenant/': 'https://otlp.example.com/tenant/',
    },
    refuses: [
      'collector:4318',
      'ftp://collector',
      'https://user:password@otlp.example.com',
      'https://otlp.example.com/?key=1',
      'http://collector:0',
    ],
  },
  otlpHeaders: {
    takes: { 'authorization=Bearer%20abc, x-tenant=7': 'authorization=Bearer%20abc, x-tenant=7' },
    refuses: [
      'authorization',
      '=value',
      'x y=1',
      'x=%zz',
      'x=%ff',
      'x=%0d%0ahost:%20other',
      'Host=other',
      'content-length=1',
      'a=1,,b=2',
    ],
  },
  otelServiceName: { takes: { 'identity server': 'identity server' }, refuses: ['ä', 'x'.repeat(256)] },
  otelResourceAttributes: {
    takes: {
      'deployment.environment.name=production,team=a%2Cb':
        'deployment.environment.name=production,team=a%2Cb',
    },
    refuses: ['production', 'a=%0a', Array.from({ length: 51 }, (_, n) => `a${n}=1`).join(',')],
  },
  traceSample: {
    takes: { '0%': 0, '0.1%': 0.001, '1%': 0.01, '100%': 1 },
    refuses: ['1', '0.01', '101%', '-1%', '1.%', '%', '1e1%'],
  },
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
    expect(setting.env).toMatch(/^(LATCHKEY_[A-Z0-9_]+|OTEL_[A-Z_]+|DATABASE_URL|REDIS_URL)$/)
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
