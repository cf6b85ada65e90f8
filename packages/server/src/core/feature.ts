/**
 * A feature, as a value: its rows, its jobs, the credentials it checks, and what it must write before the process ends. Each
 * module exports one function of the tools that makes it; app.ts lists them, one line each.
 */
import type { Eventual } from '../base/eventual.ts'
import type { Credential, Verdict } from '../base/http/request/authenticate.ts'
import type { Row } from '../base/http/row/route.ts'
import type { Work } from './jobs/index.ts'

/** How credentials are checked, by their kind. */
export type CredentialChecks = {
  [K in Credential['kind']]: (credential: Extract<Credential, { kind: K }>, now: Date) => Eventual<Verdict>
}

export interface Feature {
  /** The module's name. */
  name: string
  rows?: readonly Row[]
  jobs?: readonly Work[]
  /** The kinds of credential that this feature checks. */
  credential?: Partial<CredentialChecks>
  /** Writes what is kept in memory between batches, such as last-seen timestamps. */
  flush?(): Promise<void>
}
