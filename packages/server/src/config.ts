/**
 * Configuration: reads the settings (config/settings.ts) from the environment and `.env`, and secrets also from files that these
 * name. This is the only file that reads the environment. All faults are reported in one message.
 * Invariant: messages and printed tables never contain a secret.
 */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { Refused, withoutPassword } from './config/kinds.ts'
import { nearest } from './config/nearest.ts'
import { contradictions, unsafeInProduction } from './config/rules.ts'
import { findKeptSecret, keepSecret } from './config/secret.ts'
import {
  type Config,
  type Fault,
  PROFILES,
  SETTINGS,
  type ServerProfile,
  type Setting,
  type SettingName,
} from './config/settings.ts'

export {
  type Config,
  type Fault,
  GROUPS,
  PROFILES,
  SETTINGS,
  type ServerProfile,
  type Setting,
  type SettingName,
} from './config/settings.ts'

export type Source = 'environment' | '.env' | 'file' | 'default'
export interface Reading {
  /** Null when there are faults. */
  config: Config | null
  faults: Fault[]
  /** The source of each setting's value. */
  sources: Record<SettingName, Source>
  /** The values that could be read. */
  values: Partial<Config>
}

export class ConfigError extends Error {
  constructor(readonly faults: readonly Fault[]) {
    const lines = faults.map((fault) => `  - ${fault.message}`)
    super(`The settings are not valid:\n${lines.join('\n')}`)
    this.name = 'ConfigError'
  }
}

export interface ReadOptions {
  /** The working folder: the place of `.env` and the base of relative paths. */
  cwd?: string
  /** `look`: a missing secret is not generated; its value is then `(generated at the first start)`. */
  secret?: 'keep' | 'look'
}
type Env = Readonly<Record<string, string | undefined>>

/**
 * Reads and validates the settings. @throws ConfigError with all faults
 */
export function loadConfig(env: Env = process.env, options: ReadOptions = {}): Config {
  const { config, faults } = readConfig(env, options)
  if (!config) throw new ConfigError(faults)
  return config
}

/** Reads the settings and their faults; for `config` and `doctor`, which also report invalid settings. */
export function readConfig(
  env: Env = process.env,
  { cwd = process.cwd(), secret = 'keep' }: ReadOptions = {},
): Reading {
  const faults: Fault[] = []
  const file = readEnvFile(join(cwd, '.env'), faults)
  const given = (name: string) =>
    [env[name], file[name]].find(
      (value) => value !== undefined && value.trim() !== '' && !isOfService(name, value),
    )
  faults.push(...unknownNames(env, ''), ...unknownNames(file, ' (in .env)'))

  const profile = PROFILES.find((name) => name === given(SETTINGS.profile.env)) ?? 'development'
  const values: Record<string, unknown> = {}
  const sources = {} as Record<SettingName, Source>
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const direct = given(setting.env)
    const path = setting.secret ? given(fileNameOf(setting)) : undefined
    if (direct && path)
      faults.push({
        setting: setting.env,
        message: `Set ${setting.env} or ${fileNameOf(setting)}, not both.`,
      })
    const chosen = direct ?? (path && readSecretFile(resolve(cwd, path.trim()), setting, faults))
    sources[name as SettingName] = sourceOf(chosen, direct, env[setting.env])
    const fallback = defaultOf(setting, profile)
    try {
      const raw = chosen?.trim() ?? fallback
      values[name] = raw === null ? null : setting.kind.read(raw)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      faults.push({ setting: setting.env, message: `${setting.env} must be ${error.message}.` })
    }
  }
  settle(values, cwd, secret, faults)
  const read = values as Partial<Config>
  // rules over settings that could not be read would repeat the same fault
  if (faults.length === 0) faults.push(...contradictions(read as Config))
  if (profile === 'production')
    faults.push(...unsafeInProduction(read, new Set(faults.map((fault) => fault.setting))))
  return {
    config: faults.length === 0 ? (Object.freeze(read) as Config) : null,
    faults,
    sources,
    values: read,
  }
}

function sourceOf(chosen: string | undefined, direct: string | undefined, inEnvironment?: string): Source {
  if (!chosen) return 'default'
  if (direct === undefined) return 'file'
  return inEnvironment === direct ? 'environment' : '.env'
}

/** The variable that names a file with a secret, as systemd, Docker and Kubernetes provide secrets. */
const fileNameOf = (setting: Setting<unknown>): string => `${setting.env}_FILE`

const SECRET_FILE_BYTES = 64 * 1024

/** @returns the content without the end of its last line; undefined, with a fault, where it is not to be had */
function readSecretFile(path: string, setting: Setting<unknown>, faults: Fault[]): string | undefined {
  const refuse = (reason: string): undefined => {
    const name = fileNameOf(setting)
    faults.push({ setting: name, message: `${name} must name a file that can be read (${path}: ${reason}).` })
  }
  try {
    const content = readFileSync(path)
    if (content.length > SECRET_FILE_BYTES) return refuse(`larger than ${SECRET_FILE_BYTES} bytes`)
    const text = content.toString('utf8').replace(/\r?\n$/, '')
    return text.trim() === '' ? refuse('empty') : text
  } catch (error) {
    return refuse((error as NodeJS.ErrnoException).code ?? String(error))
  }
}

