/**
 * The audit log's reading side: filtering, paging and exporting what core/audit has written. Leaves writing and
 * forgetting to core/audit. Invariants: whoever reads sees what row-level security lets them see, all of it or their
 * organization's; an export passes through the memory of a page, and is itself recorded before its first event leaves.
 */
export { auditLogRoutes } from './routes.ts'
