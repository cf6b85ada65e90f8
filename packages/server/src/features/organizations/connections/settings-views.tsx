/** The settings of a connection: the form that changes them, and the list for readers. Presentation only, without the secret. */
import type { Locale } from '../../../base/call.ts'
import { Checkbox, Choices, Field, Form, PasswordField, Select, TextField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Alert, Button, Definition, DefinitionList } from '../../../base/page/parts.tsx'
import {
  AttributeInputs,
  attributeLabel,
  attributeValues,
  isAttributeField,
} from '../../../core/connection-attributes.tsx'
import { LONGEST_METADATA } from '../../../core/connections/fields.ts'
import { providerOf } from '../../../core/providers/index.ts'
import { roleName } from '../../access/roles/index.ts'
import type { Shell } from '../frame/index.ts'
import { connectionPage } from './certificate-views.tsx'
import type { ShownConnection } from './connections.ts'
import {
  FLAG_SETTINGS,
  type FormGroup,
  formFieldOf,
  formFieldsOf,
  formGroupsOf,
  formValues,
  isFlagSet,
  SAML_FLAGS,
} from './form.ts'
import { connectionText as t } from './texts.ts'

const labelOf = (locale: Locale, field: string): string =>
  isAttributeField(field) ? attributeLabel(locale, field) : (t.find(locale, `field.${field}`) ?? field)

/** What fields of the API are called, for a sentence. */
export const fieldNames = (locale: Locale, fields: readonly string[]): string =>
  fields.map((field) => labelOf(locale, formFieldOf(field))).join(', ')

/** Fields that every connection needs that has them; of SAML, one of three groups of fields is enough. */
const NEEDED: ReadonlySet<string> = new Set(['name', 'client_id'])
/** Fields of several lines, with the characters that they take. */
const LONG: ReadonlyMap<string, number> = new Map([
  ['metadata', LONGEST_METADATA],
  ['certificates', 60_000],
  ['group_roles', 20_000],
])
const HINTED: ReadonlySet<string> = new Set([
  'issuer', 'base_url', 'tenant', 'allowed', 'scopes', 'metadata', 'metadata_url', 'certificates',
]) // biome-ignore format: a list
const FLAGS: ReadonlySet<string> = new Set([...Object.keys(FLAG_SETTINGS), ...SAML_FLAGS])

const valuesOf = ({ name, clientId, settings }: ShownConnection): Readonly<Record<string, string>> => ({
  ...formValues(settings),
  name,
  client_id: clientId ?? '',
})

export interface SettingsFormProps extends FormState {
  shell: Shell
  connection: ShownConnection
  /** The fields of the API that it still needs. */
  missing: readonly string[]
  /** The roles that the reader may grant. */
  roles: readonly string[]
}

export function SettingsForm({ shell, connection, missing, roles, ...form }: SettingsFormProps) {
  const { locale } = useUi()
  const names = formFieldsOf(connection)
  const needed = new Set(missing.map(formFieldOf))
  const { required } = providerOf(connection.provider)
  const isNeeded = (name: string) =>
    NEEDED.has(name) ||
    (connection.provider !== 'saml' && (needed.has(name) || (required as readonly string[]).includes(name)))
  const shown = { connection, roles, values: valuesOf(connection), isNeeded }
  return (
    <>
      {connection.unreadable.length > 0 ? (
        <Alert kind="warning">
          {t(locale, 'settings.unreadable', { fields: connection.unreadable.join(', ') })}
        </Alert>
      ) : null}
      {connection.hasIdentities ? <Alert kind="info">{t(locale, 'settings.party')}</Alert> : null}
      <Form
        action={connectionPage(shell, connection)}
        fields={Object.fromEntries(names.map((name) => [name, labelOf(locale, name)]))}
        hidden={{ version: String(connection.version) }}
        {...form}
      >
        {formGroupsOf(connection).map(([group, those]) =>
          group === 'attributes' ? (
            <AttributeInputs key={group} values={attributeValues(connection.settings.attributes)} />
          ) : group === 'client' ? (
            those.map((name) => <SettingField key={name} name={name} {...shown} />)
          ) : (
            <Choices key={group} legend={t(locale, `group.${group}`)} {...hintOf(locale, group)}>
              {those.map((name) => (
                <SettingField key={name} name={name} {...shown} />
              ))}
            </Choices>
          ),
        )}
        <Button>{t(locale, 'settings.save')}</Button>
      </Form>
    </>
  )
}

