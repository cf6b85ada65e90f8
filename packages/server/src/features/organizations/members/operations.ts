/** The operations of members. */
import { operation } from '../../../base/http/row/operation.ts'
import { invitationOperations } from '../invitations/index.ts'

/** Transferring an organization, and changing what it demands of a member, require a sign-in this recent. */
const FRESH = '10m'

export const memberOperations = {
  list: operation({
    name: 'organizations.members.list',
    summary: 'List the members of an organization',
    needs: 'session',
    organization: 'members:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  show: operation({
    name: 'pages.organizations.member',
    summary: 'Show a member of an organization',
    needs: 'session',
    organization: 'members:read',
    quiet: 'reads only',
  }),
  add: operation({
    name: 'organizations.members.add',
    summary: 'Invite a person to an organization, or add a user',
    needs: 'caller',
    organization: 'invitations:write',
    audit: ['organization.member.added', 'organization.invitation.sent', 'organization.invitation.resent'],
    limit: { by: 'user', max: 300, per: '1h', sharedWith: invitationOperations.send },
    errors: [
      'AUTHENTICATION_REQUIRED',
      'NOT_FOUND',
      'CONFLICT',
      'INSUFFICIENT_PERMISSIONS',
      'RATE_LIMIT_EXCEEDED',
    ],
  }),
  changeRole: operation({
    name: 'organizations.members.change_role',
    summary: 'Change the role of a member',
    needs: 'session',
    organization: 'members:update',
    audit: 'organization.member.role_changed',
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
  changeMfa: operation({
    name: 'organizations.members.change_mfa',
    summary: 'Change what the security policy demands of a member',
    needs: 'session',
    organization: 'security:write',
    fresh: FRESH,
    audit: 'organization.member.mfa_changed',
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
  remove: operation({
    name: 'organizations.members.remove',
    summary: 'Remove a member',
    needs: 'session',
    organization: 'members:remove',
    audit: ['organization.member.removed', 'organization.member.left'],
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS'],
  }),
  confirmLeave: operation({
    name: 'pages.organizations.leave',
    summary: 'Ask for confirmation before leaving an organization',
    needs: 'session',
    quiet: 'reads only',
  }),
  leave: operation({
    name: 'organizations.leave',
    summary: 'Leave an organization',
    needs: 'session',
    audit: 'organization.member.left',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  confirmTransfer: operation({
    name: 'pages.organizations.transfer',
    summary: 'Ask for confirmation before transferring an organization',
    needs: 'session',
    organization: 'organization:transfer',
    fresh: FRESH,
    quiet: 'reads only',
  }),
  transfer: operation({
    name: 'organizations.transfer',
    summary: 'Transfer the ownership of an organization',
    needs: 'session',
    organization: 'organization:transfer',
    fresh: FRESH,
    audit: 'organization.transferred',
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
} as const
