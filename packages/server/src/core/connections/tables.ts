/** The tables of connections and of their diagnostics. */
import type { Generated } from 'kysely'
import type { Json } from '../../base/db/tables.ts'

declare module '../../base/db/tables.ts' {
  interface Tables {
    connections: ConnectionsTable
    connection_events: ConnectionEventsTable
  }
}

/** An identity provider that people sign in with. */
export interface ConnectionsTable {
  id: string
  /** Null: of the server. */
  organization_id: string | null
  /** Its name in paths. */
  slug: string
  provider: string
  name: string
  status: 'draft' | 'active' | 'disabled'
  client_id: string | null
  /** Encrypted. */
  client_secret: string | null
  settings: Json<unknown>
  /** Whether a process has read the settings since they changed. */
  settings_read: Generated<boolean>
  /** Not null: it is disabled because its settings could not be read, and is active again once they can be. */
  unreadable_since: Generated<Date | null>
  origin: 'environment' | 'api' | 'setup_link'
  version: Generated<number>
  /** The first and the last of versions that differ by the name alone; of an older `version` than the last one they mean nothing. */
  same_from: Generated<number | null>
  same_to: Generated<number | null>
  /** Who answers for what it gives; null: the operator, or a user whose account was deleted. */
  made_by: string | null
  /** Whether that is the operator, where it is null. */
  by_operator: Generated<boolean>
  /** When a test sign-in with the present settings succeeded. */
  tested_at: Date | null
  created_at: Date
  updated_at: Date
}

/** A sign-in or a test by a connection, and why it failed; or a decision about one. */
export interface ConnectionEventsTable {
  id: string
  connection_id: string
  at: Date
  flow: string
  /** A ProviderFault; null: it was accepted. */
  fault: string | null
  /** A ConnectionQuestion: what the user decides before the answer leads to anything; null: nothing. */
  question: string | null
  /** The round trip of a question, and of the decision about it. */
  trip_id: string | null
  request_id: string | null
  detail: string | null
  subject: string | null
  user_id: string | null
  /** What the provider said, as it said it. */
  claims: Json<unknown> | null
}
