/** Fixtures: the pages between apps and their users, with plausible contents. */
import type { VNode } from 'preact'
import {
  type ApplicationItem,
  Applications,
  RemoveApplication,
} from '../../packages/server/src/features/oidc/applications/views.tsx'
import { Consent, RequestRefused } from '../../packages/server/src/features/oidc/authorize/views.tsx'
import { LoggedOut, LogoutQuestion } from '../../packages/server/src/features/oidc/logout/views.tsx'
import { pngLogo } from '../../packages/server/src/testing/png.ts'

const LONG = 'The reconciliation of invoices of the Analytical Engines of Ingolstadt and Surroundings'

export function appSamples(now: Date): Record<string, VNode> {
  const portal: ApplicationItem = {
    id: 'gnt_1',
    name: 'Acme Portal',
    logo: pngLogo(64),
    organization: null,
    url: 'https://portal.acme.example/',
    isOwn: false,
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    resourceScopes: [
      { description: 'Read orders', resource: 'Orders' },
      { description: 'Cancel orders', resource: 'Orders' },
      { description: null, resource: 'Archive' },
    ],
    isOffline: true,
    sessions: 1,
    since: new Date(now.getTime() - 40 * 86_400_000),
    lastUsedAt: new Date(now.getTime() - 3_600_000),
  }
  const own: ApplicationItem = {
    ...portal,
    id: 'gnt_2',
    logo: null,
    name: LONG,
    organization: 'Bureau of Ordnance',
    url: null,
    isOwn: true,
    scopes: [],
    resourceScopes: [],
    sessions: 0,
    lastUsedAt: null,
  }
  const consent = {
    isSelection: false,
    isFirstParty: false,
    app: 'Acme Portal',
    logo: portal.logo,
    source: 'known' as const,
    organization: null,
    account: 'grace.hopper@example.com',
    host: 'portal.acme.example',
    isUnproven: false,
    scopes: portal.scopes,
    resourceScopes: portal.resourceScopes,
    policyUri: 'https://portal.acme.example/privacy',
    termsUri: 'https://portal.acme.example/terms',
    reference: 'urn:ietf:params:oauth:request_uri:x',
    shown: 'x',
    clientId: 'acme-portal-001',
    path: '/oidc/authorize?client_id=acme-portal-001&request_uri=x',
  }
  return {
    consent: <Consent {...consent} />,
    'consent-unproven': (
      <Consent
        {...consent}
        app={LONG}
        logo={null}
        organization="Bureau of Ordnance"
        host="com.example.reconciliation"
        isUnproven
        scopes={['openid']}
        resourceScopes={[]}
        policyUri={null}
        termsUri={null}
      />
    ),
    'consent-document': <Consent {...consent} source={{ host: 'mcp.portal.acme.example' }} isUnproven />,
    'consent-registered': <Consent {...consent} source="itself" />,
    'account-choice': <Consent {...consent} isSelection />,
    'account-choice-own': <Consent {...consent} isSelection isFirstParty app={LONG} logo={null} />,
    'app-refused': (
      <RequestRefused
        title="This app cannot sign you in"
        lead="The app wants you to be led to an address that is not registered for it. You have not been led there."
        error="invalid_request (redirect_uri)"
        documented={{ file: 'docs/guides/apps.md', section: 'Redirect URIs' }}
      />
    ),
    applications: <Applications applications={[portal, own]} isRemoved more="/more" first={null} />,
    'applications-none': <Applications applications={[]} isRemoved={false} more={null} first={null} />,
    'applications-remove': <RemoveApplication application={portal} />,
    'logout-question': (
      <LogoutQuestion app="Acme Portal" fault={null} account="grace.hopper@example.com" sealed="x" />
    ),
    'logout-done': <LoggedOut app="Acme Portal" fault={null} leadsTo="https://portal.acme.example/" />,
  }
}
