/**
 * The roles that every organization has, and what they permit inside it. Apart from the server's own permissions:
 * what somebody may do in an organization says nothing of the server, nor the other way round.
 */
import type { RoleDefinition, RoleDefinitions } from '@latchkey/guard'

export const ORGANIZATION_ROLES = ['owner', 'admin', 'member', 'guest'] as const
export type OrganizationRole = (typeof ORGANIZATION_ROLES)[number]

/** What there is to permit inside an organization, with the sentence that the reference shows. */
export const ORGANIZATION_PERMISSIONS = {
  'organization:read': 'See the organization.',
  'organization:update': 'Change its name and settings.',
  'organization:delete': 'Delete it, and restore it while that is possible.',
  'organization:transfer': 'Hand it over to another owner.',
  'members:read': 'See who belongs to it.',
  'members:update': 'Change members’ roles.',
  'members:remove': 'Remove members.',
  'invitations:read': 'See open invitations.',
  'invitations:write': 'Invite people, send invitations again, revoke them.',
  'roles:read': 'See its roles.',
  'roles:write': 'Make, change and delete its own roles.',
  'audit:read': 'Read its audit log.',
} as const satisfies Record<string, string>

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
        'audit:read',
      ],
      inherits: ['member'],
    },
    { name: 'member', permissions: ['members:read', 'roles:read'], inherits: ['guest'] },
    { name: 'guest', permissions: ['organization:read'] },
  ].map((role) => [role.name, role]),
)

export const isBuiltIn = (name: string): name is OrganizationRole => BUILT_IN.has(name)
