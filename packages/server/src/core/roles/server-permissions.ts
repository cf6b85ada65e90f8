/**
 * What the server itself asks permission for, with the sentence that the reference shows. What apps bring stands in
 * the table `permissions`; what holds inside an organization in `organization-roles.ts`.
 */
export const SERVER_PERMISSIONS = {
  'users:read': 'See everybody’s account, sessions and roles.',
  'users:write': 'Make accounts, change, lock, disable and enable them, end their sessions.',
  'users:delete': 'Delete accounts.',
  'users:grant': 'Give people roles and take them away, within one’s own.',
  'roles:read': 'See roles and the catalogue of permissions.',
  'roles:write': 'Make, change and delete roles and the app’s own permissions, within one’s own.',
  'organizations:read': 'See every organization, its members, roles and invitations.',
  'organizations:write': 'Do in every organization what its owner may.',
  'audit:read': 'Read and export the audit log.',
  'revocations:read': 'Hear what is revoked, as a guard does.',
} as const satisfies Record<string, string>

export type ServerPermission = keyof typeof SERVER_PERMISSIONS
