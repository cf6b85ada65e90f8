/**
 * A unit of work that runs as a caller, whatever driver carries it: who it is for, what the database is told before
 * anything else, and the proof that policies bind the role. The drivers' own parts are in pg.ts, kysely.ts and
 * drizzle.ts. The invariant: no statement of the work is sent before role and caller were confirmed, and everything
 * that is set ends with the transaction, so nothing is left behind for whoever has the connection next.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { currentPrincipal } from '../principal.ts'
import { problem } from '../problem.ts'

/** On whose behalf the database works; a principal is one. */
export interface Caller {
  readonly userId: string
  readonly organizationId?: string | null | undefined
  /** What `latchkey.has_permission()` knows. */
  readonly permissions?: readonly string[] | undefined
  /** What `latchkey.has_organization_permission()` knows. */
  readonly organizationPermissions?: readonly string[] | undefined
}

export interface UnitOptions {
  /**
   * The database's role for the work: no superuser, no BYPASSRLS, and granted to the login role. null: the login
   * role itself, where it is such a one.
   */
  readonly role: string | null
  /** Whether work may run for nobody, with no user, no organization and no permission; false by default. */
  readonly anonymous?: boolean | undefined
}

/** Runs units of work. Within one, another is refused: use the `tx` that it was given. */
export interface AsCaller<Tx> {
  /**
   * For the current principal.
   *
   * @throws Problem AUTHENTICATION_REQUIRED where there is none, unless `anonymous`
   * @throws TransactionRolledBack where a statement failed and the work went on as if it had not
   */
  <T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** For somebody else: a job that goes on for a person, a test. null and undefined are nobody. */
  <T>(caller: Caller | null | undefined, work: (tx: Tx) => Promise<T>): Promise<T>
}

export interface Statement {
  readonly text: string
  readonly values: readonly string[]
}
/** Runs a statement in the unit's transaction. @returns its rows */
export type Ask = (statement: Statement) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** What the database is told of the unit: the role, and the caller. */
export type Scope = readonly (readonly [setting: string, value: string])[]

/** What a driver does: begin, tell the scope, then the work, then commit or roll back. */
export interface Engine<Tx> {
  run<T>(scope: Scope, work: (tx: Tx, ask: Ask) => Promise<T>): Promise<T>
}

/** COMMIT answered ROLLBACK: nothing of the unit was kept. */
export class TransactionRolledBack extends Error {
  constructor(cause?: unknown) {
    super('the unit of work was rolled back: a statement in it had failed, and its error was swallowed', {
      cause,
    })
    this.name = 'TransactionRolledBack'
  }
}

interface Open {
  readonly database: object
  isOpen: boolean
  readonly outer: Open | undefined
}
const nesting = new AsyncLocalStorage<Open>()

/** In a pool the inner one might wait for ever for a connection; on one connection it certainly would. */
function assertOutside(database: object): void {
  for (let at = nesting.getStore(); at; at = at.outer) {
    if (at.isOpen && at.database === database)
      throw new Error('a unit of work does not nest: use the tx that the outer one was given')
  }
}

/** @param database what units of the same must not nest in */
export function unitsOf<Tx>(engine: Engine<Tx>, database: object, options: UnitOptions): AsCaller<Tx> {
  const { role, anonymous = false } = options
  if (role !== null && (typeof role !== 'string' || role === '' || role === 'none'))
    throw new TypeError('role is the name of a role of the database, or null for the login role itself')
  let isProven = false

  async function run<T>(caller: Caller | null, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (caller === null && !anonymous) throw problem('AUTHENTICATION_REQUIRED')
    assertOutside(database)
    return engine.run(scopeOf(role, caller), async (tx, ask) => {
      if (!isProven) await prove(ask)
      isProven = true
      const here: Open = { database, isOpen: true, outer: nesting.getStore() }
      try {
        return await nesting.run(here, work, tx)
      } finally {
        here.isOpen = false
      }
    })
  }
  return <T>(
    ...given: [(tx: Tx) => Promise<T>] | [Caller | null | undefined, (tx: Tx) => Promise<T>]
  ): Promise<T> => {
    if (given.length === 1) return run(knownCaller(currentPrincipal()), given[0])
    return run(knownCaller(given[0]), given[1])
  }
}

