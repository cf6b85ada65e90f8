/**
 * `doctor`: checks everything that the server requires and prints a line for each check, with the remedy for a
 * failure. It changes nothing and continues after failures, so that one run shows all of them.
 */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { rootCode } from '../base/db/faults.ts'
import { dataDirHolder } from '../base/db/index.ts'
import { UNFINISHED } from '../base/db/migrate.ts'
import { loadArgon2, loadBcrypt } from '../base/hashing/index.ts'
import { findRelyingParty } from '../base/relying-party.ts'
import { cautions } from '../config/rules.ts'
import { secretFile } from '../config/secret.ts'
import { type Config, readConfig } from '../config.ts'
import { unmeetableText } from '../core/demands.ts'
import { breachFileText } from './breaches.ts'
import { clockDifference, isNoticeable } from './clock-difference.ts'
import { type Command, type CommandOutcome, withCauses } from './command.ts'
import { type DatabaseReport, doctorDatabase } from './doctor-database.ts'
import { judgeRedis, lookAtRedis } from './doctor-redis.ts'
import { failureOf, folderFailure, readOnlyFailure } from './failures.ts'
import { paint, plain } from './terminal.ts'
import { runThrough } from './through.ts'

type State = 'ok' | 'warn' | 'fail'
interface Finding {
  check: string
  state: State
  message: string
}
const finding =
  (state: State) =>
  (check: string, message: string): Finding => ({ check, state, message })
const [ok, warn, fail] = [finding('ok'), finding('warn'), finding('fail')]

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check the environment of the server, with a remedy for each failure',
  about: 'Changes nothing. Exit code 1 if a check fails that prevents the server from starting or working.',
  on: 'machine',
  async run() {
    const { config, faults } = readConfig(undefined, { secret: 'look' })
    const findings: Finding[] = [node(), ...threads()]
    if (!config) {
      findings.push(...faults.map((fault) => fail('settings', fault.message)))
      return report(findings, 'The other checks require valid settings.')
    }
    findings.push(
      ok('settings', `valid for ${config.profile}`),
      ...cautions(config).map((text) => warn('settings', text)),
    )
    findings.push(await hashing(config), ...secret(config), dataDir(config))
    const holder = config.databaseUrl ? null : await dataDirHolder(config.dataDir)
    findings.push(...(await database(config)))
    findings.push(await port(config, holder?.pid ?? null), await mail(config))
    findings.push(passkeys(config), ...(await breaches(config)), ...(await redis(config)))
    return report(findings)
  },
}

/** The domain that passkeys belong to: the host of the public URL, or a parent domain of it. */
function passkeys(config: Config): Finding {
  const party = findRelyingParty(config)
  const { hostname } = new URL(config.publicUrl)
  const isOff = !config.mfaMethods.includes('passkey')
  if (!party)
    return isOff
      ? ok('passkeys', 'switched off by LATCHKEY_MFA_METHODS')
      : warn('passkeys', `none, because ${hostname} is not a domain: use a name in LATCHKEY_PUBLIC_URL`)
  if (isOff) return ok('passkeys', 'no user can add one (LATCHKEY_MFA_METHODS); those that exist work')
  return party.id === hostname || hostname.endsWith(`.${party.id}`)
    ? ok('passkeys', `belong to ${party.id}`)
    : warn('passkeys', `belong to ${party.id}, which is neither ${hostname} nor a parent domain of it`)
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isGood = major > 20 || (major === 20 && minor >= 19)
  return isGood
    ? ok('node', `Node.js ${process.versions.node}`)
    : fail('node', `Node.js ${process.versions.node} is too old: 20.19 or newer is required`)
}

/** Hashing shares libuv's threads with files and DNS; Node's default is four. */
function threads(): Finding[] {
  const cores = os.availableParallelism()
  return cores > 3
    ? [
        ok(
          'threads',
          `${cores} cores; \`npm start\` and the \`latchkey\` command raise UV_THREADPOOL_SIZE to ${cores + 4}`,
        ),
      ]
    : []
}

/** Without the binaries of the configured algorithm the server refuses to start; the other one may never be needed. */
async function hashing({ hashAlgorithm }: Config): Promise<Finding> {
  const again = 'remove node_modules and install again on this machine, with its optional packages'
  const [argon2, bcrypt] = await Promise.all([loadArgon2, loadBcrypt].map(faultOf))
  const [own, other] = hashAlgorithm === 'argon2id' ? [argon2, bcrypt] : [bcrypt, argon2]
  if (own) return fail('hashing', `${own}: ${again}`)
  if (other) return warn('hashing', `${other}, so stored hashes of that kind match no password: ${again}`)
  return ok('hashing', 'argon2 and bcrypt can be loaded')
}

const faultOf = (load: () => Promise<unknown>): Promise<string | null> =>
  load().then(
    () => null,
    (error: Error) => error.message,
  )

