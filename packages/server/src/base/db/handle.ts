/**
 * The Kysely adapter: an executor that compiles statements and sends them on our connections. A handle is made for
 * every transaction, which is cheap: the dialect, the compiler and the adapter are shared.
 */
import {
  type CompiledQuery,
  DefaultQueryExecutor,
  type Dialect,
  type Driver,
  Kysely,
  type KyselyPlugin,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryExecutor,
  type QueryId,
  type QueryResult,
  type RootOperationNode,
  sql,
} from 'kysely'
import type { StatementResult } from './connection.ts'
import { withColumns } from './named-columns.ts'
import type { Tables } from './tables.ts'
import type { Tx } from './types.ts'

/** Delivers a notification to the listeners of this process. */
export type Tell = (channel: string, payload: string) => void

export type Send = (text: string, values: readonly unknown[]) => Promise<StatementResult>

const adapter = new PostgresAdapter()
const compiler = new PostgresQueryCompiler()

const refuse = (): never => {
  throw new Error('transactions and connections come from db.tx, not from Kysely')
}
const driver: Driver = {
  init: async () => {},
  acquireConnection: refuse,
  beginTransaction: refuse,
  commitTransaction: refuse,
  rollbackTransaction: refuse,
  releaseConnection: refuse,
  destroy: async () => {},
}
const dialect: Dialect = {
  createDriver: () => driver,
  createQueryCompiler: () => compiler,
  createAdapter: () => adapter,
  createIntrospector: (db) => new PostgresIntrospector(db),
}
const config = { dialect }

class Executor implements QueryExecutor {
  readonly plugins: readonly KyselyPlugin[] = []
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  get adapter() {
    return adapter
  }

  transformQuery<T extends RootOperationNode>(node: T): T {
    return withColumns(node)
  }

  compileQuery<R = unknown>(node: RootOperationNode, id: QueryId): CompiledQuery<R> {
    return compiler.compileQuery(node, id) as CompiledQuery<R>
  }

  async executeQuery<R>(query: CompiledQuery<R>): Promise<QueryResult<R>> {
    const answer = await this.#send(query.sql, query.parameters)
    const rows = answer.rows as R[]
    if (answer.command === 'SELECT' || answer.rowCount === null) return { rows }
    return { rows, numAffectedRows: BigInt(answer.rowCount) }
  }

  // biome-ignore lint/correctness/useYield: it only throws
  async *stream(): AsyncIterableIterator<never> {
    throw new Error('streaming is not supported: read large lists by pages')
  }

  provideConnection<T>(
    consumer: (connection: {
      executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>>
      streamQuery(): AsyncIterableIterator<never>
    }) => Promise<T>,
  ): Promise<T> {
    return consumer({
      executeQuery: <R>(query: CompiledQuery) => this.executeQuery(query as CompiledQuery<R>),
      streamQuery: () => this.stream(),
    })
  }

  withConnectionProvider(): QueryExecutor {
    return this
  }
  withPlugin(plugin: KyselyPlugin): QueryExecutor {
    return this.withPlugins([plugin])
  }
  withPlugins(plugins: readonly KyselyPlugin[]): QueryExecutor {
    return new DefaultQueryExecutor(compiler, adapter, this, [...plugins])
  }
  withPluginAtFront(plugin: KyselyPlugin): QueryExecutor {
    return this.withPlugins([plugin])
  }
  withoutPlugins(): QueryExecutor {
    return this
  }
}

/** A Kysely that runs each statement with `send`, and cannot open transactions. */
export class Handle extends Kysely<Tables> {
  constructor(send: Send) {
    super({ config, dialect, driver, executor: new Executor(send) })
  }
  override transaction(): never {
    return refuse()
  }
  override startTransaction(): never {
    return refuse()
  }
  override connection(): never {
    return refuse()
  }
}

/** The handle of one transaction. */
export class TxHandle extends Handle implements Tx {
  readonly #after: (() => void)[]
  readonly #tell: Tell
  readonly withCommit: Tx['withCommit']
  readonly asSystem: Tx['asSystem']

  constructor(
    send: Send,
    after: (() => void)[],
    tell: Tell,
    withCommit: Tx['withCommit'],
    asSystem: Tx['asSystem'],
  ) {
    super(send)
    this.#after = after
    this.#tell = tell
    this.withCommit = withCommit
    this.asSystem = asSystem
  }

  override get isTransaction(): boolean {
    return true
  }

  afterCommit(run: () => void): void {
    this.#after.push(run)
  }

  async notify(channel: string, payload: string): Promise<void> {
    await sql`select pg_notify(${channel}, ${payload})`.execute(this)
    this.#after.push(() => this.#tell(channel, payload))
  }
}
