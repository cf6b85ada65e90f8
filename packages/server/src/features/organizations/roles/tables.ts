/** The table of an organization's own roles. */

declare module '../../../base/db/tables.ts' {
  interface Tables {
    organization_roles: OrganizationRolesTable
  }
}

export interface OrganizationRolesTable {
  organization_id: string
  name: string
  description: string | null
  permissions: string[]
  inherits: 'admin' | 'member' | 'guest' | null
  created_at: Date
  updated_at: Date
}
