/**
 * Validation across settings: contradictions, and settings that production refuses. One row per rule; each names the
 * setting to change, and its message completes a sentence that states what to do.
 */

import { listenTarget } from './kinds.ts'
import { weaknessOf } from './secret.ts'
import { type Config, type Fault, SETTINGS, type Setting, type SettingName } from './settings.ts'

interface Rule {
  setting: string
  /** Whether the settings violate the rule. Some settings may be absent because they could not be read. */
  broken(config: Partial<Config>): boolean
  /** Continues after the setting's name. */
  message: string | ((config: Partial<Config>) => string)
}

const isAnyAddress = (network: string): boolean => network.endsWith('/0')
const isLoopback = (origin: string): boolean =>
  /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(origin)
const isPlain = (origin: string): boolean => origin.startsWith('http:') && !isLoopback(origin)

/** Whether a factor that can meet a requirement is among the methods. */
const hasStrong = (methods: readonly string[]): boolean =>
  methods.includes('totp') || methods.includes('passkey')

/** Settings that have an effect only together. */
const together = (first: SettingName, ...others: SettingName[]): Rule => {
  const names = others.map((name) => SETTINGS[name].env)
  const last = names.pop()
  const list = names.length === 0 ? last : `${names.join(', ')} and ${last}`
  return {
    setting: SETTINGS[first].env,
    broken: (config) => new Set([first, ...others].map((name) => Boolean(config[name]))).size > 1,
    message: `must be set together with ${list}, or none of them`,
  }
}

