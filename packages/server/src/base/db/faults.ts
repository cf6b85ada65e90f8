/**
 * Database errors, named so that features need no SQLSTATE. They are the same for PostgreSQL and PGlite, because both
 * use the same client.
 */

/** The database cannot be reached, or the connection was lost while a statement was pending. */
export class Unreachable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Unreachable'
  }
}

/** COMMIT was answered with ROLLBACK: a statement failed, and its error was not rethrown. */
export class TransactionRolledBack extends Error {
  constructor(cause?: unknown) {
    super('the transaction was rolled back: a statement failed, and its error was not rethrown', {
      cause,
    })
    this.name = 'TransactionRolledBack'
  }
}

/** The SQLSTATE of a server's error, or the code of a system error; null where there is none. */
export function faultCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

/** 25P02: an earlier statement of the transaction failed. */
export const isAborted = (error: unknown): boolean => faultCode(error) === '25P02'

/** 55P03: a row was locked for longer than the statement waits. */
export const isLockTimeout = (error: unknown): boolean => faultCode(error) === '55P03'

/** 23505; with `constraint`, only where that constraint or unique index was violated. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (faultCode(error) !== '23505') return false
  return (
    constraint === undefined ||
    (error instanceof Error && 'constraint' in error && error.constraint === constraint)
  )
}

/** 23503: the row that this column refers to is gone. */
export const isReferenceLost = (error: unknown, column: string): boolean =>
  faultCode(error) === '23503' &&
  error instanceof Error &&
  'constraint' in error &&
  String(error.constraint).endsWith(`_${column}_fkey`)

/**
 * What a fault of the database means. `lost`: the connection cannot be used any more. `refused`: the server accepts no
 * connection of this login. `unwritable`: no write succeeds until an operator or a failover mends it. `busy`: this
 * statement gave up; the next may succeed.
 */
type Fault = 'lost' | 'refused' | 'unwritable' | 'busy'

/** By SQLSTATE (PostgreSQL, appendix A) or by the code of a system error; the first that matches. */
// biome-ignore format: a table
const FAULTS: readonly (readonly [code: RegExp, means: Fault, what: string])[] = [
  [/^08/, 'lost', 'connection exceptions'],
  [/^57P0[1-5]$/, 'lost', 'shut down by an administrator, crashed, starting, database dropped, idle session'],
  [/^25P0[34]$/, 'lost', 'the session ended because its transaction was idle or took too long'],
  [/^53300$/, 'lost', 'too many connections'],
  [/^E(CONN(REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN)$/, 'lost', 'the network'],
  [/^(ENOTFOUND|ENOENT)$/, 'lost', 'the host or its socket is not there'],
  [/^(28|3D)/, 'refused', 'wrong password, not permitted to log in, no such database'],
  [/^53/, 'unwritable', 'disk full, out of memory, a configured limit'],
  [/^58/, 'unwritable', 'an error of the operating system, such as I/O'],
  [/^25006$/, 'unwritable', 'read-only: a standby, or after a failover'],
  [/^57014$/, 'busy', 'canceled: the timeout for statements'],
  [/^55P03$/, 'busy', 'the timeout for locks'],
  [/^40(001|P01)$/, 'busy', 'serialization failure, deadlock'],
]

/** PostgreSQL names the file of its source that reports an error: these are of its storage. */
const isOfFile = (error: unknown): boolean =>
  /^(md|fd|xlog\w*|slru|bufmgr)\.c$/.test(String((error as { file?: unknown }).file))

/** The server ends the session with the error: `could not write init file` on a full disk, for instance. */
const isFatal = (error: unknown): boolean =>
  ['FATAL', 'PANIC'].includes(String((error as { severity?: unknown }).severity))

/** Null for every other error: a fault of the statement. */
function faultOf(error: unknown): Fault | null {
  if (error instanceof Unreachable) return 'lost'
  const code = faultCode(error)
  if (code === null) return null
  // the code of a missing right, also where the operating system refuses a file: read-only, or of another user
  if (code === '42501' && isOfFile(error)) return 'unwritable'
  return FAULTS.find(([pattern]) => pattern.test(code))?.[1] ?? (isFatal(error) ? 'lost' : null)
}

/** The connection was lost or could not be made: no other statement must be sent on it. */
export const isConnectionLost = (error: unknown): boolean => faultOf(error) === 'lost'

/** The database cannot do its work at present: answered as UNAVAILABLE. */
export const isUnavailable = (error: unknown): boolean =>
  faultOf(error instanceof TransactionRolledBack ? (error.cause ?? error) : error) !== null

/** No write succeeds at present: the server is not ready until one does. */
export const isUnwritable = (error: unknown): boolean => faultOf(error) === 'unwritable'

/** Refused data (class 22), a violated constraint (23), a deadlock: the same work without what has caused it may succeed. */
export const isOfOneStatement = (error: unknown): boolean => /^(?:22|23|40P01)/.test(faultCode(error) ?? '')

/** The code of the error, or of the first of its causes that has one. */
export function rootCode(error: unknown): string | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const inner = at instanceof AggregateError ? at.errors.map(faultCode).find((code) => code !== null) : null
    const code = faultCode(at) ?? inner ?? null
    if (code !== null) return code
  }
  return null
}
