/**
 * Database errors, named so that features need no SQLSTATE. They are the same for PostgreSQL and PGlite, because both use
 * the same client.
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

/** 23505; with `constraint`, only where that constraint or unique index was violated. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (faultCode(error) !== '23505') return false
  return (
    constraint === undefined ||
    (error instanceof Error && 'constraint' in error && error.constraint === constraint)
  )
}

/** The connection was lost or could not be made: answered as UNAVAILABLE. */
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
