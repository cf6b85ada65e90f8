/**
 * Units of work for row-level security, independent of the driver: a transaction under a given role with the caller
 * in its settings, and the check that policies apply to the role. The parts that differ between drivers are in pg.ts,
 * kysely.ts and drizzle.ts. Invariants: no statement of the work is sent before role and caller are set, and all
 * settings end with the transaction, so that the next user of the connection inherits nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { currentPrincipal } from '../principal.ts'
import { problem } from '../problem.ts'

/** The caller of a unit of work, which policies read; a {@link Principal} is one. */
export interface Caller {
  readonly userId: string
  readonly organizationId?: string | null | undefined
  /** Grants that `latchkey.has_permission()` checks. */
  readonly permissions?: readonly string[] | undefined
  /** Grants that `latchkey.has_organization_permission()` checks. */
  readonly organizationPermissions?: readonly string[] | undefined
}

export interface UnitOptions {
  /**
   * The database role of the unit, granted to the login role: neither a superuser nor a role with BYPASSRLS. null: the
   * login role itself, which then must be neither.
   */
  readonly role: string | null
  /** Whether units may run without a caller: no user, no organization, no permission. false by default. */
  readonly anonymous?: boolean | undefined
}

/** Runs a unit of work: a transaction in which policies know the caller. Units must not be nested; use their `tx`. */
export interface UnitOfWork<Tx> {
  /**
   * Runs `work` as the current principal.
   *
   * @param work receives the transaction; it is committed when the promise resolves and rolled back when it rejects
   * @returns the result of `work`
   * @throws Problem AUTHENTICATION_REQUIRED where there is no principal, unless `anonymous`
   * @throws TransactionRolledBack where a statement failed and `work` resolved nevertheless
   * @throws Error where `role` bypasses row-level security, and for a nested unit
   */
  <T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `work` as another caller: in a job or a test. null and undefined: no caller, which requires `anonymous`. */
  <T>(caller: Caller | null | undefined, work: (tx: Tx) => Promise<T>): Promise<T>
}

export interface Statement {
  readonly text: string
  readonly values: readonly string[]
}
/** Runs a statement in the unit's transaction. @returns its rows */
export type RunStatement = (statement: Statement) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** The settings of the transaction: the role, and the caller. */
export type Scope = readonly (readonly [setting: string, value: string])[]

/** The part that differs between drivers: begin, apply the scope, run the work, commit or roll back. */
export interface Engine<Tx> {
  run<T>(scope: Scope, work: (tx: Tx, runStatement: RunStatement) => Promise<T>): Promise<T>
}

/** COMMIT was answered with ROLLBACK: none of the changes of the unit were stored. `cause` is the first error. */
export class TransactionRolledBack extends Error {
  constructor(cause?: unknown) {
    super('the unit of work was rolled back: a statement failed, and its error was not rethrown', {
      cause,
    })
    this.name = 'TransactionRolledBack'
  }
}

interface UnitFrame {
  readonly database: object
  isOpen: boolean
  readonly outer: UnitFrame | undefined
}
const nesting = new AsyncLocalStorage<UnitFrame>()

/** Prevents a deadlock: a nested unit could wait for a connection that the outer one holds. */
function assertNotNested(database: object): void {
  for (let at = nesting.getStore(); at; at = at.outer) {
    if (at.isOpen && at.database === database)
      throw new Error('a unit of work does not nest: use the tx of the outer one')
  }
}

/** @param database identifies the database, for the check that its units are not nested */
export function unitsOf<Tx>(engine: Engine<Tx>, database: object, options: UnitOptions): UnitOfWork<Tx> {
  const { role, anonymous = false } = options
  if (role !== null && (typeof role !== 'string' || role === '' || role === 'none'))
    throw new TypeError('role must be the name of a role of the database, or null for the login role')
  let isRoleChecked = false

  async function run<T>(caller: Caller | null, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (caller === null && !anonymous) throw problem('AUTHENTICATION_REQUIRED')
    assertNotNested(database)
    return engine.run(scopeOf(role, caller), async (tx, runStatement) => {
      if (!isRoleChecked) await assertRoleIsBound(runStatement)
      isRoleChecked = true
      const frame: UnitFrame = { database, isOpen: true, outer: nesting.getStore() }
      try {
        return await nesting.run(frame, work, tx)
      } finally {
        frame.isOpen = false
      }
    })
  }
  return <T>(
    ...args: [(tx: Tx) => Promise<T>] | [Caller | null | undefined, (tx: Tx) => Promise<T>]
  ): Promise<T> => {
    if (args.length === 1) return run(callerOrNull(currentPrincipal()), args[0])
    return run(callerOrNull(args[0]), args[1])
  }
}

