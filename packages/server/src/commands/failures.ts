/**
 * Failures of a start or a command that have a known remedy, as sentences for the operator: by the code of the error,
 * which is a SQLSTATE (PostgreSQL, appendix A) or that of a system call. A sentence names what to change, and the
 * statement to run where the database lacks a right. An error without a row here is a fault of the program, and is
 * reported with its stack.
 */

import { rootCode, Unreachable } from '../base/db/faults.ts'
import { DataDirInUse } from '../base/db/index.ts'
import type { Config } from '../config.ts'
import { Failure, withCauses } from './command.ts'

/** The database of DATABASE_URL, for sentences; without its password. */
interface Target {
  user: string
  database: string
  /** `db.example:5432` */
  at: string
}

interface Row {
  codes: RegExp
  /** Of the message, where the code alone says too little. */
  words?: RegExp
  /** The code that `--json` prints. */
  as: string
  /** @param message the words of the error and its causes */
  sentence(target: Target, message: string): string
}

const ROLES = 'latchkey_system, latchkey_request'
const CERTIFICATE = /^(CERT_|ERR_TLS|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_SSL|HOSTNAME_MISMATCH)/

const DATABASE: readonly Row[] = [
  {
    codes: /^28/,
    as: 'DATABASE_REFUSED',
    sentence: ({ at }, message) =>
      `PostgreSQL at ${at} refuses the login (${message}): check the user and the password in DATABASE_URL, and pg_hba.conf.`,
  },
  {
    codes: /^3D000$/,
    as: 'DATABASE_MISSING',
    sentence: ({ user, database }) =>
      `The database ${database} does not exist; a superuser creates it: create database ${database} owner ${user};`,
  },
  {
    codes: /^42501$/,
    as: 'DATABASE_RIGHT_MISSING',
    sentence: missingRight,
  },
  {
    codes: /^25006$/,
    as: 'DATABASE_READ_ONLY',
    sentence: ({ at }) =>
      `The database at ${at} is read-only, as a standby is: set the address of the primary in DATABASE_URL, or promote this one.`,
  },
  {
    codes: /^53300$/,
    as: 'DATABASE_CONNECTIONS',
    sentence: ({ at }, message) =>
      `PostgreSQL at ${at} has no free connection (${message}): end some, raise max_connections or the limit of the database or the role, or lower LATCHKEY_DATABASE_POOL.`,
  },
  {
    codes: /^53100$/,
    as: 'DATABASE_FULL',
    sentence: ({ at }, message) => `The disk of PostgreSQL at ${at} is full (${message}): free space there.`,
  },
  {
    // the first connection to a new database writes a file, and does not say why it cannot
    codes: /^XX000$/,
    words: /could not write init file/,
    as: 'DATABASE_FULL',
    sentence: ({ at }, message) =>
      `The disk of PostgreSQL at ${at} is full or read-only (${message}): free space there, or check the disk.`,
  },
  {
    codes: /^53[24]00$/,
    as: 'DATABASE_FULL',
    sentence: ({ at }, message) => `PostgreSQL at ${at} has reached a limit (${message}): raise it there.`,
  },
  {
    codes: /^57P03$/,
    as: 'DATABASE_UNREACHABLE',
    sentence: ({ at }, message) => `PostgreSQL at ${at} is not ready (${message}): try again in a moment.`,
  },
  {
    codes: /^(ENOTFOUND|EAI_AGAIN)$/,
    as: 'DATABASE_UNREACHABLE',
    sentence: ({ at }) => `The host of DATABASE_URL has no address (${at}): check its name, and DNS.`,
  },
  {
    codes: /^(ECONNREFUSED|ENOENT)$/,
    as: 'DATABASE_UNREACHABLE',
    sentence: ({ at }) =>
      `No program accepts connections at ${at}: check that PostgreSQL runs, and the host and port in DATABASE_URL.`,
  },
  {
    codes: CERTIFICATE,
    as: 'DATABASE_TLS',
    sentence: ({ at }, message) =>
      `The TLS certificate of PostgreSQL at ${at} is not accepted (${message}): give its authority with sslrootcert in DATABASE_URL, or NODE_EXTRA_CA_CERTS.`,
  },
]

/** A right that the login role lacks, with the statement that grants it. */
function missingRight({ user, database }: Target, message: string): string {
  const grants = `a superuser runs: grant ${ROLES} to ${user};`
  if (/set role|admin option|(permission denied to grant|only roles with)/i.test(message))
    return `The database role ${user} may not act as the roles of the server; ${grants}`
  if (/create role/i.test(message))
    return `The database role ${user} may not create roles; a superuser runs: create role latchkey_system; create role latchkey_request; grant ${ROLES} to ${user};`
  if (/for database/i.test(message))
    return `The database role ${user} may not create the schema latchkey; a superuser runs: grant create on database ${database} to ${user};`
  return `The database role ${user} lacks a right (${message}): connect as the role that owns the schema latchkey.`
}

