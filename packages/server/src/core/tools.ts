/**
 * Dependencies: the record of tools that every feature receives. app.ts creates it and closes it in reverse order.
 */
import type { Changes } from '../base/changes.ts'
import type { Clock } from '../base/clock.ts'
import type { Keyring } from '../base/crypto.ts'
import type { Db } from '../base/db/types.ts'
import type { Hashing } from '../base/hashing/index.ts'
import type { RateLimits } from '../base/limits/index.ts'
import type { Log } from '../base/log/index.ts'
import type { Metrics } from '../base/metrics/index.ts'
import type { Breaches } from '../base/outbound/breaches.ts'
import type { Outbound } from '../base/outbound/index.ts'
import type { SharedRows } from '../base/shared-rows.ts'
import type { Tracer } from '../base/traces/index.ts'
import type { Config } from '../config.ts'
import type { Clients } from './clients/index.ts'
import type { Jobs } from './jobs/index.ts'
import type { Keys } from './keys/index.ts'
import type { Mail } from './mail/index.ts'
import type { Counts } from './metrics/counts.ts'
import type { Revocations } from './revocations/index.ts'
import type { Roles } from './roles/index.ts'
import type { RoutedDomains } from './routed-domains.ts'

export interface Tools {
  config: Config
  clock: Clock
  db: Db
  changes: Changes
  keyring: Keyring
  hashing: Hashing
  breaches: Breaches
  outbound: Outbound
  jobs: Jobs
  mail: Mail
  metrics: Metrics
  counts: Counts
  keys: Keys
  revocations: Revocations
  roles: Roles
  routedDomains: RoutedDomains
  clients: Clients
  limits: RateLimits
  /** Null where there are no traces. */
  tracer: Tracer | null
  /** Null where nodes share none: without Redis, and with the embedded database. */
  sharedRows: SharedRows | null
  log: Log
}