export const CONTRADICTIONS: readonly Rule[] = [
  {
    setting: 'LATCHKEY_SESSION_IDLE',
    broken: (config) => (config.sessionIdle ?? 0) > (config.sessionAbsolute ?? Infinity),
    message: 'must not be longer than LATCHKEY_SESSION_ABSOLUTE',
  },
  {
    setting: 'LATCHKEY_REMEMBER_IDLE',
    broken: (config) => (config.rememberIdle ?? 0) > (config.rememberAbsolute ?? Infinity),
    message: 'must not be longer than LATCHKEY_REMEMBER_ABSOLUTE',
  },
  {
    setting: 'LATCHKEY_KEY_LEAD',
    broken: (config) => (config.keyLead ?? 0) >= (config.keyRotation ?? Infinity),
    message: 'must be shorter than LATCHKEY_KEY_ROTATION: a key would be replaced before it signs',
  },
  {
    setting: 'LATCHKEY_ADMIN_EMAIL',
    broken: (config) => Boolean(config.adminEmail) !== Boolean(config.adminPassword),
    message: 'and LATCHKEY_ADMIN_PASSWORD must be set together, or neither',
  },
  {
    setting: 'LATCHKEY_ADMIN_USERNAME',
    broken: (config) => Boolean(config.adminUsername) && !config.adminEmail,
    message: 'is the username of the administrator with LATCHKEY_ADMIN_EMAIL, which must be set as well',
  },
  together('googleClientId', 'googleClientSecret'),
  together('microsoftClientId', 'microsoftClientSecret'),
  together('githubClientId', 'githubClientSecret'),
  together('appleClientId', 'appleTeamId', 'appleKeyId', 'applePrivateKey'),
  together('oidcIssuer', 'oidcClientId', 'oidcClientSecret'),
  {
    setting: 'LATCHKEY_OIDC_NAME',
    broken: (config) => Boolean(config.oidcName) && !config.oidcIssuer,
    message: 'is the name of the provider at LATCHKEY_OIDC_ISSUER, which must be set as well',
  },
  {
    setting: 'LATCHKEY_OIDC_TRUSTS_EMAIL',
    broken: (config) => Boolean(config.oidcTrustsEmail) && !config.oidcIssuer,
    message: 'is about the provider at LATCHKEY_OIDC_ISSUER, which must be set as well',
  },
  {
    setting: 'LATCHKEY_TOKEN_SECRET',
    broken: (config) => config.tokenAlgorithm === 'HS256' && !config.tokenSecret,
    message: 'must be set where LATCHKEY_TOKEN_ALGORITHM is HS256; `openssl rand -base64 48` generates one',
  },
  {
    setting: 'LATCHKEY_TOKEN_SECRET',
    broken: (config) => Boolean(config.tokenSecret && weaknessOf(config.tokenSecret)),
    message: 'must not be a sample value or easy to guess: with one token it can be guessed offline',
  },
  {
    setting: 'LATCHKEY_TOKEN_SECRET',
    broken: (config) => Boolean(config.tokenSecret) && config.tokenSecret === config.secret,
    message: 'must differ from LATCHKEY_SECRET, which only the server may know',
  },
  {
    setting: 'LATCHKEY_SECRET_PREVIOUS',
    broken: (config) => Boolean(config.secretPrevious) && config.secretPrevious === config.secret,
    message: 'must differ from LATCHKEY_SECRET: it is the secret before the rotation',
  },
  {
    setting: 'LATCHKEY_METRICS_ADDRESS',
    broken: ({ metricsAddress, port }) =>
      Boolean(metricsAddress) && listenTarget(metricsAddress ?? '').port === port,
    message: 'must have another port than LATCHKEY_PORT, which serves users',
  },
  {
    setting: 'LATCHKEY_ACCESS_LOG',
    broken: (config) => config.accessLog === true && !['debug', 'info'].includes(config.logLevel ?? 'info'),
    message: 'requires LATCHKEY_LOG_LEVEL `info` or `debug`: requests are logged at the level `info`',
  },
  {
    setting: 'LATCHKEY_ARGON2_MEMORY_KIB',
    broken: (config) =>
      config.hashAlgorithm === 'argon2id' &&
      (config.argon2MemoryKib ?? 0) < 8 * 1024 &&
      config.profile !== 'testing',
    message: 'must be at least 8192 outside the testing profile',
  },
  {
    setting: 'LATCHKEY_PASSWORD_MIN_LENGTH',
    broken: (config) =>
      config.passwordProfile === 'custom' &&
      (config.passwordMinLength ?? 0) > (config.passwordMaxLength ?? Infinity),
    message: 'must not be greater than LATCHKEY_PASSWORD_MAX_LENGTH',
  },
  {
    setting: 'LATCHKEY_PASSWORD_MIN_LENGTH',
    broken: (config) =>
      config.passwordProfile === 'custom' &&
      config.hashAlgorithm === 'bcrypt' &&
      (config.passwordMinLength ?? 0) > 72,
    message: 'must be at most 72 where LATCHKEY_PASSWORD_HASH is bcrypt, which reads 72 bytes',
  },
  {
    setting: 'LATCHKEY_MFA_METHODS',
    broken: ({ mfa, mfaMethods: methods }) =>
      mfa === 'required' && methods !== undefined && !hasStrong(methods),
    message: 'must name `totp` or `passkey` where LATCHKEY_MFA is `required`: no user could sign in',
  },
  {
    setting: 'LATCHKEY_PASSWORD_CLASSES',
    broken: ({ passwordClasses: classes = [] }) => classes.includes('none') && classes.length > 1,
    message: 'must be either `none` or the classes that are required',
  },
  {
    setting: 'LATCHKEY_PASSWORD_FORBIDDEN',
    broken: ({ passwordForbidden: words = [], passwordMaxLength: longest = Infinity }) =>
      words.some((word) => [...word].length > longest),
    message:
      'must not contain a word that is longer than LATCHKEY_PASSWORD_MAX_LENGTH: no password contains it',
  },
]

