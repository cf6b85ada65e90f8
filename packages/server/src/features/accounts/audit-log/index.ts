/**
 * Reading the audit log: filtering, paging and exporting the events of core/audit. Leaves writing and retention to
 * core/audit. Invariants: reads run as the caller, so that row-level security limits them to all events or to an
 * organization's; an export holds one chunk in memory, and is audited before its first event is sent.
 */
export { auditLogFeature } from './feature.ts'