const hintOf = (locale: Locale, group: FormGroup): { hint?: string } =>
  group === 'idp' ? { hint: t(locale, 'group.idp_hint') } : {}

function SettingField({
  name,
  connection,
  roles,
  values,
  isNeeded,
}: Pick<SettingsFormProps, 'connection' | 'roles'> & {
  name: string
  values: Readonly<Record<string, string>>
  isNeeded: (name: string) => boolean
}) {
  const { locale } = useUi()
  const value = values[name] ?? ''
  if (FLAGS.has(name)) return <Checkbox name={name} checked={isFlagSet(connection.settings, name)} />
  if (name === 'client_secret') return <SecretField connection={connection} />
  if (name === 'default_role') return <RoleSelect roles={roles} value={value} />
  const hint =
    name === 'group_roles'
      ? t(locale, 'group_roles.hint', { roles: roles.join(', ') })
      : HINTED.has(name)
        ? t.find(locale, `${name}.hint`)
        : null
  const shared = { name, value, optional: !isNeeded(name), ...(hint !== null && { hint }) }
  const longest = LONG.get(name)
  return longest === undefined ? (
    <Field {...shared} autocomplete="off" maxlength={name === 'name' ? 80 : 1024} />
  ) : (
    <TextField {...shared} maxlength={longest} />
  )
}

function SecretField({ connection }: { connection: ShownConnection }) {
  const { locale } = useUi()
  const about = t(locale, connection.hasSecret ? 'secret.hint_kept' : 'secret.hint_none')
  return providerOf(connection.provider).secret === 'key' ? (
    <TextField
      name="client_secret"
      maxlength={10_000}
      optional={connection.hasSecret}
      hint={`${t(locale, 'secret.hint_key')} ${about}`}
    />
  ) : (
    <PasswordField name="client_secret" autocomplete="new-password" hint={about} />
  )
}

/** A role that the reader may not grant stays in the list if it is chosen, so that saving something else does not change it. */
function RoleSelect({ roles, value }: { roles: readonly string[]; value: string }) {
  const { locale } = useUi()
  const offered = [...new Set(['member', ...roles, ...(value === '' ? [] : [value])])]
  return (
    <Select
      name="default_role"
      value={value === 'member' ? '' : value}
      options={Object.fromEntries(
        offered.map((role) => [role === 'member' ? '' : role, roleName(locale, role)]),
      )}
    />
  )
}

/** What readers see elsewhere on the page, or not at all. */
const UNLISTED: ReadonlySet<string> = new Set(['name', 'metadata', 'certificates'])

/** For readers who may not change them: what is set. */
export function SettingsList({ connection }: { connection: ShownConnection }) {
  const { locale } = useUi()
  const values = valuesOf(connection)
  const textOf = (name: string): string => {
    if (FLAGS.has(name)) return t(locale, isFlagSet(connection.settings, name) ? 'value.yes' : 'value.no')
    if (name === 'client_secret') return t(locale, connection.hasSecret ? 'value.stored' : 'value.none')
    if (name === 'default_role') return roleName(locale, values.default_role || 'member')
    return values[name] ?? ''
  }
  const entries = formFieldsOf(connection)
    .filter((name) => !UNLISTED.has(name))
    .map((name) => [name, textOf(name)] as const)
    .filter(([, text]) => text !== '')
  return (
    <>
      <p class="lead">{t(locale, 'settings.read_only')}</p>
      <DefinitionList>
        {entries.map(([name, text]) => (
          <Definition key={name} term={labelOf(locale, name)}>
            <span class="lines">{text}</span>
          </Definition>
        ))}
      </DefinitionList>
    </>
  )
}