export const UNSAFE_IN_PRODUCTION: readonly Rule[] = [
  {
    setting: 'LATCHKEY_PUBLIC_URL',
    broken: (config) => config.publicUrl !== undefined && !config.publicUrl.startsWith('https://'),
    message: 'must be set to the public https URL of the server; over plain http sessions can be stolen',
  },
  {
    setting: 'LATCHKEY_SECRET',
    broken: (config) => config.secret === null,
    message: 'must be set: `openssl rand -base64 48` generates one; keep it safe, and the same on every node',
  },
  {
    setting: 'LATCHKEY_SECRET',
    broken: (config) => Boolean(config.secret && weaknessOf(config.secret)),
    message: (config) => `${weaknessOf(config.secret ?? '')}; \`openssl rand -base64 48\` generates one`,
  },
  {
    setting: 'DATABASE_URL',
    broken: (config) => config.databaseUrl === null && config.embeddedInProduction === false,
    message:
      'must be set to a PostgreSQL database; the embedded one may lose the last writes in a power failure and serves one process only (LATCHKEY_EMBEDDED_IN_PRODUCTION=yes accepts that)',
  },
  {
    setting: 'LATCHKEY_RATE_LIMITS',
    broken: (config) => config.rateLimits === 'off',
    message: 'must not be `off`: passwords could be guessed and e-mails sent without a limit',
  },
  {
    setting: 'LATCHKEY_TRUSTED_PROXIES',
    broken: (config) => (config.trustedProxies ?? []).some(isAnyAddress),
    message:
      'must not include all addresses: any client could forge the address that is logged and rate-limited',
  },
  {
    setting: 'LATCHKEY_CORS_ORIGINS',
    broken: (config) => (config.corsOrigins ?? []).some(isPlain),
    message: 'must be https origins: a page fetched over plain http can be changed in transit',
  },
  {
    setting: 'LATCHKEY_RETURN_ORIGINS',
    broken: (config) => (config.returnOrigins ?? []).some(isPlain),
    message: 'must be https origins: a page fetched over plain http can be changed in transit',
  },
  {
    setting: 'LATCHKEY_PASSKEY_ORIGINS',
    broken: (config) => (config.passkeyOrigins ?? []).some(isPlain),
    message: 'must be https origins: browsers run no ceremony on a page that is fetched over plain http',
  },
  {
    setting: 'LATCHKEY_BREACH_URL',
    broken: (config) =>
      config.breachCheck === true &&
      config.breachUrl !== undefined &&
      isPlain(new URL(config.breachUrl).origin),
    message: 'must be https: over plain http the answers can be forged in transit',
  },
  {
    setting: 'LATCHKEY_OIDC_ISSUER',
    broken: (config) => Boolean(config.oidcIssuer && isPlain(new URL(config.oidcIssuer).origin)),
    message: 'must be https: over plain http its keys can be replaced in transit, and anyone could sign in',
  },
  {
    // the OWASP equivalents of 19 MiB and 2 passes all cost about this much memory times passes
    setting: 'LATCHKEY_ARGON2_MEMORY_KIB',
    broken: (config) =>
      config.hashAlgorithm === 'argon2id' &&
      (config.argon2MemoryKib ?? Infinity) * (config.argon2Passes ?? 1) < 35_000,
    message:
      'times LATCHKEY_ARGON2_PASSES must be at least 35000, such as 19456 and 2; less makes stolen hashes cheap to guess',
  },
  {
    setting: 'LATCHKEY_PORT',
    broken: (config) => config.port === 0,
    message: 'must be a fixed port, so that a proxy can reach the server',
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

/** All unsafe settings; those that already have a fault are left out. */
export const unsafeInProduction = (config: Partial<Config>, known: ReadonlySet<string>): Fault[] =>
  check(UNSAFE_IN_PRODUCTION, config)
    .filter((fault) => !known.has(fault.setting))
    .map((fault) => ({ ...fault, message: `In production, ${fault.message}` }))

/** Warnings about permitted but risky settings, one sentence each. */
export function cautions(config: Config): string[] {
  const found: string[] = []
  const { profile } = config
  const isPublic = config.host !== 'localhost' && config.host !== '::1' && !config.host.startsWith('127.')
  if (profile !== 'production' && isPublic) {
    found.push(
      `LATCHKEY_HOST exposes the ${profile} profile to other machines, which can read every e-mail at /dev/outbox.`,
    )
  }
  if (!hasStrong(config.mfaMethods)) {
    found.push(
      'LATCHKEY_MFA_METHODS names neither `totp` nor `passkey`: users for whom a role, an administrator or an organization requires a second factor cannot sign in. `latchkey doctor` names them.',
    )
  }
  if (profile === 'production' && !config.smtpUrl) {
    found.push(
      'LATCHKEY_SMTP_URL is not set: e-mails are not delivered, so users cannot verify an address or reset a password.',
    )
  }
  if (
    profile === 'production' &&
    config.smtpUrl &&
    new URL(config.smtpUrl).searchParams.get('tls') === 'off'
  ) {
    found.push('LATCHKEY_SMTP_URL has tls=off: e-mails and the links in them can be read in transit.')
  }
  if (profile === 'production' && !config.databaseUrl) {
    found.push(
      'The embedded database survives a killed process, but not a power failure; back up the data folder.',
    )
  }
  if (config.tokenSecret && config.tokenAlgorithm !== 'HS256') {
    found.push(
      `LATCHKEY_TOKEN_SECRET has no effect while LATCHKEY_TOKEN_ALGORITHM is ${config.tokenAlgorithm}.`,
    )
  }
  const unused = config.passwordProfile === 'custom' ? [] : customised(config)
  if (unused.length > 0) {
    found.push(
      `${unused.join(', ')} ${unused.length === 1 ? 'has' : 'have'} no effect while LATCHKEY_PASSWORD_PROFILE is ${config.passwordProfile}.`,
    )
  }
  if (profile === 'production' && config.passwordProfile === 'custom') {
    const reason = weaknessOfProfile(config)
    if (reason) found.push(`The password profile custom is weak: ${reason}.`)
  }
  if (config.passwordProfile === 'pci') found.push(...beyondPci(config))
  if (config.redisUrl && config.rateLimits === 'off' && !config.sharedCredentials)
    found.push(
      'REDIS_URL has no effect while LATCHKEY_RATE_LIMITS is off and LATCHKEY_SHARED_CREDENTIALS is no.',
    )
  const host = new URL(config.publicUrl).hostname
  const { passkeyRpId: id } = config
  if (id !== null && id !== host && !host.endsWith(`.${id}`)) {
    found.push(
      `LATCHKEY_PASSKEY_RP_ID is neither ${host} nor a parent domain of it: browsers use its passkeys here only if https://${id}/.well-known/webauthn lists the origin of the public URL.`,
    )
  }
  if (config.apiKeyInQuery) {
    found.push('LATCHKEY_API_KEY_IN_QUERY permits API keys in URLs, which proxies and browsers record.')
  }
  return found
}

const MINUTE = 60_000

/** What PCI DSS 4.0.1 requires beside the profile, where the settings do not have it. */
function beyondPci(config: Config): string[] {
  const found: string[] = []
  if (config.lockoutDuration < 30 * MINUTE)
    found.push('LATCHKEY_LOCKOUT_DURATION is below the 30 minutes of PCI DSS 4.0.1, requirement 8.3.4.')
  if (config.lockoutFailures > 10)
    found.push('LATCHKEY_LOCKOUT_FAILURES is above the 10 attempts of PCI DSS 4.0.1, requirement 8.3.4.')
  const idle = { LATCHKEY_SESSION_IDLE: config.sessionIdle, LATCHKEY_REMEMBER_IDLE: config.rememberIdle }
  const long = Object.entries(idle).flatMap(([setting, value]) => (value > 15 * MINUTE ? [setting] : []))
  if (long.length > 0)
    found.push(
      `${long.join(' and ')} ${long.length === 1 ? 'is' : 'are'} above the 15 minutes of PCI DSS 4.0.1, requirement 8.2.8.`,
    )
  return found
}

/** The settings of the profile `custom` that are not at their default. */
function customised(config: Config): string[] {
  const names = [
    'passwordMinLength',
    'passwordMaxLength',
    'passwordClasses',
    'passwordForbidden',
    'passwordMaxAge',
    'passwordHistory',
  ] as const
  return names
    .filter((name) => {
      const { byDefault, kind }: Setting<unknown> = SETTINGS[name]
      const initial = typeof byDefault === 'string' ? kind.read(byDefault) : null
      return JSON.stringify(config[name]) !== JSON.stringify(initial)
    })
    .map((name) => SETTINGS[name].env)
}

/** What guessing or a password manager would meet first; null where the profile is as strong as `classic`. */
function weaknessOfProfile(config: Config): string | null {
  const { passwordMinLength: min, passwordMaxLength: max, passwordClasses } = config
  const hasCase = passwordClasses.includes('upper') || passwordClasses.includes('lower')
  const classes = passwordClasses.filter((name) => name !== 'none' && !(name === 'letter' && hasCase)).length
  if (min < 8) return 'LATCHKEY_PASSWORD_MIN_LENGTH is below 8'
  if (min < 15 && classes < 3)
    return 'with fewer than three LATCHKEY_PASSWORD_CLASSES, LATCHKEY_PASSWORD_MIN_LENGTH should be at least 15'
  if (max < 64)
    return 'LATCHKEY_PASSWORD_MAX_LENGTH is below 64, so that passphrases and generated passwords are refused'
  return null
}
