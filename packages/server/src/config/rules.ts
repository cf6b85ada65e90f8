/**
 * What no single setting can say of itself: settings that contradict each other, and what production refuses.
 * One row a rule; each names the setting to change and completes a sentence that says what to do.
 */
import type { Config, Fault } from '../config.ts'
import { weaknessOf } from './secret.ts'

interface Rule {
  setting: string
  /** Whether the rule is broken. May be asked about settings of which some could not be read. */
  broken(config: Partial<Config>): boolean
  /** Goes on after the setting's name. */
  message: string | ((config: Partial<Config>) => string)
}

const isEverybody = (network: string): boolean => network.endsWith('/0')
const isLoopback = (origin: string): boolean =>
  /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(origin)
const isPlain = (origin: string): boolean => origin.startsWith('http:') && !isLoopback(origin)

export const CONTRADICTIONS: readonly Rule[] = [
  {
    setting: 'LATCHKEY_SESSION_IDLE',
    broken: (config) => (config.sessionIdle ?? 0) > (config.sessionAbsolute ?? Infinity),
    message: 'must not be longer than LATCHKEY_SESSION_ABSOLUTE, after which the session ends anyway',
  },
  {
    setting: 'LATCHKEY_REMEMBER_IDLE',
    broken: (config) => (config.rememberIdle ?? 0) > (config.rememberAbsolute ?? Infinity),
    message: 'must not be longer than LATCHKEY_REMEMBER_ABSOLUTE, after which the session ends anyway',
  },
  {
    setting: 'LATCHKEY_ADMIN_EMAIL',
    broken: (config) => Boolean(config.adminEmail) !== Boolean(config.adminPassword),
    message: 'and LATCHKEY_ADMIN_PASSWORD must be set together, or neither',
  },
  {
    setting: 'LATCHKEY_TOKEN_SECRET',
    broken: (config) => config.tokenAlgorithm === 'HS256' && !config.tokenSecret,
    message: 'must be set where LATCHKEY_TOKEN_ALGORITHM is HS256; `openssl rand -base64 48` makes one',
  },
  {
    setting: 'LATCHKEY_TOKEN_SECRET',
    broken: (config) => Boolean(config.tokenSecret && weaknessOf(config.tokenSecret)),
    message: 'must not be a sample value or easy to guess: one token is enough to try it offline',
  },
  {
    setting: 'LATCHKEY_TOKEN_SECRET',
    broken: (config) => Boolean(config.tokenSecret) && config.tokenSecret === config.secret,
    message: 'must be another than LATCHKEY_SECRET, which nobody else may know',
  },
  {
    setting: 'LATCHKEY_ARGON2_MEMORY_KIB',
    broken: (config) =>
      config.hashAlgorithm === 'argon2id' &&
      (config.argon2MemoryKib ?? 0) < 8 * 1024 &&
      config.profile !== 'testing',
    message: 'must be at least 8192 outside the testing profile',
  },
]

