/** Input fields and JSON views of connections and their diagnostics. */
import { z } from 'zod'
import {
  described,
  exampleId,
  flagField,
  idField,
  idInput,
  textField,
  textList,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import type { Config } from '../../../config.ts'
import { CONNECTION_OUTCOMES, CONNECTION_QUESTIONS, outcomeOf } from '../../../core/connection-events.ts'
import { ClientId, ClientSecret } from '../../../core/connections/fields.ts'
import { callbackUrlOf, samlAddressesOf } from '../../../core/connections/index.ts'
import { PROVIDER_FAULTS, PROVIDER_IDS, providerOf } from '../../../core/providers/index.ts'
import { certificateStates } from '../../../core/saml/index.ts'
import type { ShownConnection } from './connections.ts'
import {
  ConnectionName,
  ConnectionSlug,
  MetadataField,
  ProviderField,
  SettingsChange,
  SettingsFields,
} from './fields.ts'
import { missingIn } from './settings.ts'
import type { Diagnosis } from './upkeep.ts'

export const ConnectionId = idInput('con', 'The connection.')

const SAMPLE_SETTINGS = { issuer: 'https://login.example.com', scopes: ['groups'] }
const ABOUT_SETTINGS = 'What the provider needs besides the client; each provider has some of them.'

/** The fields of a new connection of an organization. */
export const NewConnectionFields = z.object({
  provider: ProviderField,
  name: ConnectionName.optional(),
  client_id: ClientId.optional(),
  client_secret: ClientSecret.optional(),
  settings: SettingsFields.optional().meta({ description: ABOUT_SETTINGS, samples: [SAMPLE_SETTINGS] }),
  metadata: MetadataField,
  status: z
    .enum(['draft', 'active'])
    .default('draft')
    .meta({
      description: '`active`: it is used at once, which requires everything that the provider needs.',
      samples: ['draft'],
    }),
})

/** The fields of a new server-wide connection. */
export const NewServerConnectionFields = NewConnectionFields.extend({ slug: ConnectionSlug.optional() })

/** The fields of a change; absent ones stay. */
export const ConnectionChangeFields = z.object({
  name: ConnectionName.optional(),
  client_id: ClientId.nullable()
    .optional()
    .meta({
      description: 'What the provider knows this server by; null clears it.',
      samples: ['latchkey'],
    }),
  client_secret: ClientSecret.nullable()
    .optional()
    .meta({
      description: 'A new secret; null clears it, and without the field the secret stays.',
      samples: ['3q2-7wAAAAAAkPZ0b6pV5f3V0XgqzH2m'],
    }),
  settings: SettingsChange.optional().meta({
    description: `${ABOUT_SETTINGS} Absent members stay, null clears one.`,
    samples: [SAMPLE_SETTINGS],
  }),
  metadata: MetadataField,
  status: z
    .enum(['active', 'disabled'])
    .optional()
    .meta({
      description: '`disabled`: it keeps its settings, and is not offered at sign-in.',
      samples: ['disabled'],
    }),
  version: z.number().int().min(1).max(2_147_483_647).optional().meta({
    description:
      'The version that the change is based on. If the connection has another by now, the answer is 409 with `reason: "stale"`. Absent: the change is made in any case.',
    samples: [],
  }),
})

export const changeIn = ({
  name,
  client_id: clientId,
  client_secret: clientSecret,
  settings,
  metadata,
  status,
}: z.infer<typeof ConnectionChangeFields>) => ({ name, clientId, clientSecret, settings, metadata, status })

export const newIn = ({
  provider,
  name,
  client_id: clientId,
  client_secret: clientSecret,
  settings,
  metadata,
  status,
}: z.infer<typeof NewConnectionFields>) => ({
  provider,
  name,
  clientId,
  clientSecret,
  settings,
  metadata,
  status,
})

const SAML = described(
  z
    .object({
      entity_id: textField('The entity id of this server.', 'https://id.example.com/saml/acme-id/metadata'),
      metadata_url: textField('Its metadata.', 'https://id.example.com/saml/acme-id/metadata'),
      acs_url: textField('Its assertion consumer service.', 'https://id.example.com/saml/acme-id/acs'),
      login_url: textField(
        'Where a sign-in begins, for a tile of the provider.',
        'https://id.example.com/saml/acme-id/login',
      ),
      logout_url: textField('Its single logout service.', 'https://id.example.com/saml/acme-id/logout'),
    })
    .nullable(),
  'What is registered at a SAML identity provider; null for other providers.',
  null,
)

export const CERTIFICATE_STATES = ['current', 'next', 'previous', 'pending', 'expired'] as const

const CertificateFields = z.object({
  use: described(z.enum(['signing', 'encryption']), 'What its key is for.', 'signing'),
  owner: described(
    z.enum(['provider', 'server']),
    'Whose it is: the identity provider’s, or this server’s as a service provider.',
    'provider',
  ),
  state: described(
    z.enum(CERTIFICATE_STATES),
    '`current`: in use. `next`: published in our metadata and not used yet. `previous`: replaced, and still decrypts. `pending`: waits for approval. `expired`.',
    'current',
  ),
  fingerprint: textField('SHA-256 of the certificate, in hexadecimal.', 'b7'.repeat(32)),
  subject: textField('What it is issued for.', 'CN=login.example.com'),
  not_after: timeField('When it expires.'),
  days_left: described(z.number().int(), 'Whole days until then; negative once it has expired.', 364),
})

const CERTIFICATES = described(
  z.array(CertificateFields).nullable(),
  'The certificates of a SAML connection, those of the provider first; null for other providers.',
  null,
)

const METADATA = described(
  z
    .object({
      checked_at: timeField('When the metadata of the provider was last fetched.'),
      fault: textOrNull('Why that failed, as a code; null if it succeeded.', 'unreachable'),
      detail: textOrNull(
        'What exactly failed; null if nothing more is known.',
        'It answered with status 404.',
      ),
      changed_at: timeOrNull(
        'When a fetch last changed the settings; null if none has.',
        '2030-06-01T12:00:00.000Z',
      ),
    })
    .nullable(),
  'The last fetch from the metadata URL of a SAML connection; null before the first, and for other providers.',
  null,
)

export type ConnectionView = z.infer<typeof ConnectionView>
export const ConnectionView = z
  .object({
    id: idField('con', 'The id of the connection.'),
    organization_id: described(
      z.string().nullable(),
      'The organization that it belongs to; null for a server-wide one. Form: `org_…`.',
      exampleId('org'),
    ),
    provider: described(
      z.enum(PROVIDER_IDS),
      'Which provider it is, which never changes. `GET auth/external/providers`, `auth/external/linked-accounts` and `users/:id/identities` call that `kind`; `provider` is the `slug` there.',
      'oidc',
    ),
    slug: textField('Its name in paths: of an organization’s connection its id.', 'acme-id'),
    name: textField('What users see on the button.', 'Acme'),
    status: described(z.enum(['draft', 'active', 'disabled']), 'What was chosen.', 'active'),
    state: described(
      z.enum(['draft', 'pending', 'active', 'disabled']),
      'What is in force: as `status`, or `pending` for an active connection of an organization that no verified domain leads to. It is not offered at sign-in until one does; only users who have connected it sign in by it.',
      'active',
    ),
    missing: textList(
      'The fields that it still needs to be active, because it does not have them or they cannot be read; empty if it has everything.',
    ),
    client_id: textOrNull('What the provider knows this server by; null without one.', 'latchkey'),
    has_secret: flagField('Whether there is a client secret. No answer contains it.', true),
    settings: SettingsFields.meta({ description: ABOUT_SETTINGS, samples: [SAMPLE_SETTINGS] }),
    callback_url: textOrNull(
      'The callback URL to register at the provider; null for SAML.',
      'https://id.example.com/api/v1/auth/external/acme-id/callback',
    ),
    saml: SAML,
    certificates: CERTIFICATES,
    metadata: METADATA,
    domains: textList(
      'The verified domains that lead to it, once it is active. Where one names no connection, it leads to the first active one: to another one when this one is disabled or deleted.',
      'example.com',
    ),
    has_identities: flagField(
      'Whether users have linked identities. If the settings name another provider, those of the one before can no longer sign in.',
    ),
    origin: described(
      z.enum(['environment', 'api', 'setup_link']),
      'Who set it up. The environment’s are changed there alone.',
      'api',
    ),
    version: described(z.number().int(), 'One more at each change.', 1),
    tested_at: timeOrNull(
      'When a test sign-in with the present settings succeeded; null if none has.',
      '2030-06-01T12:00:00.000Z',
    ),
    created_at: timeField('When it was created.'),
    updated_at: timeField('When it was last changed.'),
  })
  .meta({ id: 'Connection' })

export function connectionView(
  config: Pick<Config, 'publicUrl'>,
  connection: ShownConnection,
  now: Date,
): z.infer<typeof ConnectionView> {
  const isSaml = providerOf(connection.provider).kind === 'saml'
  const saml = samlAddressesOf(config, connection)
  return {
    id: connection.id,
    organization_id: connection.organizationId,
    provider: connection.provider,
    slug: connection.slug,
    name: connection.name,
    status: connection.status,
    state: connection.state,
    missing: [...new Set([...missingIn(connection), ...connection.unreadable])],
    client_id: connection.clientId,
    has_secret: connection.hasSecret,
    settings: connection.settings,
    callback_url: isSaml ? null : callbackUrlOf(config, connection),
    saml: isSaml
      ? {
          entity_id: saml.entityId,
          metadata_url: saml.metadata,
          acs_url: saml.acs,
          login_url: saml.login,
          logout_url: saml.logout,
        }
      : null,
    certificates: certificatesOf(connection, now),
    metadata: metadataOf(connection),
    domains: [...connection.domains],
    has_identities: connection.hasIdentities,
    origin: connection.origin,
    version: connection.version,
    tested_at: connection.testedAt?.toISOString() ?? null,
    created_at: connection.createdAt.toISOString(),
    updated_at: connection.updatedAt.toISOString(),
  }
}

function certificatesOf(connection: ShownConnection, now: Date): z.infer<typeof CERTIFICATES> {
  if (!connection.saml) return null
  return certificateStates(connection, connection.saml.keys, now).map(
    ({ use, owner, stage, fingerprint, subject, not_after, days_left }) => ({
      use,
      owner,
      state: not_after <= now ? 'expired' : stage,
      fingerprint,
      subject,
      not_after: not_after.toISOString(),
      days_left,
    }),
  )
}

function metadataOf({ saml }: ShownConnection): z.infer<typeof METADATA> {
  if (!saml?.check) return null
  const { checked_at, fault, detail, changed_at } = saml.check
  return {
    checked_at: checked_at.toISOString(),
    fault,
    detail,
    changed_at: changed_at?.toISOString() ?? null,
  }
}

export const ApprovalFields = z.object({
  fingerprints: z
    .array(
      z
        .string()
        .max(64)
        .regex(/^[0-9a-f]{64}$/, { error: () => 'Use SHA-256 in hexadecimal.' }),
    )
    .min(1)
    .max(10)
    .optional()
    .meta({
      description:
        'Those that were shown, so that one that came meanwhile is not approved. Absent: all that wait.',
      samples: [['b7'.repeat(32)]],
    }),
})

export const RotationFields = z.object({
  step: z
    .enum(['prepare', 'activate'])
    .default('prepare')
    .meta({
      description:
        '`prepare`: new keys are published in the metadata and not used yet; if there are some already, nothing happens. `activate`: the new keys are used from now on; the replaced one still decrypts for 30 days.',
      samples: ['prepare'],
    }),
})

export const ConnectionEventView = z
  .object({
    id: idField('cev', 'The id of the event.'),
    at: timeField('When the provider answered.'),
    flow: textField('What it was for: `login`, `register`, `link`, `continue` or `test`.', 'login'),
    outcome: described(
      z.enum(CONNECTION_OUTCOMES),
      '`succeeded`: the answer, or the decision of the user about it, was accepted. `asked`: the answer was accepted, and the user decides what it leads to; what becomes of that is a later event, or none if they do not decide. `failed`: it was refused.',
      'failed',
    ),
    fault: textOrNull(
      `Why it was refused, as a code; null if it succeeded. One of: ${Object.keys(PROVIDER_FAULTS)
        .map((code) => `\`${code}\``)
        .join(', ')}.`,
      'wrong_audience',
    ),
    question: textOrNull(
      `What the user decides, as a code; null if nothing. One of: ${Object.keys(CONNECTION_QUESTIONS)
        .map((code) => `\`${code}\``)
        .join(', ')}.`,
      null,
    ),
    message: textOrNull(
      'The fault or the question as a sentence; null if it succeeded.',
      PROVIDER_FAULTS.wrong_audience,
    ),
    detail: textOrNull(
      'What exactly differs, or what an answer that was accepted lacks; null if nothing more is known.',
      'it names `other-client`',
    ),
    request_id: textOrNull(
      'The id of the request, which the user reads as the reference on the page about a sign-in that failed; the audit log has it too. Null for what an earlier version recorded.',
      exampleId('req'),
    ),
    subject: textOrNull('The id of the user at the provider; null if the answer names none.', '248289761001'),
    user_id: described(
      z.string().nullable(),
      'The user who signed in; null if none did. Form: `usr_…`.',
      exampleId('usr'),
    ),
    claims: described(
      z.record(z.string(), z.unknown()).nullable(),
      'What the provider said about the user; null for readers who may not change the connection, because it is personal data that only the mapping of attributes needs.',
      { sub: '248289761001', groups: ['engines'] },
    ),
  })
  .meta({ id: 'ConnectionEvent' })

export const connectionEventView = (event: Diagnosis): z.infer<typeof ConnectionEventView> => ({
  id: event.id,
  at: event.at.toISOString(),
  flow: event.flow,
  outcome: outcomeOf(event),
  fault: event.fault,
  question: event.question,
  message: event.message,
  detail: event.detail,
  request_id: event.requestId,
  subject: event.subject,
  user_id: event.userId,
  claims: event.claims && { ...event.claims },
})
