/** The tables of roles and permissions of the server. */
declare module '../../base/db/tables.ts' {
  interface Tables {
    roles: RolesTable
    permissions: PermissionsTable
  }
}

/** A role of the server. */
export interface RolesTable {
  name: string
  description: string | null
  permissions: string[]
  inherits: string[]
  grants: string[]
  rank: number
  preset: string | null
  /** Whether its holders must have a second factor. */
  requires_mfa: boolean
  created_at: Date
  updated_at: Date
}
/** A permission that an app added. */
export interface PermissionsTable {
  name: string
  description: string | null
  organization_roles: string[]
  created_at: Date
}
