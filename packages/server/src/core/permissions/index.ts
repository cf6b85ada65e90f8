/**
 * The permission catalogues: every permission that the server's operations require, and every permission inside an
 * organization, with the sentence of the reference. The permissions that apps add are rows of the table `permissions`
 * (core/roles).
 */
export const SERVER_PERMISSIONS = {
  'users:read': 'View all accounts with their sessions and roles.',
  'users:write': 'Create, change, lock, disable and enable accounts, and end their sessions.',
  'users:delete': 'Delete accounts.',
  'users:grant': 'Grant and revoke roles, within the caller’s permissions.',
  'api_keys:read': 'View the API keys of all accounts.',
  'api_keys:write': 'Revoke API keys of all accounts, within the caller’s permissions.',
  'roles:read': 'View roles and the permission catalogue.',
  'roles:write': 'Create, change and delete roles and permissions of apps, within the caller’s permissions.',
  'organizations:read': 'View every organization with its members, roles and invitations.',
  'organizations:write': 'Act as an owner in every organization.',
  'connections:read': 'View the server’s connections to identity providers, and their diagnostics.',
  'connections:write': 'Create, change, test and delete the server’s connections to identity providers.',
  'oauth_clients:read': 'View the apps that sign users in here, and the APIs that their tokens are for.',
  'oauth_clients:write': 'Create, change and delete these apps and APIs, and the secrets of the apps.',
  // of a resource that no preset's `users:*` covers
  'impersonation:create':
    'Act as other users in apps of the operator, within the caller’s permissions. Each use has a reason and is recorded.',
  'audit:read': 'Read and export the audit log.',
  'revocations:read': 'Receive revocations, as a guard does.',
  'metrics:read': 'Read the metrics of the server, as a monitoring system does.',
} as const satisfies Record<string, string>

export type ServerPermission = keyof typeof SERVER_PERMISSIONS

/** Permissions inside an organization, separate from those of the server. */
export const ORGANIZATION_PERMISSIONS = {
  'organization:read': 'View the organization.',
  'organization:update': 'Change its name and settings.',
  'organization:delete': 'Delete it, and restore it within the grace period.',
  'organization:transfer': 'Transfer its ownership.',
  'members:read': 'View its members.',
  'members:update': 'Change members’ roles.',
  'members:remove': 'Remove members.',
  'invitations:read': 'View open invitations.',
  'invitations:write': 'Invite people, and resend and revoke invitations.',
  'roles:read': 'View its roles.',
  'roles:write': 'Create, change and delete its custom roles.',
  'security:read': 'View its security policy, and which members comply.',
  'security:write': 'Change its security policy, and what it demands of single members.',
  'connections:read': 'View its domains and its connections to identity providers, and their diagnostics.',
  'connections:write': 'Prove its domains, and create, change, test and delete its connections.',
  'oauth_clients:read': 'View its apps.',
  'oauth_clients:write': 'Create, change and delete its apps, and their secrets.',
  'audit:read': 'Read its audit log.',
} as const satisfies Record<string, string>
