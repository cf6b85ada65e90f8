/**
 * Metrics of the state of the server: its database, its notifications, jobs, signing keys, hashing and limits. What the database has
 * to answer is read by an index and bounded (`gauge` of base/metrics bounds its time).
 */
import type { Changes } from '../../base/changes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Db } from '../../base/db/types.ts'
import type { Hashing } from '../../base/hashing/index.ts'
import type { GateObserver } from '../../base/hashing/queue.ts'
import type { RateLimits } from '../../base/limits/index.ts'
import type { Cell, Metrics } from '../../base/metrics/index.ts'
import type { Redis } from '../../base/outbound/redis.ts'
import { countDueJobs } from '../jobs/sql.ts'
import type { Keys } from '../keys/index.ts'
import type { Revocations } from '../revocations/index.ts'

const NONE = Object.freeze({})
const one = (value: number) => [{ labels: NONE, value }]

/** Seconds of a statement: from a look-up by an index on the same machine to the timeout. */
const QUERY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]
const HASH_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** Times and counts what every feature asks of the database. */
export function observeDatabase(
  metrics: Pick<Metrics, 'counter' | 'histogram' | 'gauge'>,
  db: Pick<Db, 'observe' | 'waiting'>,
  clock: Pick<Clock, 'ticks'>,
): void {
  const seconds = metrics.histogram('db_query_seconds', {
    help: 'Seconds of a `statement` by itself, and of a `transaction` from the wait for its connection to its end.',
    labels: ['of'],
    values: { of: ['statement', 'transaction'] },
    buckets: QUERY_BUCKETS,
  })
  const cells = { statement: seconds({ of: 'statement' }), transaction: seconds({ of: 'transaction' }) }
  const unreachable = metrics.counter('db_unreachable_total', {
    help: 'Statements and transactions that found no database.',
    labels: [],
  })(NONE)
  db.observe({
    ticks: clock.ticks,
    took: (what, milliseconds) => cells[what].observe(milliseconds / 1000),
    unreachable: () => unreachable.add(),
  })
  metrics.gauge(
    'db_pool_waiting',
    { help: 'Transactions that wait for a connection to the database.', labels: [], workers: 'sum' },
    () => one(db.waiting()),
  )
}

/** Times the hashes of passwords, and counts those that were refused. */
export function hashObserver(
  metrics: Pick<Metrics, 'counter' | 'histogram'>,
  clock: Pick<Clock, 'ticks'>,
): GateObserver {
  const seconds = metrics.histogram('hash_seconds', {
    help: 'Seconds that hashing or verifying a password takes, without the wait for its turn.',
    labels: [],
    buckets: HASH_BUCKETS,
  })(NONE)
  const shed = metrics.counter('hash_shed_total', {
    help: 'Operations that were refused with 503 because too many passwords wait.',
    labels: [],
  })(NONE)
  return {
    ticks: clock.ticks,
    took: (milliseconds) => seconds.observe(milliseconds / 1000),
    refused: () => shed.add(),
  }
}

interface State {
  db: Pick<Db, 'hot'>
  clock: Pick<Clock, 'ticks'>
  changes: Pick<Changes, 'isListening'>
  revocations: Pick<Revocations, 'isLive' | 'onLine'>
  keys: Pick<Keys, 'dueAt'>
  hashing: Pick<Hashing, 'load'>
  limits: RateLimits
}

export function registerState(metrics: Pick<Metrics, 'gauge'>, state: State): void {
  const { db, clock, changes, revocations, keys, hashing, limits } = state
  metrics.gauge(
    'hash_tasks',
    {
      help: 'Passwords that are hashed or verified, and that wait for it.',
      labels: ['state'],
      values: { state: ['running', 'waiting'] },
      workers: 'sum',
    },
    () => Object.entries(hashing.load()).map(([name, value]) => ({ labels: { state: name }, value })),
  )
  metrics.gauge(
    'jobs_pending',
    { help: 'Jobs that are due and have not begun, at most 10000.', labels: [] },
    async (now) => one((await countDueJobs(db.hot, now)).pending),
  )
  metrics.gauge(
    'jobs_oldest_seconds',
    { help: 'For how many seconds the first of the jobs that have not begun has been due.', labels: [] },
    async (now) => one((await countDueJobs(db.hot, now)).oldestSeconds),
  )
  metrics.gauge(
    'listen_up',
    {
      help: '1 while notifications of the channel arrive, 0 while the database is read instead; of several workers, the lowest.',
      labels: ['channel'],
      values: { channel: ['changes', 'revocations'] },
      workers: 'min',
    },
    () => [
      { labels: { channel: 'changes' }, value: Number(changes.isListening()) },
      { labels: { channel: 'revocations' }, value: Number(revocations.isLive()) },
    ],
  )
  let lostAt: number | null = null
  revocations.onLine((isLive) => {
    lostAt = isLive ? null : (lostAt ?? clock.ticks())
  })
  metrics.gauge(
    'revocation_lag_seconds',
    {
      help: 'For how many seconds no revocation could arrive by notification; 0 while they do. Meanwhile each credential is checked in the database.',
      labels: [],
      workers: 'max',
    },
    () => one(lostAt === null ? 0 : (clock.ticks() - lostAt) / 1000),
  )
  metrics.gauge(
    'keys_expire_seconds',
    {
      help: 'Seconds until the newest signing key of a line is due to be replaced; below zero for long, rotation does not work. None for a configured secret.',
      labels: ['line', 'algorithm'],
      values: { line: ['access_token', 'id_token'] },
    },
    (now) =>
      keys.dueAt().map(({ line, algorithm, at }) => ({
        labels: { line, algorithm },
        value: Math.floor((at.getTime() - now.getTime()) / 1000),
      })),
  )
  metrics.gauge(
    'limits_shared',
    {
      help: '1 while what counts requests for all answers (Redis, the first process, the database), 0 while each process counts by itself; of several workers, the lowest.',
      labels: ['of'],
      values: { of: ['requests', 'sensitive'] },
      workers: 'min',
    },
    () => [
      { labels: { of: 'requests' }, value: Number(limits.usual.isShared()) },
      { labels: { of: 'sensitive' }, value: Number(limits.exact.isShared()) },
    ],
  )
}

/** @param redis null: there is none, and the gauge has no series. @returns the counter of rows that nodes share */
export function registerRedis(
  metrics: Pick<Metrics, 'gauge' | 'counter'>,
  redis: Pick<Redis, 'isUp'> | null,
): (labels: { outcome: string }) => Cell {
  metrics.gauge(
    'redis_up',
    {
      help: 'Whether Redis answers: 1 or 0; nothing without `REDIS_URL`. Of several workers, the lowest.',
      labels: [],
      workers: 'min',
    },
    () => (redis ? one(redis.isUp() ? 1 : 0) : []),
  )
  return metrics.counter('shared_rows_total', {
    help: 'Look-ups in Redis of credentials that were not in memory: `hit`, or `miss` where they were read from the database.',
    labels: ['outcome'],
    values: { outcome: ['hit', 'miss'] },
  })
}
