/**
 * The tools every feature is given: a plain record, made in app.ts, closed in reverse. No container.
 */
import type { Config } from '../config.ts'
import type { Clock } from './clock.ts'
import type { Keyring } from './crypto.ts'
import type { Db } from './db/types.ts'
import type { Hashing } from './hashing/index.ts'
import type { Jobs } from './jobs/index.ts'
import type { Keys } from './keys/index.ts'
import type { Limits } from './limits/index.ts'
import type { Log } from './log/index.ts'
import type { Mail } from './mail/index.ts'
import type { Breaches } from './outbound/breaches.ts'
import type { Revocations } from './revocations/index.ts'
import type { Roles } from './roles/index.ts'

export interface Tools {
  config: Config
  clock: Clock
  db: Db
  keyring: Keyring
  hashing: Hashing
  breaches: Breaches
  jobs: Jobs
  mail: Mail
  keys: Keys
  revocations: Revocations
  roles: Roles
  limits: Limits
  log: Log
}
