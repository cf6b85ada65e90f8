/** Fixtures: the hosted pages of an organization's connections with plausible contents, for samples.tsx. */

import type { VNode } from 'preact'
import { advisedOf } from '../../packages/server/src/core/connection-advice.tsx'
import {
  ApproveCertificates,
  NewKeys,
} from '../../packages/server/src/features/organizations/connections/certificate-views.tsx'
import type { ShownConnection } from '../../packages/server/src/features/organizations/connections/connections.ts'
import type { ConnectionView } from '../../packages/server/src/features/organizations/connections/view.ts'
import {
  ConnectionDetails,
  ConnectionEvents,
  Connections,
  DeleteConnection,
} from '../../packages/server/src/features/organizations/connections/views.tsx'
import type { Shell } from '../../packages/server/src/features/organizations/frame/index.ts'

const LONG = 'Vereinigte Maschinenfabriken und Rechenanstalten '.repeat(2).trim().slice(0, 80)
const HOST = 'https://sign-in.vereinigte-maschinenfabriken.example.com'

export function connectionPages(shell: Shell, reader: Shell, now: Date): Record<string, VNode> {
  const draft: ShownConnection = {
    id: 'con_0198c0de5a7b7e11b4c2d3e4f5a6b7c8',
    organizationId: shell.id,
    slug: 'con_0198c0de5a7b7e11b4c2d3e4f5a6b7c8',
    provider: 'oidc',
    name: 'OpenID Connect',
    status: 'draft',
    state: 'draft',
    clientId: null,
    hasSecret: false,
    hasIdentities: false,
    domains: [],
    settings: {},
    saml: null,
    origin: 'api',
    version: 1,
    madeBy: null,
    byOperator: false,
    testedAt: null,
    unreadable: [],
    resumes: false,
    createdAt: now,
    updatedAt: now,
  }
  const active: ShownConnection = {
    ...draft,
    name: LONG,
    status: 'active',
    state: 'active',
    clientId: 'latchkey'.repeat(20),
    hasSecret: true,
    hasIdentities: true,
    testedAt: now,
    settings: {
      issuer: `${HOST}/realms/${'engines'.repeat(10)}`,
      scopes: ['groups'],
      group_roles: [{ group: 'Engines', role: 'admin' }],
      default_role: 'guest',
    },
  }
  const pending = { ...active, state: 'pending' } as const
  const saml = { ...draft, provider: 'saml', name: 'SAML 2.0' } as const
  const byMetadata = { ...saml, settings: { saml: { metadata_url: `${HOST}/metadata` } } } as const
  const certificates = [
    ['provider', 'signing', 'expired', -4],
    ['provider', 'signing', 'current', 5],
    ['provider', 'signing', 'pending', 700],
    ['server', 'signing', 'current', 500],
    ['server', 'signing', 'next', 730],
    ['server', 'encryption', 'previous', 20],
  ].map(([owner, use, state, days_left], index) => ({
    owner,
    use,
    state,
    days_left,
    fingerprint: `${index}f`.repeat(32),
    subject: `CN=${HOST.slice(8)}`,
    not_after: now.toISOString(),
  })) as NonNullable<ConnectionView['certificates']>
  const callback = { callbackUrl: `${HOST}/api/v1/auth/external/${draft.slug}/callback`, saml: null }
  const addresses = {
    callbackUrl: null,
    saml: {
      entity_id: `${HOST}/saml/${draft.slug}/metadata`,
      metadata_url: `${HOST}/saml/${draft.slug}/metadata`,
      acs_url: `${HOST}/saml/${draft.slug}/acs`,
      login_url: `${HOST}/saml/${draft.slug}/login`,
      logout_url: `${HOST}/saml/${draft.slug}/logout`,
    },
  }
  const one = {
    shell,
    addresses: callback,
    certificates: null,
    metadata: null,
    missing: [],
    roles: ['owner', 'admin', 'member', 'guest'],
    isRequired: false,
    mayChange: true,
  }
  const advised = advisedOf({ publicUrl: 'https://id.example.com' }, active)
  const event = {
    id: 'cev_1',
    at: now,
    flow: 'login',
    message: null,
    detail: null,
    subject: 's'.repeat(120),
    question: null,
    requestId: 'req_0198c0de5a7b7e11b4c2d3e4f5a6b7c8',
    userId: null,
  }
  return {
    connections: <Connections shell={shell} connections={[draft, active, pending]} mayChange />,
    'connections-none': <Connections shell={shell} connections={[]} mayChange alert="No." />,
    'connections-read-only': <Connections shell={reader} connections={[active]} mayChange={false} />,
    connection: <ConnectionDetails {...one} connection={draft} missing={['client_id', 'settings.issuer']} />,
    'connection-active': <ConnectionDetails {...one} connection={active} />,
    'connection-required': <ConnectionDetails {...one} connection={active} isRequired />,
    'connection-pending': <ConnectionDetails {...one} connection={pending} />,
    'connection-saml': (
      <ConnectionDetails
        {...one}
        connection={saml}
        addresses={addresses}
        missing={['settings.saml.entity_id']}
      />
    ),
    'connection-certificates': (
      <ConnectionDetails
        {...one}
        connection={byMetadata}
        addresses={addresses}
        certificates={certificates}
        metadata={{ checked_at: now.toISOString(), fault: 'unreachable', detail: null, changed_at: null }}
      />
    ),
    'connection-approve': (
      <ApproveCertificates shell={shell} connection={byMetadata} certificates={certificates} />
    ),
    'connection-approve-none': <ApproveCertificates shell={shell} connection={saml} certificates={[]} />,
    'connection-keys': <NewKeys shell={shell} connection={saml} certificates={[]} alert="No." />,
    'connection-keys-use': <NewKeys shell={shell} connection={saml} certificates={certificates} />,
    'connection-apple': (
      <ConnectionDetails {...one} connection={{ ...draft, provider: 'apple', name: 'Apple' }} />
    ),
    'connection-refused': (
      <ConnectionDetails
        {...one}
        connection={draft}
        typed={{ name: 'A', issuer: 'x' }}
        errors={{ issuer: 'No.', group_roles: 'No.' }}
      />
    ),
    'connection-read-only': (
      <ConnectionDetails {...one} shell={reader} connection={active} mayChange={false} />
    ),
    'connection-events': (
      <ConnectionEvents
        shell={shell}
        connection={active}
        of={advised}
        events={[
          {
            ...event,
            fault: 'wrong_time',
            detail: 'The clock of the provider is 4 minutes ahead.',
            claims: null,
          },
          {
            ...event,
            id: 'cev_3',
            fault: null,
            question: 'account',
            claims: null,
            requestId: null,
            detail: 'No account is made.',
          },
          {
            ...event,
            id: 'cev_2',
            flow: 'test',
            fault: null,
            claims: { sub: 's'.repeat(200), groups: ['Engines'] },
          },
        ]}
      />
    ),
    'connection-events-none': <ConnectionEvents shell={shell} connection={active} of={advised} events={[]} />,
    'connection-delete': (
      <DeleteConnection
        shell={shell}
        connection={active}
        leading={{
          domains: [
            { id: 'dom_1', domain: 'example.com' },
            { id: 'dom_2', domain: 'example.org' },
          ],
          next: { id: 'con_2', name: 'Contractors', status: 'active' },
        }}
        isRequired
      />
    ),
    'connection-delete-refused': (
      <DeleteConnection
        shell={shell}
        connection={draft}
        leading={{ domains: [{ id: 'dom_1', domain: 'example.com' }], next: null }}
        isRequired={false}
        alert="No."
      />
    ),
  }
}