/** An id of '' is what the policies take for nobody. */
const knownCaller = (caller: Caller | null | undefined): Caller | null =>
  caller === null || caller === undefined || caller.userId === '' ? null : caller

/** Every setting is set each time, so that none is inherited from the session. */
function scopeOf(role: string | null, caller: Caller | null): Scope {
  const settings: [setting: string, value: string][] = [
    ['latchkey.user_id', caller?.userId ?? ''],
    ['latchkey.organization_id', caller?.organizationId ?? ''],
    ['latchkey.permissions', listed(caller?.permissions)],
    ['latchkey.organization_permissions', listed(caller?.organizationPermissions)],
  ]
  if (role !== null) settings.unshift(['role', role])
  return settings
}

/** One statement that says all of it, values as parameters. */
export function statementOf(scope: Scope): Statement {
  const calls = scope.map(([setting], at) => `set_config('${setting}', $${at + 1}, true)`)
  return { text: `select ${calls.join(', ')}`, values: scope.map(([, value]) => value) }
}

/** The same as a text without parameters, several statements that nothing has to be planned for. */
export const textOf = (scope: Scope): string =>
  scope.map(([setting, value]) => `set local ${setting} to ${literal(value)}`).join('; ')

/**
 * All but letters, digits and a few signs by their numbers: no quote and no backslash of the value comes into the text,
 * whatever the session says of strings and encodings. PostgreSQL refuses a NUL and half a surrogate pair.
 */
const literal = (value: string): string =>
  `E'${value.replace(/[^\w .:*@-]/gu, (one) => `\\U${one.codePointAt(0)?.toString(16).padStart(8, '0')}`)}'`

/** Between permissions stands a space: one with a space in it would be several, `*` perhaps among them. */
const listed = (permissions: readonly string[] = []): string =>
  permissions.filter((permission) => !permission.includes(' ')).join(' ')

const PROOF: Statement = {
  text: `select r.rolname as role, r.rolsuper or r.rolbypassrls as bypasses, (
      select min(format('%I.%I', n.nspname, c.relname)) from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relrowsecurity and not c.relforcerowsecurity and pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')
    ) as unforced from pg_catalog.pg_roles r where r.rolname = current_user`,
  values: [],
}

/** Once for each: a role that policies do not bind would show everybody everything, and nobody would notice. */
async function prove(ask: Ask): Promise<void> {
  const [found] = await ask(PROOF)
  if (found?.bypasses !== false)
    throw new Error(`row-level security does not bind ${found?.role}: it is a superuser or has BYPASSRLS`)
  if (found.unforced !== null)
    throw new Error(
      `row-level security of ${found.unforced} does not bind ${found.role}, which owns it: alter table … force row level security`,
    )
}

const turns = new WeakMap<object, Promise<unknown>>()

/** On one connection units come one after the other: interleaved, they would be one transaction of several callers. */
export function inTurn<T>(connection: object, work: () => Promise<T>): Promise<T> {
  const mine = (turns.get(connection) ?? Promise.resolve()).then(work, work)
  turns.set(connection, mine)
  return mine
}

/** A pool lends connections; a client is one. */
export const isPool = (database: object): boolean => 'totalCount' in database

/** Before the COMMIT of a driver that does not say when that turned out a ROLLBACK. */
export async function assertAlive(ask: Ask): Promise<void> {
  try {
    await ask({ text: 'select 1', values: [] })
  } catch (error) {
    throw saysAborted(error) ? new TransactionRolledBack(error) : error
  }
}

/** 25P02, in_failed_sql_transaction: also where a library wrapped it. */
const saysAborted = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && error.code === '25P02') || saysAborted(error.cause))
