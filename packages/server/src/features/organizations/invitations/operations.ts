/** The operations of invitations: for those who invite, and for those who have an invitation's link. */
import { operation } from '../../../base/http/row/operation.ts'

/** Each sends an e-mail. */
const SENDING = { by: 'user', max: 300, per: '1h' } as const
const OPEN = 'the token from the e-mail is the credential'

export const invitationOperations = {
  list: operation({
    name: 'organizations.invitations.list',
    summary: 'List the open invitations of an organization',
    needs: 'session',
    organization: 'invitations:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  send: operation({
    name: 'organizations.invitations.send',
    summary: 'Invite a person to an organization',
    needs: 'session',
    organization: 'invitations:write',
    audit: ['organization.invitation.sent', 'organization.invitation.resent'],
    limit: SENDING,
    errors: ['NOT_FOUND', 'CONFLICT', 'INSUFFICIENT_PERMISSIONS', 'RATE_LIMIT_EXCEEDED'],
  }),
  resend: operation({
    name: 'organizations.invitations.resend',
    summary: 'Send an invitation again',
    needs: 'session',
    organization: 'invitations:write',
    audit: 'organization.invitation.resent',
    limit: SENDING,
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS', 'RATE_LIMIT_EXCEEDED'],
  }),
  revoke: operation({
    name: 'organizations.invitations.revoke',
    summary: 'Revoke an invitation',
    needs: 'session',
    organization: 'invitations:write',
    audit: 'organization.invitation.revoked',
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
  show: operation({
    name: 'invitations.show',
    summary: 'Show an invitation by its token',
    open: OPEN,
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
    errors: ['NOT_FOUND', 'TOKEN_EXPIRED'],
  }),
  accept: operation({
    name: 'invitations.accept',
    summary: 'Accept an invitation',
    needs: 'session',
    audit: 'organization.invitation.accepted',
    limit: [
      { by: 'ip', max: 60, per: '10m' },
      { by: 'user', max: 120, per: '10m' },
    ],
    errors: ['NOT_FOUND', 'TOKEN_EXPIRED', 'INSUFFICIENT_PERMISSIONS', 'CONFLICT'],
  }),
  decline: operation({
    name: 'invitations.decline',
    summary: 'Decline an invitation',
    open: OPEN,
    audit: 'organization.invitation.declined',
    limit: { by: 'ip', max: 60, per: '10m' },
    errors: ['NOT_FOUND', 'TOKEN_EXPIRED'],
  }),
} as const
