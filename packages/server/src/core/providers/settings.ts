/**
 * The settings of a connection: one record for all providers, of which each uses those that its row names
 * (core/providers). Every one is bounded, because the administrators of organizations set them, and their customers do by a
 * set-up link.
 */
import { z } from 'zod'
import { line, roleNameField } from '../../base/fields.ts'

/** A URL that the server requests or sends browsers to. Its host is checked where it is requested (base/outbound). */
export const ProviderUrl = z
  .url({ protocol: /^https?$/ })
  .max(500)
  .refine((text) => {
    // the checks before have reported it
    if (!URL.canParse(text)) return true
    const { username, password, hash } = new URL(text)
    return username === '' && password === '' && hash === ''
  }, 'Leave out user names, passwords and fragments.')

/** Administrators paste the address of the discovery document, which is the issuer and this (OpenID Connect Discovery §4). */
const DISCOVERY = /\/\.well-known\/openid-configuration\/?(?:\?.*)?$/

export const issuerIn = (text: string): string => text.replace(DISCOVERY, '')

const Issuer = ProviderUrl.overwrite(issuerIn)

const Name = z
  .string()
  .min(1)
  .max(300)
  .regex(/^[^\p{Cc}]+$/u)

/** Where an identity's attribute is found: the name of a claim or of a SAML attribute. */
export const AttributeMap = z.strictObject({
  subject: Name.optional(),
  email: Name.optional(),
  username: Name.optional(),
  full_name: Name.optional(),
  given_name: Name.optional(),
  family_name: Name.optional(),
  groups: Name.optional(),
})

export const SAML_BINDINGS = ['redirect', 'post'] as const

/** The SAML identity provider, as its metadata describes it. */
export const SamlSettings = z.strictObject({
  entity_id: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[^\p{Cc}]+$/u)
    .optional(),
  sso_url: ProviderUrl.optional(),
  sso_binding: z.enum(SAML_BINDINGS).optional(),
  slo_url: ProviderUrl.optional(),
  slo_binding: z.enum(SAML_BINDINGS).optional(),
  /** Where answers to its logout requests are sent, if it differs from `slo_url`. */
  slo_response_url: ProviderUrl.optional(),
  /** X.509 in base64 without PEM lines, newest first. */
  certificates: z.array(z.string().min(100).max(10_000)).max(10).optional(),
  /** Certificates of new metadata that wait for the approval of an administrator. */
  pending_certificates: z.array(z.string().min(100).max(10_000)).max(10).optional(),
  metadata_url: ProviderUrl.optional(),
  /** Whether requests are signed. Default: where the metadata wants it. */
  signs_requests: z.boolean().optional(),
  wants_encrypted: z.boolean().optional(),
  idp_initiated: z.boolean().optional(),
  /** The format of NameID that is requested. */
  name_id: z.enum(['persistent', 'emailAddress', 'unspecified']).optional(),
})

export type SamlSettings = z.infer<typeof SamlSettings>

export const ConnectionSettings = z.strictObject({
  /** OpenID Connect: the issuer, whose discovery document is read. */
  issuer: Issuer.optional(),
  /** A self-hosted GitHub or GitLab. */
  base_url: ProviderUrl.optional(),
  /** Microsoft: `common`, `organizations`, `consumers` or the id or a domain of a tenant. Entra: its id. */
  tenant: z
    .string()
    .max(100)
    .regex(/^[a-z0-9.-]+$/i)
    .optional(),
  /** Microsoft: the tenants whose accounts may sign in. Google: the Workspace domains. Empty: all. */
  allowed: z
    .array(
      z
        .string()
        .max(253)
        .regex(/^[a-z0-9.-]+$/i),
    )
    .max(100)
    .optional(),
  /** Apple: the team, and the key whose private part is the connection's secret. */
  team_id: z
    .string()
    .max(10)
    .regex(/^[A-Z0-9]{10}$/)
    .optional(),
  key_id: z
    .string()
    .max(10)
    .regex(/^[A-Z0-9]{10}$/)
    .optional(),
  /** Scopes besides those of the provider's row. */
  scopes: z
    .array(
      z
        .string()
        .max(200)
        .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/),
    )
    .max(20)
    .optional(),
  attributes: AttributeMap.optional(),
  saml: SamlSettings.optional(),
  /** The roles of the organization that groups of the provider give, applied at each sign-in; the first match counts. */
  group_roles: z
    .array(z.strictObject({ group: line(200), role: roleNameField() }))
    .max(100)
    .optional(),
  /** The role of a member whom a first sign-in makes. Default: `member`. */
  default_role: roleNameField().optional(),
  /** Whether a first sign-in makes an account or a membership. Default: true. */
  registers: z.boolean().optional(),
  /** Whether an account with the same address, verified on both sides, is linked without asking. Default: false. */
  links_silently: z.boolean().optional(),
  /** Whether the provider's word for an address counts as its verification. Default: as the provider's row says. */
  trusts_email: z.boolean().optional(),
  /** Whether a second factor that the provider checked counts here. Default: false. */
  trusts_mfa: z.boolean().optional(),
  /** Whether the provider's tokens are kept, encrypted. Default: false. */
  keeps_tokens: z.boolean().optional(),
  /** Whether the provider may be in a private network: the operator's connections alone. */
  allows_private: z.boolean().optional(),
})
export type ConnectionSettings = z.infer<typeof ConnectionSettings>

/** A role that settings give, and the field that names it. */
export interface GivenRole {
  role: string
  field: string
}

/** The roles that settings give. */
export const rolesIn = ({ default_role: one, group_roles: mapped = [] }: ConnectionSettings): GivenRole[] => [
  ...(one === undefined ? [] : [{ role: one, field: 'settings.default_role' }]),
  ...mapped.map(({ role }, at) => ({ role, field: `settings.group_roles.${at}.role` })),
]

/**
 * The settings of a stored connection. One that cannot be read, such as one that a newer version has written, is left out and
 * named as a field of the API.
 */
export function readStoredSettings(stored: unknown): {
  settings: ConnectionSettings
  unreadable: readonly string[]
} {
  const whole = ConnectionSettings.safeParse(stored)
  if (whole.success) return { settings: whole.data, unreadable: [] }
  const [settings, saml] = [membersOf(stored), membersOf(membersOf(stored).saml)]
  const readable = readableMembers(ConnectionSettings.shape, settings)
  const readableSaml = readableMembers(SamlSettings.shape, saml)
  const unreadable = [
    ...Object.keys(settings).filter((name) => name !== 'saml' && !(name in readable)),
    ...Object.keys(saml).flatMap((name) => (name in readableSaml ? [] : [`saml.${name}`])),
  ]
  return {
    settings: { ...readable, ...(Object.keys(saml).length > 0 && { saml: readableSaml }) },
    unreadable: unreadable.length > 0 ? unreadable.map((name) => `settings.${name}`) : ['settings'],
  }
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

const readableMembers = (
  shape: Readonly<Record<string, z.ZodType>>,
  members: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(members).filter(
      ([name, value]) => Object.hasOwn(shape, name) && shape[name]?.safeParse(value).success,
    ),
  )
