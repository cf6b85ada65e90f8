/**
 * Import and export of users, for moving between systems. Owns the table `imported_users`, which makes an import
 * repeatable. Leaves the formats of files and of other systems to the CLI, what a hash is to base/hashing, and
 * changes of roles, status, profile and membership to the modules that own them.
 */
export { importCredentials } from './credentials.ts'
export { beginExport, exportUsers } from './export.ts'
export {
  FIELDS,
  type ImportNote,
  type ImportOptions,
  type ImportResult,
  ON_CONFLICT,
  type PlannedUser,
} from './fields.ts'
export { importUsers, listOwnerlessOrganizations } from './import.ts'
export { keysOfPlanned, keysOfRaw } from './plan.ts'
