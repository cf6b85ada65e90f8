/**
 * The table types of Kysely. Base owns no table: each module declares its rows in its `tables.ts`, which adds them to
 * `Tables` (declaration merging). Their source is migrations/*.up.sql; a test on both databases compares them. Times
 * are Date; jsonb is written as JSON text and read as a value.
 */
import type { ColumnType } from 'kysely'

// biome-ignore lint/suspicious/noEmptyInterface: filled by the modules that own tables
export interface Tables {}

export type Json<T> = ColumnType<T, string, string>
