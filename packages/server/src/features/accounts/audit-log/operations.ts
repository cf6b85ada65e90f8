/** The operations of the audit log: the server's, and an organization's. */
import { operation } from '../../../base/http/row/operation.ts'

export const auditLogOperations = {
  list: operation({
    name: 'audit_logs.list',
    summary: 'List audit events',
    needs: 'audit:read',
    quiet: 'reads only',
  }),
  export: operation({
    name: 'audit_logs.export',
    summary: 'Export the audit log',
    needs: 'audit:read',
    audit: 'audit.exported',
    limit: { by: 'user', max: 60, per: '1h' },
  }),
  get: operation({
    name: 'audit_logs.get',
    summary: 'Get an audit event',
    needs: 'audit:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  listOfOrganization: operation({
    name: 'organizations.audit_logs.list',
    summary: 'List the audit events of an organization',
    needs: 'caller',
    organization: 'audit:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
  exportOfOrganization: operation({
    name: 'organizations.audit_logs.export',
    summary: 'Export the audit log of an organization',
    needs: 'caller',
    organization: 'audit:read',
    audit: 'audit.exported',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['NOT_FOUND', 'INSUFFICIENT_PERMISSIONS'],
  }),
}