function secret(config: Config): Finding[] {
  const file = secretFile(config.dataDir)
  if (config.profile === 'production' || !existsSync(file)) return [ok('secret', secretSource(config))]
  // Windows keeps access lists, which the mode does not show
  const isOpen = process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0
  return [
    isOpen
      ? fail('secret', `${file} is readable by other users: chmod 600 ${file}`)
      : ok('secret', secretSource(config)),
  ]
}

const secretSource = (config: Config): string =>
  config.secret.startsWith('(')
    ? 'generated at the first start'
    : `${config.secret.length} characters, not a known sample`

/** A check that failed as a start would, in the same words. */
const failed = (check: string, error: unknown): Finding => fail(check, withCauses(error).replace(/\.$/, ''))

/** What the embedded database needs at least: two segments of its write-ahead log. */
const EMBEDDED_BYTES = 32 * 1024 * 1024

/** The data folder, or its nearest existing parent folder. */
function dataDir(config: Config): Finding {
  let folder = config.dataDir
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    return failed('data folder', folderFailure(rootCode(error), { dataDir: folder }) ?? error)
  }
  const { bavail, bsize } = statfsSync(folder)
  if (!config.databaseUrl && bavail * bsize < EMBEDDED_BYTES)
    return failed('data folder', folderFailure('ENOSPC', { dataDir: folder }))
  return ok(
    'data folder',
    folder === config.dataDir ? config.dataDir : `${config.dataDir} is created at the first start`,
  )
}

async function database(config: Config): Promise<Finding[]> {
  if (!config.databaseUrl && !existsSync(join(config.dataDir, 'database', 'PG_VERSION'))) {
    return [ok('database', 'embedded; created at the first start')]
  }
  let found: DatabaseReport
  const began = systemClock().now()
  try {
    found = (await runThrough(doctorDatabase, { values: {}, positionals: [] }, config)).json as DatabaseReport
  } catch (error) {
    return [failed('database', failureOf(error, config))]
  }
  return [
    ...databaseItself(found, config),
    ...waitingJobs(found),
    ...deliveries(found),
    ...unmeetable(found, config),
    clock(found, began),
    ...isolation(config, found),
  ]
}

function databaseItself(found: DatabaseReport, config: Config): Finding[] {
  const { version, versionNumber, isStandby, isUnfinished } = found
  const isOld = versionNumber < 150_000
  if (isStandby) return [failed('database', readOnlyFailure(config))]
  if (isUnfinished) return [failed('database', new Error(UNFINISHED))]
  return [
    isOld
      ? fail('database', `PostgreSQL ${version} is too old: 15 or newer is required`)
      : ok('database', `PostgreSQL ${version}`),
    ...databaseMigrations(found),
  ]
}

export function databaseMigrations({
  pending,
  contracts,
  beyond,
  odd,
}: Pick<DatabaseReport, 'pending' | 'contracts' | 'beyond' | 'odd'>): Finding[] {
  const text = `${beyond.join(', ')}: of a version after the next one, with which this server does not start; use that version or the one before it`
  return [
    pending.length > 0
      ? warn('migrations', pendingText(pending, contracts))
      : ok('migrations', 'all applied'),
    ...(beyond.length > 0 ? [fail('migrations', text)] : []),
    ...odd.map((name) =>
      warn('migrations', `${name} does not match this version; see \`latchkey migrate status\``),
    ),
  ]
}

function pendingText(pending: readonly string[], contracts: readonly string[]): string {
  const removing =
    contracts.length > 0 ? `, of which ${contracts.join(', ')} removes what earlier versions use` : ''
  return `${pending.length} pending${removing}; \`latchkey migrate plan\` shows them, the start or \`latchkey migrate up\` applies them`
}

export const waitingJobs = ({ waiting }: Pick<DatabaseReport, 'waiting'>): Finding[] =>
  waiting.map(({ kind, count, since }) =>
    warn(
      'jobs',
      `${count} of the kind ${kind} due since ${since}: no server runs that knows it. Start one of the version that wrote it; after 30 days other versions delete it`,
    ),
  )

function deliveries({ mailError }: DatabaseReport): Finding[] {
  if (mailError === null) return []
  return [
    warn(
      'deliveries',
      `the latest e-mails could not be delivered (${mailError}): check LATCHKEY_SMTP_URL and the mail server`,
    ),
  ]
}

/** Users whom a role, an administrator or an organization stops for ever. */
export function unmeetable({ demands }: Pick<DatabaseReport, 'demands'>, config: Config): Finding[] {
  const text = demands && unmeetableText(config, demands)
  return text ? [warn('second factors', text)] : []
}

function clock({ now }: DatabaseReport, began: Date): Finding {
  const difference = clockDifference(new Date(now), { began, ended: systemClock().now() })
  const text = `${(Math.abs(difference) / 1000).toFixed(1)} s difference to the database's clock`
  return isNoticeable(difference)
    ? warn('clock', `${text}: expiry times differ by this; synchronise both by NTP`)
    : ok('clock', text)
}

