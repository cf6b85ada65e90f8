/**
 * The tables as Kysely sees them. Base owns none: each module declares its rows in its `tables.ts`, which
 * adds them to `Tables` (declaration merging). migrations/*.up.sql is their source, and a test on both databases
 * holds the two equal. Times are Date, jsonb is written as JSON text and read as a value.
 */
import type { ColumnType } from 'kysely'

// biome-ignore lint/suspicious/noEmptyInterface: filled by the modules that own tables
export interface Tables {}

export type Json<T> = ColumnType<T, string, string>
