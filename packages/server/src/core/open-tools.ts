/** Opens the tools of a server (`Tools`) in their order, for app.ts. */
import { randomUUID } from 'node:crypto'
import { createChanges } from '../base/changes.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { keyring } from '../base/crypto.ts'
import type { Database } from '../base/db/database.ts'
import { createHashing } from '../base/hashing/index.ts'
import { proxyCheck } from '../base/http/request/address.ts'
import { createLimits, type LimitStore, type RateLimits } from '../base/limits/index.ts'
import { limitsInRedis } from '../base/limits/redis.ts'
import type { Log } from '../base/log/index.ts'
import { createMetrics, type Siblings } from '../base/metrics/index.ts'
import { registerProcess } from '../base/metrics/process.ts'
import { createBreaches } from '../base/outbound/breaches.ts'
import { createOutbound } from '../base/outbound/index.ts'
import { openRedis, type Redis } from '../base/outbound/redis.ts'
import type { Network } from '../base/outbound/request.ts'
import { openSharedRows } from '../base/shared-rows.ts'
import { createTracer, type SpanCells, spanCounts, type Tracer } from '../base/traces/index.ts'
import { version } from '../base/version.ts'
import { readPairs } from '../config/kinds.ts'
import type { Config } from '../config.ts'
import { createClients } from './clients/index.ts'
import { createJobs } from './jobs/index.ts'
import { createKeys } from './keys/index.ts'
import { limitsInDatabase } from './limits/index.ts'
import { createMail } from './mail/index.ts'
import { createCounts } from './metrics/counts.ts'
import { hashObserver, observeDatabase, registerRedis, registerState } from './metrics/state.ts'
import { createRevocations } from './revocations/index.ts'
import { createRoles } from './roles/index.ts'
import { createRoutedDomains } from './routed-domains.ts'
import type { Tools } from './tools.ts'

export interface ToolOptions {
  config: Config
  /** What counts requests where there is no Redis: the primary process of several workers; default: this process. */
  limitStore?: LimitStore | null
  /** What other workers have counted, for the metrics. */
  siblings?: Siblings
  /** How hosts are reached that connections request, for tests. */
  network?: Network
}

/** The tools, and how to let go of those that hold connections. */
export async function openTools(
  { config, limitStore = null, siblings, network }: ToolOptions,
  plainLog: Log,
  db: Database,
): Promise<{ tools: Tools; close(): Promise<void> }> {
  const clock = systemClock()
  const metrics = createMetrics(siblings)
  const tracer = openTracer(config, clock, plainLog, spanCounts(metrics))
  const log = tracer?.log(plainLog) ?? plainLog
  if (tracer) db.trace(tracer.database)
  const changes = createChanges({ db, clock, log })
  const ring = keyring(config.secret, config.secretPrevious)
  const { hashAlgorithm: algorithm, argon2MemoryKib, argon2Passes, bcryptCost, hashQueue: queue } = config
  const counts = createCounts(metrics)
  const ended = (kind: string, outcome: string): void => counts.jobs({ kind, outcome }).add()
  const jobs = createJobs({ db, clock, log, ended, tracer })
  const mail = createMail({ db, clock, jobs, keyring: ring, log, config, counts, tracer })
  const plain = await createHashing({
    algorithm,
    argon2MemoryKib,
    argon2Passes,
    bcryptCost,
    queue,
    log,
    observer: hashObserver(metrics, clock),
  })
  const hashing = tracer?.hashing(plain) ?? plain
  const observe = tracer ? { observe: tracer.outbound } : {}
  const breaches = createBreaches({ clock, log, config, ...observe })
  const outbound = createOutbound({ clock, log, ...observe, ...(network && { network }) })
  const keys = createKeys({ db, clock, keyring: ring, jobs, log, config })
  const revocations = createRevocations({ db, clock, log })
  const roles = createRoles({ db, clock, log, config })
  const routedDomains = createRoutedDomains({ db, changes })
  const clients = createClients({ db, changes, config })
  const redis = config.redisUrl === null ? null : await openRedis(config.redisUrl)
  const limits = openLimits({ db, redis, limitStore, log })
  const counter = registerRedis(metrics, redis)
  const sharedRows = openSharedRows({ db, redis, config, changes, clock, keyring: ring, log, counter })
  const stopMeasuring = registerProcess(metrics, { version: version() })
  observeDatabase(metrics, db, clock)
  registerState(metrics, { db, keys, changes, revocations, limits, clock, hashing })
  const accounts = {
    keyring: ring,
    hashing,
    breaches,
    outbound,
    keys,
    revocations,
    roles,
    routedDomains,
    clients,
    metrics,
    counts,
    limits,
    tracer,
    sharedRows,
  }
  const close = async (): Promise<void> => {
    stopMeasuring()
    mail.close()
    redis?.close()
    await tracer?.close()
  }
  return { tools: { config, clock, db, changes, jobs, mail, log, ...accounts }, close }
}

/** @returns null where no collector is configured */
function openTracer(config: Config, clock: Clock, log: Log, counts: SpanCells): Tracer | null {
  if (config.otlpEndpoint === null) return null
  const resource = {
    ...(config.otelResourceAttributes === null ? {} : readPairs(config.otelResourceAttributes)),
    'service.name': config.otelServiceName,
    'service.version': version(),
    // several workers, and the old and the new one while they are replaced
    'service.instance.id': randomUUID(),
  }
  const headers = config.otlpHeaders === null ? {} : (readPairs(config.otlpHeaders) ?? {})
  const options = {
    endpoint: config.otlpEndpoint,
    headers,
    resource,
    version: version(),
    share: config.traceSample,
    scheme: new URL(config.publicUrl).protocol.slice(0, -1),
    isTrusted: proxyCheck(config.trustedProxies),
  }
  return createTracer({ ...options, clock, log }, counts)
}

interface LimitStores {
  redis: Redis | null
  limitStore: LimitStore | null
}

/** What counts requests: Redis; without it, the database counts those of sensitive operations. */
function openLimits({ db, redis, limitStore, log }: Pick<Tools, 'db' | 'log'> & LimitStores): RateLimits {
  if (redis) {
    const limits = createLimits({ store: limitsInRedis(redis), log })
    return { usual: limits, exact: limits }
  }
  const usual = createLimits({ store: limitStore, log })
  // the embedded database has one process
  if (db.kind === 'pglite') return { usual, exact: usual }
  return { usual, exact: createLimits({ store: limitsInDatabase({ db }), log }) }
}
