/**
 * In one process, with one connection each: the same select alone, in a transaction of a caller of the server, and in
 * the guard's unit of work, with and without pipelining; and a select of one tenant's rows among a million, with
 * policies and without. Started by a message; the answer has the microseconds of each, by round.
 */
import { unitOfWork } from '@latchkey/guard/pg'
import { sql } from 'kysely'
import pg from 'pg'
import { openDatabase } from '../../packages/server/src/base/db/index.ts'

export interface ScopedOrder {
  databaseUrl: string
  rounds: number
  /** Statements of one contender in one round. */
  times: number
  /** The number of concurrent statements. */
  abreast: number
}
export interface Scoped {
  micros: Record<string, number[]>
  plan: string
}

const TENANTS = 1000
const ROWS = 1_000_000
const one = 'select name from bench_one where id = $1'
const count = 'select count(*) as n from bench_rows where organization_id = $1'
const policed = 'select count(*) as n from bench_policed'
const tenant = (at: number) => `org_${(at * 7919) % TENANTS}`

async function measure({ databaseUrl, rounds, times, abreast }: ScopedOrder): Promise<Scoped> {
  await prepare(databaseUrl)
  const plain = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  const piped = new pg.Pool({ connectionString: databaseUrl, max: 1, pipeline: true } as pg.PoolConfig)
  const quiet = { debug() {}, info() {}, warn() {}, error() {} }
  const db = await openDatabase({ databaseUrl, dataDir: null, pool: 1, guardNesting: false, log: quiet })
  const role = { role: 'bench_request' }
  const [asPlain, asPiped] = [unitOfWork(plain, role), unitOfWork(piped, role)]
  const caller = (at: number) => ({ userId: 'usr_1', organizationId: tenant(at), permissions: ['rows:read'] })
  const select = sql<{ name: string }>`select name from public.bench_one where id = ${1}`
  const contenders: Record<string, (at: number) => Promise<unknown>> = {
    'bare select': () => plain.query({ name: 'one', text: one, values: [1] }),
    'server, db.tx as a caller': (at) => db.tx(caller(at), (tx) => select.execute(tx)),
    'guard, pipelined': (at) =>
      asPiped(caller(at), (tx) => tx.query({ name: 'one', text: one, values: [1] })),
    'guard, not pipelined': (at) =>
      asPlain(caller(at), (tx) => tx.query({ name: 'one', text: one, values: [1] })),
    'rows of a tenant, unprotected': (at) =>
      asUnprotected(piped, (query) => query({ name: 'count', text: count, values: [tenant(at)] })),
    'rows of a tenant, by policy': (at) =>
      asPiped(caller(at), (tx) => tx.query({ name: 'policed', text: policed })),
  }
  const micros: Record<string, number[]> = Object.fromEntries(
    Object.keys(contenders).map((name) => [name, []]),
  )
  for (let round = -1; round < rounds; round++)
    for (const [name, run] of Object.entries(contenders)) {
      const began = process.hrtime.bigint()
      for (let at = 0; at < times; at += abreast)
        await Promise.all(Array.from({ length: abreast }, (_, more) => run(at + more)))
      if (round >= 0) micros[name]?.push(Number(process.hrtime.bigint() - began) / 1000 / times)
    }
  const { rows } = await asPiped(caller(1), (tx) =>
    tx.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${policed}`),
  )
  await Promise.all([plain.end(), piped.end(), db.close()])
  return { micros, plan: rows.map((row) => row['QUERY PLAN']).join('\n') }
}

/** In an equal transaction, so that the policies are the only difference. */
async function asUnprotected<T>(
  pool: pg.Pool,
  work: (query: pg.PoolClient['query']) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    const settings = `select set_config('role', $1, true), set_config('a.b', $2, true), set_config('a.c', $3, true), set_config('a.d', $4, true), set_config('a.e', $5, true)`
    await Promise.all([
      client.query('begin'),
      client.query(settings, ['bench_request', 'usr_1', 'org', 'rows:read', '']),
    ])
    const result = await work(client.query.bind(client) as pg.PoolClient['query'])
    await client.query('commit')
    return result
  } finally {
    client.release()
  }
}

async function prepare(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const fill = `select i, 'org_' || i % ${TENANTS}, 'row ' || i from generate_series(1, ${ROWS}) as i`
  await client.query(`set search_path = public;
    create role bench_request nologin; grant bench_request to current_user; grant usage on schema latchkey to bench_request;
    create table bench_one (id int primary key, name text); insert into bench_one values (1, 'one');
    grant select on bench_one to bench_request, latchkey_request;
    create table bench_rows (id int primary key, organization_id text not null, body text);
    create table bench_policed (like bench_rows including all);
    insert into bench_rows ${fill}; insert into bench_policed ${fill};
    create index on bench_rows (organization_id); create index on bench_policed (organization_id);
    alter table bench_policed enable row level security; alter table bench_policed force row level security;
    create policy tenant on bench_policed to bench_request
      using (organization_id = (select latchkey.organization_id()) and (select latchkey.has_permission('rows:read')));
    grant select on bench_rows, bench_policed to bench_request`)
  await client.query('vacuum analyze')
  await client.end()
}

process.on('message', (order: ScopedOrder) => {
  measure(order).then(
    (told) => process.send?.(told),
    (error) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({})