/** @returns a Failure with the sentence, or the error itself where there is none */
export function failureOf(error: unknown, config: Config): unknown {
  if (error instanceof Failure) return error
  if (error instanceof DataDirInUse) {
    return new Failure(
      `Process ${error.holder.pid} already runs on ${config.dataDir}. Stop it, or set another folder in LATCHKEY_DATA_DIR.`,
      'DATA_DIR_IN_USE',
    )
  }
  const { syscall, port } = (error instanceof Error ? error : {}) as { syscall?: string; port?: unknown }
  const code = rootCode(error)
  // not the connection to a database, which has a port of another program
  if (syscall === 'listen' || (syscall === 'getaddrinfo' && !(error instanceof Unreachable)))
    return listenFailure(code, config, port) ?? error
  return (
    (config.databaseUrl ? databaseFailure(error, code, config.databaseUrl) : folderFailure(code, config)) ??
    error
  )
}

/** Of a standby, which answers but takes no write. */
export const readOnlyFailure = ({ databaseUrl }: Pick<Config, 'databaseUrl'>): Failure | null =>
  databaseUrl === null ? null : databaseFailure(null, '25006', databaseUrl)

function listenFailure(code: string | null, { host, port }: Config, tried: unknown): Failure | null {
  const at = typeof tried === 'number' ? tried : port
  if (code === 'EADDRINUSE')
    return new Failure(
      `Port ${at} is in use. Stop the program that listens on it, or set another port in LATCHKEY_PORT.`,
      code,
    )
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new Failure(`${host} is not an address of this machine; set another in LATCHKEY_HOST.`, code)
  if (code === 'EACCES')
    return new Failure(`This user may not listen on port ${at}; set another port in LATCHKEY_PORT.`, code)
  return null
}

function databaseFailure(error: unknown, code: string | null, databaseUrl: string): Failure | null {
  const target = databaseTarget(databaseUrl)
  const message = lastOf(withCauses(error))
  const row = DATABASE.find(
    ({ codes, words }) => code !== null && codes.test(code) && (!words || words.test(message)),
  )
  if (row) return new Failure(row.sentence(target, message), row.as)
  if (!(error instanceof Unreachable)) return null
  if (/does not support SSL/i.test(message))
    return new Failure(
      `PostgreSQL at ${target.at} offers no TLS, which DATABASE_URL requires (sslmode): enable it there, or remove sslmode on a trusted network.`,
      'DATABASE_TLS',
    )
  return new Failure(
    `PostgreSQL at ${target.at} does not answer (${message}): check the host and port in DATABASE_URL, and firewalls between.`,
    'DATABASE_UNREACHABLE',
  )
}

const FOLDER: Readonly<Record<string, string>> = {
  EACCES: 'is not writable by this user: change its owner, or set another folder in LATCHKEY_DATA_DIR',
  EPERM: 'is not writable by this user: change its owner, or set another folder in LATCHKEY_DATA_DIR',
  EROFS: 'is on a read-only file system: set another folder in LATCHKEY_DATA_DIR',
  ENOTDIR: 'is not a folder: set another in LATCHKEY_DATA_DIR',
  EEXIST: 'is not a folder: set another in LATCHKEY_DATA_DIR',
  ENOSPC: 'is on a disk that is full: free space there, or set another folder in LATCHKEY_DATA_DIR',
  EDQUOT: 'is on a disk whose quota is used up: free space there, or set another folder in LATCHKEY_DATA_DIR',
  EIO: 'is on a disk that fails: check the disk, or set another folder in LATCHKEY_DATA_DIR',
  // of the embedded database, in the words of PostgreSQL
  53100: 'is on a disk that is full: free space there, or set another folder in LATCHKEY_DATA_DIR',
}

/** @param code of a system error, or the SQLSTATE of the embedded database */
export function folderFailure(code: string | null, { dataDir }: Pick<Config, 'dataDir'>): Failure | null {
  const why = code === null ? undefined : FOLDER[code]
  return why === undefined ? null : new Failure(`The data folder ${dataDir} ${why}.`, 'DATA_DIR')
}

/** The innermost cause; those around it say only that the database cannot be reached. */
const lastOf = (messages: string): string => messages.split(': ').at(-1) ?? messages

export function databaseTarget(databaseUrl: string): Target {
  const url = new URL(databaseUrl)
  const host = url.searchParams.get('host') ?? url.hostname
  const port = url.searchParams.get('port') ?? (url.port || '5432')
  return {
    user: quoted(decodeURIComponent(url.username) || 'of this connection'),
    database: quoted(decodeURIComponent(url.pathname.slice(1))),
    at: host.startsWith('/') ? host : `${host}:${port}`,
  }
}

/** As an identifier of SQL, quoted only where it has to be. */
const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`

/** Of LATCHKEY_METRICS_ADDRESS. @returns a Failure with the sentence, or the error itself where there is none */
export function metricsFailure(error: unknown, address: string): unknown {
  const code = rootCode(error)
  const advice = 'set another LATCHKEY_METRICS_ADDRESS.'
  if (code === 'EADDRINUSE')
    return new Failure(
      `The address ${address} for metrics is in use. Stop the program that listens on it, or ${advice}`,
      code,
    )
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new Failure(`${address} is not an address of this machine; ${advice}`, code)
  if (code === 'EACCES') return new Failure(`This user may not listen on ${address}; ${advice}`, code)
  return error
}
