/** The operations of the set-up pages. The link in the path is the credential, and is checked at each request. */
import { operation } from '../../../base/http/row/operation.ts'

const LINK = 'the set-up link in the path is the credential'
const USED = 'organization.setup_link.used'
/** Requests that change something or request the provider; reads are more. */
const CHANGES = { by: 'ip', max: 120, per: '10m', exact: true } as const
const READS = { by: 'ip', max: 300, per: '10m' } as const

export const setupPageOperations = {
  show: operation({
    name: 'pages.connection_setup',
    summary: 'Show a step of setting up a connection by a link',
    open: LINK,
    quiet: 'marks when the link was last used',
    limit: READS,
  }),
  choose: operation({
    name: 'connection_setup.choose',
    summary: 'Choose the provider by a set-up link',
    open: LINK,
    audit: [USED, 'connection.created', 'connection.deleted'],
    limit: CHANGES,
  }),
  save: operation({
    name: 'connection_setup.save',
    summary: 'Change the settings of a connection by a set-up link',
    open: LINK,
    audit: 'connection.updated',
    limit: CHANGES,
  }),
  test: operation({
    name: 'pages.connection_setup.test',
    summary: 'Begin a test sign-in by a set-up link',
    open: LINK,
    quiet: 'marks when the link was last used',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  addDomain: operation({
    name: 'connection_setup.domains.add',
    summary: 'Add a domain by a set-up link',
    open: LINK,
    audit: [USED, 'organization.domain.added'],
    limit: CHANGES,
  }),
  removeDomain: operation({
    name: 'connection_setup.domains.remove',
    summary: 'Remove a domain that was added by a set-up link and is not verified',
    open: LINK,
    audit: 'organization.domain.removed',
    limit: CHANGES,
  }),
  checkDomain: operation({
    name: 'connection_setup.domains.verify',
    summary: 'Check the record of a domain by a set-up link',
    open: LINK,
    audit: ['organization.domain.verified', 'organization.domain.check_failed'],
    limit: { by: 'ip', max: 60, per: '10m', exact: true },
  }),
  complete: operation({
    name: 'connection_setup.complete',
    summary: 'Complete a set-up by its link',
    open: LINK,
    audit: [
      'connection.activated',
      'organization.domain.connection_changed',
      'organization.setup_link.completed',
    ],
    limit: CHANGES,
  }),
} as const
