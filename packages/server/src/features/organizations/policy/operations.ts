/** The operations of security policies and of compliance. */
import { operation } from '../../../base/http/row/operation.ts'

/** Changing what an organization demands requires a sign-in this recent. */
const FRESH = '10m'

export const policyOperations = {
  show: operation({
    name: 'organizations.security_policy.show',
    summary: 'Show the security policy of an organization',
    needs: 'session',
    organization: 'security:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  change: operation({
    name: 'organizations.security_policy.change',
    summary: 'Change the security policy of an organization',
    needs: 'session',
    organization: 'security:write',
    fresh: FRESH,
    audit: 'organization.security_policy.changed',
    limit: { by: 'user', max: 120, per: '1h' },
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  preview: operation({
    name: 'organizations.security_policy.preview',
    summary: 'Count the members that a security policy would affect',
    needs: 'session',
    organization: 'security:read',
    quiet: 'reads only',
    limit: { by: 'user', max: 120, per: '10m' },
    errors: ['NOT_FOUND'],
  }),
  listCompliance: operation({
    name: 'organizations.mfa_compliance.list',
    summary: 'List which members comply with the security policy',
    needs: 'session',
    organization: 'security:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  exportCompliance: operation({
    name: 'organizations.mfa_compliance.export',
    summary: 'Export which members comply with the security policy',
    needs: 'session',
    organization: 'security:read',
    audit: 'organization.mfa_compliance.exported',
    limit: { by: 'user', max: 30, per: '1h' },
    errors: ['NOT_FOUND'],
  }),
  own: operation({
    name: 'users.me.mfa_compliance',
    summary: 'Show what your organizations require of you',
    needs: 'session',
    quiet: 'reads only',
  }),
} as const