export const UNSAFE_IN_PRODUCTION: readonly Rule[] = [
  {
    setting: 'LATCHKEY_PUBLIC_URL',
    broken: (config) => config.publicUrl !== undefined && !config.publicUrl.startsWith('https://'),
    message:
      'must be set to the https address people reach the server at; over plain http sessions can be stolen',
  },
  {
    setting: 'LATCHKEY_SECRET',
    broken: (config) => config.secret === null,
    message: 'must be set: `openssl rand -base64 48` makes one; keep it safe, and the same on every node',
  },
  {
    setting: 'LATCHKEY_SECRET',
    broken: (config) => Boolean(config.secret && weaknessOf(config.secret)),
    message: (config) => `${weaknessOf(config.secret ?? '')}; \`openssl rand -base64 48\` makes a good one`,
  },
  {
    setting: 'DATABASE_URL',
    broken: (config) => config.databaseUrl === null && config.embeddedInProduction === false,
    message:
      'must name a PostgreSQL database; the embedded one may lose the last writes in a power cut and serves one process only (LATCHKEY_EMBEDDED_IN_PRODUCTION=yes accepts that)',
  },
  {
    setting: 'LATCHKEY_RATE_LIMITS',
    broken: (config) => config.rateLimits === 'off',
    message: 'must not be `off`: passwords and e-mails could be tried and sent without end',
  },
  {
    setting: 'LATCHKEY_TRUSTED_PROXIES',
    broken: (config) => (config.trustedProxies ?? []).some(isEverybody),
    message: 'must not name everybody: any client could choose the address it is counted and logged under',
  },
  {
    setting: 'LATCHKEY_CORS_ORIGINS',
    broken: (config) => (config.corsOrigins ?? []).some(isPlain),
    message: 'must be https origins: a page fetched over plain http can be changed on its way',
  },
  {
    setting: 'LATCHKEY_RETURN_ORIGINS',
    broken: (config) => (config.returnOrigins ?? []).some(isPlain),
    message: 'must be https origins: a page fetched over plain http can be changed on its way',
  },
  {
    setting: 'LATCHKEY_BREACH_URL',
    broken: (config) =>
      config.breachCheck === true &&
      config.breachUrl !== undefined &&
      isPlain(new URL(config.breachUrl).origin),
    message: 'must be https: over plain http anybody on the way can tell people that their password is bad',
  },
  {
    // the OWASP equivalents of 19 MiB and 2 passes all cost about this much memory times passes
    setting: 'LATCHKEY_ARGON2_MEMORY_KIB',
    broken: (config) =>
      config.hashAlgorithm === 'argon2id' &&
      (config.argon2MemoryKib ?? Infinity) * (config.argon2Passes ?? 1) < 35_000,
    message:
      'times LATCHKEY_ARGON2_PASSES must be at least 35000, such as 19456 and 2, or stolen hashes are cheap to guess',
  },
  {
    setting: 'LATCHKEY_PORT',
    broken: (config) => config.port === 0,
    message: 'must be a fixed port, so that a proxy can find the server',
  },
]

const check = (rules: readonly Rule[], config: Partial<Config>): Fault[] =>
  rules
    .filter((rule) => rule.broken(config))
    .map((rule) => {
      const message = typeof rule.message === 'string' ? rule.message : rule.message(config)
      return { setting: rule.setting, message: `${rule.setting} ${message}.` }
    })

export const contradictions = (config: Config): Fault[] => check(CONTRADICTIONS, config)

/** Every unsafe setting at once; those already known to be wrong are left out. */
export const unsafeInProduction = (config: Partial<Config>, known: ReadonlySet<string>): Fault[] =>
  check(UNSAFE_IN_PRODUCTION, config)
    .filter((fault) => !known.has(fault.setting))
    .map((fault) => ({ ...fault, message: `In production, ${fault.message}` }))

/** What is allowed and still deserves a word at the start: one sentence each. */
export function cautions(config: Config): string[] {
  const found: string[] = []
  const { profile } = config
  const isPublic = config.host !== 'localhost' && config.host !== '::1' && !config.host.startsWith('127.')
  if (profile !== 'production' && isPublic) {
    found.push(
      `LATCHKEY_HOST lets others reach the ${profile} profile, where anybody can read every e-mail at /dev/outbox.`,
    )
  }
  if (profile === 'production' && !config.smtpUrl) {
    found.push(
      'LATCHKEY_SMTP_URL is not set: e-mails wait, so nobody can verify an address or reset a password.',
    )
  }
  if (
    profile === 'production' &&
    config.smtpUrl &&
    new URL(config.smtpUrl).searchParams.get('tls') === 'off'
  ) {
    found.push('LATCHKEY_SMTP_URL has tls=off: e-mails, and the links in them, can be read on their way.')
  }
  if (profile === 'production' && !config.databaseUrl) {
    found.push(
      'The embedded database is safe against a killed process, not against a power cut; back up the data folder.',
    )
  }
  if (config.redisUrl) found.push('REDIS_URL is not used yet.')
  if (config.apiKeyInQuery) {
    found.push(
      'LATCHKEY_API_KEY_IN_QUERY lets API keys stand in URLs, which proxies and browsers write down.',
    )
  }
  return found
}
