/** The operations of a user on their own organizations and invitations. */
import { operation } from '../../../base/http/row/operation.ts'

const ANSWERING = { by: 'user', max: 120, per: '10m' } as const

export const myOrganizationOperations = {
  list: operation({
    name: 'users.me.organizations',
    summary: 'List your organizations',
    needs: 'session',
    anyProof: 'it leaves out organizations whose policy the session does not meet',
    quiet: 'reads only',
  }),
  start: operation({
    name: 'pages.organizations.start',
    summary: 'Show the choice of an organization after a first sign-in',
    needs: 'session',
    quiet: 'reads only',
  }),
  activate: operation({
    name: 'auth.organization',
    summary: 'Choose your active organization',
    needs: 'session',
    anyProof: 'the session acts only where its proofs meet the policy',
    audit: 'organization.switched',
    limit: { by: 'user', max: 300, per: '1h' },
    errors: ['NOT_FOUND', 'STEP_UP_REQUIRED', 'MFA_ENROLMENT_REQUIRED'],
  }),
  listInvitations: operation({
    name: 'users.me.invitations.list',
    summary: 'List the open invitations to your verified addresses',
    needs: 'session',
    quiet: 'reads only',
  }),
  acceptInvitation: operation({
    name: 'users.me.invitations.accept',
    summary: 'Accept one of your invitations',
    needs: 'session',
    audit: 'organization.invitation.accepted',
    limit: ANSWERING,
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  declineInvitation: operation({
    name: 'users.me.invitations.decline',
    summary: 'Decline one of your invitations',
    needs: 'session',
    audit: 'organization.invitation.declined',
    limit: ANSWERING,
    errors: ['NOT_FOUND'],
  }),
} as const
