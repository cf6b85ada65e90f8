/**
 * The form of a connection: flat texts for the settings that its provider takes, and back. Pure. An empty field clears its
 * setting; settings for which the form has no field stay as they are.
 */
import { z } from 'zod'
import { invalid } from '../../../base/errors.ts'
import { Flag, optional } from '../../../base/fields.ts'
import {
  ATTRIBUTE_FIELDS,
  attributeFieldOf,
  attributeShape,
  attributesOfForm,
  attributeValues,
} from '../../../core/connection-attributes.tsx'
import { ClientId, ClientSecret, LONGEST_METADATA } from '../../../core/connections/fields.ts'
import { type ConnectionSetting, ConnectionSettings, providerOf } from '../../../core/providers/index.ts'
import type { ShownConnection } from './connections.ts'
import { ConnectionName } from './fields.ts'
import type { ConnectionChange } from './settings.ts'
import { settingsTaken } from './settings.ts'

const { shape } = ConnectionSettings
const samlShape = shape.saml.unwrap().shape

/** Settings of one text, by the name of their field. */
export const TEXT_SETTINGS = ['issuer', 'base_url', 'tenant', 'team_id', 'key_id'] as const
export const LIST_SETTINGS = ['allowed', 'scopes'] as const
/** Settings of yes and no, with what they are without a value. */
export const FLAG_SETTINGS = { registers: true, trusts_mfa: false, keeps_tokens: false } as const
export const SAML_TEXTS = ['entity_id', 'sso_url', 'slo_url', 'metadata_url'] as const
export const SAML_FLAGS = ['wants_encrypted', 'idp_initiated'] as const

/** Words separated by spaces, commas or lines. */
const Words = z
  .string()
  .max(6000)
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))

export const ConnectionForm = z.object({
  version: z
    .string()
    .max(9)
    .regex(/^\d{1,9}$/)
    .transform(Number),
  name: ConnectionName,
  client_id: optional(ClientId),
  client_secret: optional(ClientSecret),
  issuer: optional(shape.issuer.unwrap()),
  base_url: optional(shape.base_url.unwrap()),
  tenant: optional(shape.tenant.unwrap()),
  team_id: optional(shape.team_id.unwrap()),
  key_id: optional(shape.key_id.unwrap()),
  allowed: Words.pipe(shape.allowed.unwrap()).optional(),
  scopes: Words.pipe(shape.scopes.unwrap()).optional(),
  metadata: optional(z.string().max(LONGEST_METADATA)),
  entity_id: optional(samlShape.entity_id.unwrap()),
  sso_url: optional(samlShape.sso_url.unwrap()),
  slo_url: optional(samlShape.slo_url.unwrap()),
  metadata_url: optional(samlShape.metadata_url.unwrap()),
  certificates: optional(z.string().max(60_000)),
  default_role: optional(shape.default_role.unwrap()),
  ...attributeShape,
  group_roles: optional(z.string().max(20_000)),
  registers: Flag.optional(),
  trusts_mfa: Flag.optional(),
  keeps_tokens: Flag.optional(),
  wants_encrypted: Flag.optional(),
  idp_initiated: Flag.optional(),
})
export type ConnectionForm = z.infer<typeof ConnectionForm>

/** A group of the form; `client` needs no heading. */
export type FormGroup = 'client' | 'idp' | 'attributes' | 'members' | 'further'

/** The fields of the form of a connection in their order, by group. */
export function formGroupsOf(
  connection: ShownConnection,
): readonly (readonly [FormGroup, readonly string[]])[] {
  const row = providerOf(connection.provider)
  const taken = new Set<ConnectionSetting>(settingsTaken(connection))
  const isTaken = (...names: readonly ConnectionSetting[]) => names.filter((name) => taken.has(name))
  const idp = ['metadata_url', 'metadata', 'entity_id', 'sso_url', 'certificates', 'slo_url', ...SAML_FLAGS]
  const groups: [FormGroup, readonly string[]][] = [
    [
      'client',
      [
        'name',
        ...isTaken(...TEXT_SETTINGS),
        ...(row.kind === 'saml' ? [] : ['client_id', 'client_secret']),
        ...isTaken('allowed'),
      ],
    ],
    ['idp', taken.has('saml') ? idp : []],
    ['attributes', taken.has('attributes') ? ATTRIBUTE_FIELDS : []],
    ['members', isTaken('default_role', 'group_roles', 'registers')],
    ['further', isTaken('scopes', 'trusts_mfa', 'keeps_tokens')],
  ]
  return groups.filter(([, fields]) => fields.length > 0)
}

export const formFieldsOf = (connection: ShownConnection): string[] =>
  formGroupsOf(connection).flatMap(([, fields]) => fields)