function isolation(
  config: Config,
  { isolationFault, loginRoleBypasses, loginRole }: DatabaseReport,
): Finding[] {
  if (isolationFault) return [fail('isolation', `${isolationFault}; the server does not start in this state`)]
  if (!config.databaseUrl) return [ok('isolation', 'row-level security applies to requests')]
  if (!loginRoleBypasses)
    return [ok('isolation', `row-level security applies to requests and to the login role ${loginRole}`)]
  const advice = `the login role ${loginRole} is a superuser or has BYPASSRLS: use a role without these`
  return [
    config.profile === 'production'
      ? fail('isolation', `${advice}; production refuses it`)
      : warn('isolation', `${advice}; production requires that`),
  ]
}

async function port(config: Config, holder: number | null): Promise<Finding> {
  const where = `${config.host} port ${config.port}`
  const fault = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const server = net.createServer()
    server.once('error', resolve)
    server.listen(config.port, config.host, () => server.close(() => resolve(null)))
  })
  if (!fault) return ok('port', `${where} is free`)
  if (fault.code !== 'EADDRINUSE')
    return fail('port', `listening on ${where} failed (${fault.code}): change LATCHKEY_HOST or LATCHKEY_PORT`)
  if (holder !== null || (await isLatchkey(config)))
    return ok('port', `${where} is served by a running Latchkey`)
  return fail('port', `${where} is in use by another program: stop it, or change LATCHKEY_PORT`)
}

async function isLatchkey(config: Config): Promise<boolean> {
  const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host === '::' ? '[::1]' : config.host
  try {
    const response = await fetch(`http://${host}:${config.port}/healthz`, {
      signal: AbortSignal.timeout(2000),
      redirect: 'error',
    })
    return response.ok && response.headers.has('x-request-id')
  } catch {
    return false
  }
}

async function mail(config: Config): Promise<Finding> {
  if (!config.smtpUrl) {
    return config.profile === 'production'
      ? warn('mail', 'LATCHKEY_SMTP_URL is not set: e-mails are not delivered')
      : ok('mail', 'e-mails are shown at /dev/outbox')
  }
  const { createSmtp } = await import('../base/outbound/smtp.ts')
  const smtp = createSmtp(config.smtpUrl)
  try {
    await smtp.check()
    return ok('mail', `${new URL(config.smtpUrl).host} accepts e-mails`)
  } catch (error) {
    return fail(
      'mail',
      `${new URL(config.smtpUrl).host} does not accept e-mails (${withCauses(error)}): check LATCHKEY_SMTP_URL`,
    )
  } finally {
    smtp.close()
  }
}

async function redis({ redisUrl }: Config): Promise<Finding[]> {
  if (redisUrl === null) return []
  const { host } = new URL(redisUrl)
  try {
    return judgeRedis(host, await lookAtRedis(redisUrl)).map(({ state, message }) =>
      finding(state)('redis', message),
    )
  } catch (error) {
    const advice =
      'check REDIS_URL and the server; until then each node counts rate limits by itself, and reads credentials from the database'
    return [warn('redis', `${host} does not answer (${withCauses(error)}): ${advice}`)]
  }
}

async function breaches(config: Config): Promise<Finding[]> {
  const { createBreaches } = await import('../base/outbound/breaches.ts')
  const found = createBreaches({ clock: systemClock(), log: { warn() {} }, config })
  const findings: Finding[] = []
  try {
    const file = await found.checkFile()
    if (file) findings.push(ok('breach file', breachFileText(file)))
  } catch (error) {
    const advice = 'build it with `latchkey breaches build`, or change LATCHKEY_BREACH_FILE'
    findings.push(
      warn('breach file', `${config.breachFile} ${(error as Error).message}, so it is not used: ${advice}`),
    )
  }
  if (!config.breachCheck) return findings
  const { host } = new URL(config.breachUrl)
  try {
    await found.check()
    findings.push(ok('breaches', `${host} answers`))
  } catch (error) {
    const advice =
      'permit the connection, set a mirror in LATCHKEY_BREACH_URL or a file in LATCHKEY_BREACH_FILE, or set LATCHKEY_BREACH_CHECK=no'
    findings.push(
      warn(
        'breaches',
        `${host} does not answer (${withCauses(error)}), so it does not check new passwords: ${advice}`,
      ),
    )
  }
  return findings
}

function report(findings: readonly Finding[], more?: string): CommandOutcome {
  const count = (state: State) => findings.filter((each) => each.state === state).length
  const marks = { ok: paint('green', 'ok  '), warn: paint('yellow', 'warn'), fail: paint('red', 'fail') }
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.map(
    ({ check, state, message }) => `${marks[state]}  ${check.padEnd(width)}  ${plain(message)}`,
  )
  const isGood = count('fail') === 0
  const sum = isGood
    ? count('warn') > 0
      ? 'All checks passed, with warnings.'
      : 'All checks passed.'
    : `${count('fail')} ${count('fail') === 1 ? 'check' : 'checks'} failed.`
  return {
    exit: isGood ? 0 : 1,
    json: { ok: isGood, findings },
    text: [...lines, '', more ? `${sum} ${more}` : sum].join('\n'),
  }
}
