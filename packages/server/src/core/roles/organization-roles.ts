/**
 * The built-in roles of organizations and their permissions inside an organization. They are separate from the
 * server's: a role in an organization grants no permission of the server, and the reverse.
 */
import type { RoleDefinition, RoleDefinitions } from '@latchkey/guard'

export const ORGANIZATION_ROLES = ['owner', 'admin', 'member', 'guest'] as const
export type OrganizationRole = (typeof ORGANIZATION_ROLES)[number]

export const BUILT_IN: RoleDefinitions = new Map<string, RoleDefinition>(
  [
    { name: 'owner', permissions: ['*'] },
    {
      name: 'admin',
      permissions: [
        'organization:update',
        'members:update',
        'members:remove',
        'invitations:read',
        'invitations:write',
        'roles:write',
        'security:read',
        'security:write',
        // not write: who controls a connection can sign in as the owners who use it
        'connections:read',
        // not write: an app of the organization gets tokens of its members
        'oauth_clients:read',
        'audit:read',
      ],
      inherits: ['member'],
    },
    { name: 'member', permissions: ['members:read', 'roles:read'], inherits: ['guest'] },
    { name: 'guest', permissions: ['organization:read'] },
  ].map((role) => [role.name, role]),
)

export const isBuiltIn = (name: string): name is OrganizationRole => BUILT_IN.has(name)
