/** Fixtures: the hosted pages of an organization's domains with plausible contents, for samples.tsx. */
import type { VNode } from 'preact'
import type { DomainRow } from '../../packages/server/src/features/organizations/domains/sql.ts'
import {
  Domain,
  Domains,
  RemoveDomain,
} from '../../packages/server/src/features/organizations/domains/views.tsx'
import type { Shell } from '../../packages/server/src/features/organizations/frame/index.ts'

const LONG = `${'donaudampfschifffahrtsgesellschaft'.repeat(2).slice(0, 60)}.${'kapitaen'.repeat(7)}.example.com`

export function domainPages(shell: Shell, reader: Shell, now: Date): Record<string, VNode> {
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)
  const pending: DomainRow = {
    id: 'dom_1',
    organization_id: shell.id,
    domain: 'engines-3.example.com',
    token: '7f4a1f0c5b9d4f2e8a6c3b1d0e9f8a7b6c5d4e3f',
    connection_id: null,
    added_by: null,
    created_at: now,
    verified_at: null,
    checked_at: null,
    outcome: null,
    found: [],
    fault: null,
    failing_since: null,
    warned_at: null,
    next_check_at: now,
  }
  const checked = (outcome: DomainRow['outcome'], more: Partial<DomainRow> = {}): DomainRow => ({
    ...pending,
    checked_at: ago(12),
    outcome,
    ...more,
  })
  const verified = checked('verified', { id: 'dom_2', domain: LONG, verified_at: now, checked_at: ago(7200) })
  const missing = checked('other_values', {
    id: 'dom_3',
    verified_at: now,
    failing_since: ago(90_000),
    found: ['v=spf1 -all', `latchkey-verify=${'0'.repeat(200)}`],
  })
  const connections = [
    { id: 'con_1', name: 'Okta', status: 'active' },
    { id: 'con_2', name: 'Keycloak', status: 'draft' },
  ]
  const one = { shell, mayChange: true, connections: [], now }
  return {
    domains: <Domains shell={shell} domains={[pending, verified, missing]} mayChange />,
    'domains-none': <Domains shell={shell} domains={[]} mayChange />,
    'domains-refused': (
      <Domains
        shell={shell}
        domains={[]}
        mayChange
        typed={{ domain: 'gmail.com' }}
        errors={{ domain: 'No.' }}
      />
    ),
    'domains-read-only': <Domains shell={reader} domains={[verified]} mayChange={false} />,
    domain: <Domain {...one} domain={pending} />,
    'domain-not-found': <Domain {...one} domain={checked('not_found')} />,
    'domain-over': (
      <Domain {...one} domain={checked('no_answer', { fault: 'servfail', next_check_at: null })} />
    ),
    'domain-taken': <Domain {...one} domain={checked('taken')} />,
    'domain-verified': <Domain {...one} domain={verified} connections={connections} />,
    'domain-missing': <Domain {...one} domain={missing} />,
    'domain-read-only': <Domain {...one} shell={reader} domain={verified} mayChange={false} />,
    'domain-refused': <Domain {...one} shell={{ ...shell, refused: 'No.' }} domain={pending} />,
    'domain-remove': <RemoveDomain shell={shell} domain={verified} endsSso={false} />,
    'domain-remove-last': <RemoveDomain shell={shell} domain={verified} endsSso />,
    'domain-remove-pending': <RemoveDomain shell={shell} domain={pending} endsSso={false} alert="No." />,
  }
}
