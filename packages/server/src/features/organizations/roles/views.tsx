/** The pages of an organization's roles. Presentation only. */
import type { Locale } from '../../../base/call.ts'
import { ButtonForm, Checkbox, Choices, Field, Form, Select, TextField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Button,
  ButtonLink,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
} from '../../../base/page/parts.tsx'
import { isBuiltIn } from '../../../core/roles/index.ts'
import { permissionSentence, roleName } from '../../access/roles/index.ts'
import { Icon, OrganizationPage, placeOf, type Shell } from '../frame/index.ts'
import { organizationRolesText as t } from './texts.ts'

export interface RoleItem {
  name: string
  description: string | null
  permissions: readonly string[]
  inherits: string | null
  /** With inherited ones. */
  effective: readonly string[]
  mayChange: boolean
}

/** The choices that the form of a role offers. */
export interface RoleChoices {
  /** The permissions that the reader may grant, one checkbox each. */
  permissions: readonly string[]
  /** The built-in roles that it may inherit. */
  inherits: readonly string[]
  /** The app's descriptions of its permissions, by name. */
  described: ReadonlyMap<string, string>
}

export interface RolesProps extends FormState {
  shell: Shell
  roles: readonly RoleItem[]
  /** Null if the reader may not create roles. */
  choices: RoleChoices | null
}

/** /account/organizations/:id/roles */
export function OrganizationRoleList({ shell, roles, choices, ...form }: RolesProps) {
  const { locale } = useUi()
  const own = roles.filter(({ name }) => !isBuiltIn(name))
  return (
    <OrganizationPage shell={shell} current="roles">
      <Section title={t(locale, 'roles.own')} lead={t(locale, 'roles.own_lead')}>
        {own.length === 0 ? (
          <EmptyState title={t(locale, 'roles.none')} />
        ) : (
          <ItemList>
            {own.map((item) => (
              <RoleRow key={item.name} shell={shell} item={item} />
            ))}
          </ItemList>
        )}
      </Section>
      <Section title={t(locale, 'roles.built_in')}>
        <ItemList>
          {roles
            .filter(({ name }) => isBuiltIn(name))
            .map((item) => (
              <RoleRow key={item.name} shell={shell} item={item} />
            ))}
        </ItemList>
      </Section>
      {choices ? (
        <Section title={t(locale, 'roles.new')}>
          <RoleForm
            action={placeOf(shell.id, '/roles')}
            button={t(locale, 'roles.new_button')}
            choices={choices}
            {...form}
          />
        </Section>
      ) : null}
    </OrganizationPage>
  )
}

function RoleRow({ shell, item }: { shell: Shell; item: RoleItem }) {
  const { locale } = useUi()
  const { name, effective, mayChange } = item
  return (
    <Item
      icon={<Icon of="role" />}
      title={roleName(locale, name)}
      action={
        mayChange ? (
          <ButtonLink
            href={placeOf(shell.id, `/roles/${encodeURIComponent(name)}`)}
            kind="secondary"
            description={t(locale, 'roles.edit_one', { name })}
          >
            {t(locale, 'roles.edit')}
          </ButtonLink>
        ) : null
      }
    >
      <p class="lines">{isBuiltIn(name) ? t(locale, `about.${name}`) : item.description}</p>
      {effective.length === 0 ? (
        <p>{t(locale, 'roles.nothing')}</p>
      ) : isBuiltIn(name) && effective.includes('*') ? null : (
        <p>
          <code>{effective.join(', ')}</code>
        </p>
      )}
    </Item>
  )
}

interface RoleFormProps extends FormState {
  action: string
  button: string
  choices: RoleChoices
  /** The role to change, whose name is fixed; absent for a new role. */
  item?: RoleItem
}

function RoleForm({ action, button, choices, item, ...form }: RoleFormProps) {
  const { locale } = useUi()
  const boxes = Object.entries(choices.permissions)
  const fields = {
    ...(item ? {} : { name: t(locale, 'field.name') }),
    description: t(locale, 'field.description'),
    inherits: t(locale, 'field.inherits'),
    ...Object.fromEntries(boxes.map(([i, name]) => [`permission_${i}`, labelOf(locale, name, choices)])),
  }
  const inherits = choices.inherits.map((name) => [name, roleName(locale, name)])
  return (
    <Form action={action} fields={fields} {...form}>
      {item ? null : (
        <Field name="name" autocomplete="off" maxlength={50} hint={t(locale, 'roles.name_hint')} />
      )}
      <TextField name="description" maxlength={500} value={item?.description} />
      <Select
        name="inherits"
        value={item?.inherits ?? ''}
        options={{ '': t(locale, 'roles.inherits_none'), ...Object.fromEntries(inherits) }}
      />
      <Choices legend={t(locale, 'roles.permissions')} hint={t(locale, 'roles.permissions_hint')}>
        {boxes.map(([i, name]) => (
          <Checkbox
            key={name}
            name={`permission_${i}`}
            value={name}
            checked={item?.permissions.includes(name) ?? false}
          />
        ))}
      </Choices>
      <Button kind={item ? 'primary' : 'secondary'}>{button}</Button>
    </Form>
  )
}

function labelOf(locale: Locale, name: string, { described }: RoleChoices): string {
  const sentence = permissionSentence(locale, 'organization', name, described)
  return sentence ? `${sentence} (${name})` : name
}

export interface RoleProps extends FormState {
  shell: Shell
  item: RoleItem
  choices: RoleChoices
}

/** /account/organizations/:id/roles/:name */
export function CustomRole({ shell, item, choices, ...form }: RoleProps) {
  const { locale } = useUi()
  const place = placeOf(shell.id, `/roles/${encodeURIComponent(item.name)}`)
  return (
    <OrganizationPage shell={shell} current="roles">
      <Section title={t(locale, 'role.title', item)}>
        <RoleForm action={place} button={t(locale, 'role.save')} choices={choices} item={item} {...form} />
      </Section>
      <Section title={t(locale, 'role.delete')} lead={t(locale, 'role.delete_lead')}>
        <ButtonForm action={`${place}/delete`} kind="danger" label={t(locale, 'role.delete_button')} />
      </Section>
      <LinkRow>
        <a href={placeOf(shell.id, '/roles')}>{t(locale, 'roles.back')}</a>
      </LinkRow>
    </OrganizationPage>
  )
}
