/** The operations of organizations' domains. */
import { operation } from '../../../base/http/row/operation.ts'

/** Removing a domain, and choosing another identity provider for it, require a sign-in this recent. */
const FRESH = '10m'
const CHANGES = { by: 'user', max: 200, per: '1h' } as const

export const domainOperations = {
  list: operation({
    name: 'organizations.domains.list',
    summary: 'List the domains of an organization',
    needs: 'session',
    organization: 'connections:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  show: operation({
    name: 'organizations.domains.show',
    summary: 'Show a domain of an organization',
    needs: 'session',
    organization: 'connections:read',
    quiet: 'reads only',
    errors: ['NOT_FOUND'],
  }),
  add: operation({
    name: 'organizations.domains.add',
    summary: 'Add a domain to an organization',
    needs: 'session',
    organization: 'connections:write',
    audit: 'organization.domain.added',
    limit: CHANGES,
    errors: ['NOT_FOUND', 'CONFLICT'],
  }),
  // each requests name servers
  verify: operation({
    name: 'organizations.domains.verify',
    summary: 'Check the record that verifies a domain',
    needs: 'session',
    organization: 'connections:write',
    audit: ['organization.domain.verified', 'organization.domain.check_failed'],
    limit: { by: 'user', max: 60, per: '10m' },
    errors: ['NOT_FOUND'],
  }),
  change: operation({
    name: 'organizations.domains.change',
    summary: 'Choose the connection of a domain',
    needs: 'session',
    organization: 'connections:write',
    fresh: FRESH,
    audit: 'organization.domain.connection_changed',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
  confirmRemoval: operation({
    name: 'pages.organizations.domain.remove',
    summary: 'Ask for confirmation before removing a domain',
    needs: 'session',
    organization: 'connections:write',
    fresh: FRESH,
    quiet: 'reads only',
  }),
  remove: operation({
    name: 'organizations.domains.remove',
    summary: 'Remove a domain from an organization',
    needs: 'session',
    organization: 'connections:write',
    fresh: FRESH,
    audit: 'organization.domain.removed',
    limit: CHANGES,
    errors: ['NOT_FOUND'],
  }),
} as const
