/**
 * Which domains a connection speaks for, as fragments of SQL over a domain `d` and a connection `c`, which all share who judge by
 * domains. Only verified domains count, and only for connections of their organization. A connection that the organization's
 * administrators have made speaks for all of its domains; one that the reader of a set-up link has made speaks for those that lead
 * to it, because the reader could say anything of the others.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { assignedConnection, assignedOnceActive } from './leading-connections.ts'

const IS_OWN = sql`d.organization_id = c.organization_id and d.verified_at is not null`

/** Whether the domain `d` leads to the connection `c`, where that is active. */
export const LEADS_TO_CONNECTION: RawBuilder<SqlBool> = sql<SqlBool>`(${IS_OWN} and ${assignedConnection('d')} = c.id)`

/** Whether the connection `c` speaks for the domain `d`. */
export const SPEAKS_FOR_DOMAIN: RawBuilder<SqlBool> = sql<SqlBool>`(${IS_OWN}
      and (c.origin <> 'setup_link' or ${assignedConnection('d')} = c.id))`

/** Whether it does, or would once it is active: for what cannot be undone when it is active again. */
export const SPEAKS_ONCE_ACTIVE: RawBuilder<SqlBool> = sql<SqlBool>`(${IS_OWN}
      and (c.origin <> 'setup_link' or ${assignedOnceActive('d', 'c')} = c.id))`
