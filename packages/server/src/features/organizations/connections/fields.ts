/**
 * The settings of connections as fields of the API, each with its meaning: the schemas are core/providers', the words are
 * here.
 */
import { z } from 'zod'
import { described } from '../../../base/described.ts'
import { line } from '../../../base/fields.ts'
import { LONGEST_METADATA } from '../../../core/connections/fields.ts'
import { type ConnectionSetting, ConnectionSettings, PROVIDER_IDS } from '../../../core/providers/index.ts'

/** How many connections an organization, and the server, may have. */
export const MOST_CONNECTIONS = { organization: 50, server: 100 } as const

type Shape = Readonly<Record<string, z.ZodType>>

/** The fields of a shape with their meaning; the examples of the document contain only those that `samples` names. */
const explained = <S extends Shape>(
  shape: S,
  about: { readonly [K in keyof S]: string },
  samples: { readonly [K in keyof S]?: unknown } = {},
): S =>
  Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => [
      name,
      schema.meta({
        description: about[name],
        samples: Object.hasOwn(samples, name) ? [samples[name]] : [],
      }),
    ]),
  ) as unknown as S

/** The fields of a change, in which null clears. */
const clearable = <S extends Shape>(shape: S): { [K in keyof S]: z.ZodNullable<S[K]> } =>
  Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => [name, schema.nullable().meta(schema.meta() ?? {})]),
  ) as { [K in keyof S]: z.ZodNullable<S[K]> }

const { saml, attributes, group_roles, ...plain } = ConnectionSettings.shape

const samlShape = explained(saml.unwrap().shape, {
  entity_id: 'The entity id of the identity provider.',
  sso_url: 'Where sign-in requests are sent.',
  sso_binding: 'How they are sent: `redirect` or `post`.',
  slo_url: 'Where logout requests are sent; absent: no single logout.',
  slo_binding: 'How they are sent: `redirect` or `post`.',
  slo_response_url: 'Where logout responses are sent; absent: to `slo_url`.',
  certificates:
    'The certificates that the identity provider signs with, newest first: X.509 in base64 without the lines of PEM.',
  pending_certificates: 'Certificates of new metadata that wait for approval: move them to `certificates`.',
  metadata_url: 'Where the metadata of the identity provider is read again every day.',
  signs_requests: 'Whether sign-in requests are signed. Absent: as the metadata wants it.',
  wants_encrypted: 'Whether assertions must be encrypted.',
  idp_initiated: 'Whether the identity provider may begin a sign-in.',
  name_id: 'The format of NameID that is requested.',
})
const attributeShape = explained(attributes.unwrap().shape, {
  subject: 'The attribute with the permanent id of the user.',
  email: 'The attribute with the e-mail address.',
  username: 'The attribute with the username.',
  full_name: 'The attribute with the whole name.',
  given_name: 'The attribute with the given name.',
  family_name: 'The attribute with the family name.',
  groups: 'The attribute with the names of the groups.',
})
const groupRole = z.object(
  explained(group_roles.unwrap().element.shape, {
    group: 'The name or id of a group, as the provider sends it.',
    role: 'The role of the organization that its members get.',
  }),
)

const PLAIN: { readonly [K in Exclude<ConnectionSetting, 'saml' | 'attributes' | 'group_roles'>]: string } = {
  issuer: 'OpenID Connect: the issuer, whose discovery document is read.',
  base_url: 'The address of a self-hosted GitHub or GitLab.',
  tenant:
    'Microsoft: `common`, `organizations`, `consumers`, or the id or a domain of a tenant. Entra: its id.',
  allowed: 'Google: the Workspace domains, Microsoft: the tenants whose users may sign in. Absent: all.',
  team_id: 'Apple: the id of the team.',
  key_id: 'Apple: the id of the key whose private part is the `client_secret`.',
  scopes: 'Scopes that are requested besides those of the provider.',
  default_role: 'The role of a member whom a first sign-in makes. Absent: `member`.',
  registers: 'Whether a first sign-in makes an account or a membership. Absent: true.',
  links_silently:
    'Whether an account with the same address, verified on both sides, is linked without a question. Server-wide connections only.',
  trusts_email:
    'Whether the provider’s word for an address counts as its verification. Absent: as is known of the provider. Server-wide connections only.',
  trusts_mfa: 'Whether a second factor that the provider checked counts here. Absent: false.',
  keeps_tokens: 'Whether the provider’s tokens are kept, encrypted. Absent: false.',
  allows_private: 'Whether the provider may be in a private network. Server-wide connections only.',
}
const plainShape = explained(plain, PLAIN, {
  issuer: 'https://login.example.com',
  scopes: ['groups'],
  keeps_tokens: false,
})

const ABOUT_SAML = 'The SAML identity provider, as its metadata describes it.'
const ABOUT_ATTRIBUTES = 'Which claims or SAML attributes contain what is known about the user.'
const ABOUT_GROUPS =
  'The roles that groups give, applied at each sign-in; the first group of the list that the user is in counts. Each role is within what you may grant.'
const groupRoles = described(z.array(groupRole).max(100).optional(), ABOUT_GROUPS).meta({ samples: [] })

/** The settings of a new connection, and of an answer. */
export const SettingsFields = z.object({
  ...plainShape,
  group_roles: groupRoles,
  attributes: z.object(attributeShape).optional().meta({ description: ABOUT_ATTRIBUTES, samples: [] }),
  saml: z.object(samlShape).optional().meta({ description: ABOUT_SAML, samples: [] }),
})

/** The settings of a change: absent members stay, null clears, also inside of `attributes` and `saml`. */
export const SettingsChange = z.object({
  ...clearable(plainShape),
  group_roles: groupRoles.nullable().meta({ description: ABOUT_GROUPS, samples: [] }),
  attributes: z
    .object(clearable(attributeShape))
    .nullable()
    .optional()
    .meta({ description: ABOUT_ATTRIBUTES, samples: [] }),
  saml: z.object(clearable(samlShape)).nullable().optional().meta({ description: ABOUT_SAML, samples: [] }),
})

export const ProviderField = z.enum(PROVIDER_IDS).meta({
  description:
    'The provider. `oidc` is any issuer of OpenID Connect, `saml` any identity provider of SAML 2.0.',
  samples: ['oidc'],
})

export const ConnectionName = line(80).meta({
  description: 'What users see on the button. Default: the name of the provider.',
  samples: ['Acme'],
})

export const ConnectionSlug = z
  .string()
  .max(40)
  .regex(/^[a-z0-9-]{2,40}$/, { error: () => 'Use 2 to 40 small letters, digits and hyphens.' })
  .meta({
    description:
      'Its name in the callback URL, which never changes. Default: the id of the provider, such as `google`.',
    samples: ['acme-id'],
  })

export const MetadataField = z.string().min(1).max(LONGEST_METADATA).optional().meta({
  description:
    'The metadata of a SAML identity provider as XML: its entity id, addresses and certificates replace those in `settings.saml`.',
  samples: [],
})