/** What the form shows of the settings. */
export function formValues(settings: ConnectionSettings): Readonly<Record<string, string>> {
  const { saml = {}, group_roles: mapped = [], attributes } = settings
  const texts = {
    ...Object.fromEntries(TEXT_SETTINGS.map((name) => [name, settings[name]])),
    ...Object.fromEntries(LIST_SETTINGS.map((name) => [name, settings[name]?.join(' ')])),
    ...Object.fromEntries(SAML_TEXTS.map((name) => [name, saml[name]])),
    certificates: saml.certificates?.join('\n\n'),
    default_role: settings.default_role,
    ...attributeValues(attributes),
    group_roles: mapped.map(({ group, role }) => `${group} = ${role}`).join('\n'),
  }
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, value ?? '']))
}

export function isFlagSet(settings: ConnectionSettings, name: string): boolean {
  if (name === 'wants_encrypted' || name === 'idp_initiated') return settings.saml?.[name] ?? false
  const flag = name as keyof typeof FLAG_SETTINGS
  return settings[flag] ?? FLAG_SETTINGS[flag]
}

/** The change that the form asks for. @throws Problem VALIDATION_ERROR */
export function changeOfForm(connection: ShownConnection, input: ConnectionForm): ConnectionChange {
  const fields = new Set(formFieldsOf(connection))
  const settings: Record<string, unknown> = {}
  for (const name of [...TEXT_SETTINGS, 'default_role'] as const)
    if (fields.has(name)) settings[name] = input[name] ?? null
  for (const name of LIST_SETTINGS)
    if (fields.has(name)) settings[name] = input[name]?.length ? input[name] : null
  for (const [name, byDefault] of Object.entries(FLAG_SETTINGS))
    if (fields.has(name)) {
      const isSet = input[name as keyof typeof FLAG_SETTINGS] === true
      settings[name] = isSet === byDefault ? null : isSet
    }
  if (fields.has('group_roles')) settings.group_roles = rolesByGroup(input.group_roles ?? '')
  if (fields.has('email_attribute')) settings.attributes = attributesOfForm(input)
  if (fields.has('entity_id'))
    settings.saml = {
      ...Object.fromEntries(SAML_TEXTS.map((name) => [name, input[name] ?? null])),
      ...Object.fromEntries(SAML_FLAGS.map((name) => [name, input[name] === true ? true : null])),
      certificates: certificatesIn(input.certificates ?? ''),
    }
  const isClient = fields.has('client_id')
  // an empty secret keeps the stored one; the form never shows it
  const secret = input.client_secret?.replaceAll('\r\n', '\n').trim()
  return {
    name: input.name,
    // the page names what cannot be read, and has said that saving removes it
    replaces: connection.unreadable.length > 0,
    ...(isClient && { clientId: input.client_id ?? null }),
    ...(isClient && secret && { clientSecret: secret }),
    settings,
    ...(fields.has('metadata') && input.metadata && { metadata: input.metadata }),
  }
}

/** The roles that lines give to groups; null: there are none. @throws Problem VALIDATION_ERROR */
export function rolesByGroup(text: string): { group: string; role: string }[] | null {
  const lines = text.split(/\r?\n/).filter((one) => one.trim() !== '')
  if (lines.length === 0) return null
  const parsed = shape.group_roles.unwrap().safeParse(
    lines.map((one) => {
      const at = one.lastIndexOf('=')
      return { group: one.slice(0, Math.max(at, 0)), role: one.slice(at + 1).trim() }
    }),
  )
  if (!parsed.success) throw invalid('group_roles', 'invalid', 'Write each line as group = role.')
  return parsed.data
}

/** PEM or base64, one after the other. */
function certificatesIn(text: string): string[] | null {
  const found = text
    .replaceAll(/-----(?:BEGIN|END) [A-Z ]+-----/g, '\n\n')
    .split(/\r?\n\s*\r?\n/)
    .map((one) => one.replaceAll(/\s/g, ''))
    .filter(Boolean)
  if (found.length === 0) return null
  const parsed = samlShape.certificates.unwrap().safeParse(found)
  if (!parsed.success || found.some((one) => !/^[A-Za-z0-9+/]+={0,2}$/.test(one)))
    throw invalid('certificates', 'invalid', 'Use PEM or base64.')
  return parsed.data
}

/** The field of the form for a field of the API. */
export function formFieldOf(field: string): string {
  const [, attribute = ''] = /^settings\.attributes\.(\w+)$/.exec(field) ?? []
  return attributeFieldOf(attribute) ?? settingFieldOf(field)
}

const settingFieldOf = (field: string): string =>
  field.replace(/^settings\.(?:saml\.)?/, '').replace(/^(certificates|group_roles|scopes|allowed)\..*$/, '$1')
