/**
 * What can go wrong outside our own logic, named so that no feature needs to know an SQLSTATE. The same
 * questions are answered alike for PostgreSQL and PGlite, because both speak through the same client.
 */

/** The database cannot be reached, or the line to it was lost while a statement was on its way. */
export class Unreachable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Unreachable'
  }
}

/** COMMIT answered ROLLBACK: a statement had failed and the work went on as if it had not. */
export class TransactionRolledBack extends Error {
  constructor(cause?: unknown) {
    super('the transaction was rolled back: a statement in it had failed, and its error was swallowed', {
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

/** 23505; with `constraint`, only where that constraint or unique index was violated. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (faultCode(error) !== '23505') return false
  return (
    constraint === undefined ||
    (error instanceof Error && 'constraint' in error && error.constraint === constraint)
  )
}

/** The connection is gone or could not be made: answered as UNAVAILABLE. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof Unreachable) return true
  const code = faultCode(error)
  if (code === null) return false
  // PostgreSQL appendix A: class 08 connection exceptions; 57P01..3 shutdown and start-up; 53300 too many connections
  return code.startsWith('08') || /^57P0[123]$/.test(code) || code === '53300' || SYSTEM_FAULTS.has(code)
}

const SYSTEM_FAULTS = new Set(
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN ENOENT'.split(' '),
)