/** An empty id is no caller, as in the functions that policies use. */
const callerOrNull = (caller: Caller | null | undefined): Caller | null =>
  caller === null || caller === undefined || caller.userId === '' ? null : caller

/** Sets every setting in each transaction, so that none is inherited from the session. */
function scopeOf(role: string | null, caller: Caller | null): Scope {
  const settings: [setting: string, value: string][] = [
    ['latchkey.user_id', caller?.userId ?? ''],
    ['latchkey.organization_id', caller?.organizationId ?? ''],
    ['latchkey.permissions', permissionList(caller?.permissions)],
    ['latchkey.organization_permissions', permissionList(caller?.organizationPermissions)],
  ]
  if (role !== null) settings.unshift(['role', role])
  return settings
}

/** The scope as one statement with parameters. */
export function statementOf(scope: Scope): Statement {
  const calls = scope.map(([setting], at) => `set_config('${setting}', $${at + 1}, true)`)
  return { text: `select ${calls.join(', ')}`, values: scope.map(([, value]) => value) }
}

/** The scope as `set local` statements without parameters, which need no planning. */
export const textOf = (scope: Scope): string =>
  scope.map(([setting, value]) => `set local ${setting} to ${literal(value)}`).join('; ')

/**
 * An SQL literal. All characters except letters, digits and a few others are escaped by code point, so that the text
 * contains no quote or backslash of the value, independent of `standard_conforming_strings` and the client encoding.
 * PostgreSQL rejects NUL and unpaired surrogates.
 */
const literal = (value: string): string =>
  `E'${value.replace(/[^\w .:*@-]/gu, (one) => `\\U${one.codePointAt(0)?.toString(16).padStart(8, '0')}`)}'`

/** Space-separated. A permission that contains a space is omitted: it would be read as several, possibly `*`. */
const permissionList = (permissions: readonly string[] = []): string =>
  permissions.filter((permission) => !permission.includes(' ')).join(' ')

const BYPASS_QUERY: Statement = {
  text: `select r.rolname as role, r.rolsuper or r.rolbypassrls as bypasses, (
      select min(format('%I.%I', n.nspname, c.relname)) from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relrowsecurity and not c.relforcerowsecurity and pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')
    ) as unforced from pg_catalog.pg_roles r where r.rolname = current_user`,
  values: [],
}

/** Asserts once for each role that row-level security applies to it; otherwise every caller would see every row. */
async function assertRoleIsBound(runStatement: RunStatement): Promise<void> {
  const [found] = await runStatement(BYPASS_QUERY)
  if (found?.bypasses !== false)
    throw new Error(`row-level security does not bind ${found?.role}: it is a superuser or has BYPASSRLS`)
  if (found.unforced !== null)
    throw new Error(
      `row-level security of ${found.unforced} does not bind ${found.role}, which owns it: alter table … force row level security`,
    )
}

const turns = new WeakMap<object, Promise<unknown>>()

/** Serializes the units of one connection: interleaved, they would be one transaction of several callers. */
export function inTurn<T>(connection: object, work: () => Promise<T>): Promise<T> {
  const mine = (turns.get(connection) ?? Promise.resolve()).then(work, work)
  turns.set(connection, mine)
  return mine
}

/** Distinguishes a pool from a single client. */
export const isPool = (database: object): boolean => 'totalCount' in database

/** Asserts, for drivers that do not report the outcome of COMMIT, that the transaction is not aborted. */
export async function assertNotAborted(runStatement: RunStatement): Promise<void> {
  try {
    await runStatement({ text: 'select 1', values: [] })
  } catch (error) {
    throw isAbortedTransaction(error) ? new TransactionRolledBack(error) : error
  }
}

/** SQLSTATE 25P02, in_failed_sql_transaction; also as the cause of another error. */
const isAbortedTransaction = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && error.code === '25P02') || isAbortedTransaction(error.cause))