export const defaultOf = (setting: Setting<unknown>, profile: ServerProfile): string | null =>
  typeof setting.byDefault === 'object' ? (setting.byDefault?.[profile] ?? null) : setting.byDefault

/** Fills in defaults that are derived from other settings. */
function settle(values: Record<string, unknown>, cwd: string, mode: 'keep' | 'look', faults: Fault[]): void {
  const { profile, host: listen, port, brandName } = values as Partial<Config>
  for (const path of ['dataDir', 'breachFile'])
    if (typeof values[path] === 'string') values[path] = resolve(cwd, values[path])
  if (values.publicUrl === null && listen !== undefined)
    values.publicUrl = `http://${nameOfHost(listen)}:${port ?? ''}`
  if (values.mailFrom === null && typeof values.publicUrl === 'string') {
    const domain = URL.canParse(values.publicUrl) ? new URL(values.publicUrl).hostname : 'localhost'
    values.mailFrom = `${brandName?.replaceAll(/[",;:@()[\]\\]/g, '') || 'Latchkey'} <no-reply@${domain}>`
  }
  if (values.secret !== null || profile === 'production' || typeof values.dataDir !== 'string') return
  try {
    values.secret =
      mode === 'keep'
        ? keepSecret(values.dataDir)
        : (findKeptSecret(values.dataDir) ?? '(generated at the first start)')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    faults.push({
      setting: 'LATCHKEY_DATA_DIR',
      message: `LATCHKEY_DATA_DIR must be a writable folder (${reason}).`,
    })
  }
}

/** The host name for browsers on the same machine of the address that the server listens on. */
function nameOfHost(listen: string): string {
  if (/^(127\.\d+\.\d+\.\d+|::1?|0\.0\.0\.0|localhost)$/.test(listen)) return 'localhost'
  return listen.includes(':') ? `[${listen}]` : listen
}

function readEnvFile(path: string, faults: Fault[]): Env {
  try {
    return parseEnv(readFileSync(path, 'utf8')) as Env
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      faults.push({ setting: '.env', message: `.env cannot be read (${(error as Error).message}).` })
    }
    return {}
  }
}

/**
 * The variables of the environment that Kubernetes sets for Services named `latchkey` or `latchkey-…`; they are no
 * settings, although their names begin as ours: `LATCHKEY_PORT=tcp://10.96.0.12:4000`.
 */
export const serviceVariables = (env: Env = process.env): string[] =>
  Object.keys(env)
    .filter((name) => isOfService(name, env[name]))
    .sort()

/** https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables */
function isOfService(name: string, value = ''): boolean {
  if (!name.startsWith('LATCHKEY_')) return false
  if (/_SERVICE_HOST$/.test(name)) return isIP(value) !== 0
  if (/_SERVICE_PORT(_[A-Z0-9_]+)?$/.test(name)) return /^\d{1,5}$/.test(value)
  const [, part] = /_PORT(?:_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(PROTO|PORT|ADDR))?)?$/.exec(name) ?? [null, null]
  if (part === null) return false
  if (part === 'PROTO') return /^(tcp|udp|sctp)$/.test(value)
  if (part === 'PORT') return /^\d{1,5}$/.test(value)
  return part === 'ADDR' ? isIP(value) !== 0 : /^(tcp|udp|sctp):\/\/\S+:\d{1,5}$/.test(value)
}

function unknownNames(env: Env, where: string): Fault[] {
  const names = Object.values<Setting<unknown>>(SETTINGS).flatMap((setting) =>
    setting.secret ? [setting.env, fileNameOf(setting)] : [setting.env],
  )
  return Object.keys(env)
    .filter((name) => /^LATCHKEY_/i.test(name) && !names.includes(name) && !isOfService(name, env[name]))
    .map((name) => {
      const meant = nearest(name.toUpperCase(), names)
      return {
        setting: name,
        message: `${name}${where} is not a setting${meant ? `; did you mean ${meant}?` : '.'}`,
      }
    })
}

/** A value for display: secrets masked, durations in their written form. */
export function shown(name: SettingName, values: Partial<Config>): string {
  const setting: Setting<unknown> = SETTINGS[name]
  const value = values[name]
  if (value === undefined) return '(not valid)'
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return '(not set)'
  if (setting.secret === 'whole') return '***'
  if (setting.secret === 'password') return withoutPassword(String(value))
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'number' && setting.kind.takes.startsWith('a duration')
    ? inWords(value)
    : String(value)
}

function inWords(milliseconds: number): string {
  const units = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000]] as const // biome-ignore format: a table
  const [unit, size] = units.find(([, length]) => milliseconds % length === 0) ?? ['ms', 1]
  return `${milliseconds / size}${unit}`
}

/** Whether systemd has started this process and waits for its notifications (sd_notify(3)). */
export const isNotifying = (): boolean => Boolean(process.env.NOTIFY_SOCKET)

/** Whether text for this stream may contain colours (https://no-color.org). */
export const mayColour = (stream: { isTTY?: boolean }): boolean =>
  stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
