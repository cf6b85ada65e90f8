/**
 * The frame around the hosted pages of one organization, and parts that pages of several modules show. Presentation
 * only.
 */
import { can } from '@latchkey/guard'
import type { ComponentChildren } from 'preact'
import { ButtonForm, Field, Form, TextField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { AccountPage, Actions, Alert, Button, ButtonLink } from '../../../base/page/parts.tsx'
import { frameText as t } from './texts.ts'

export const placeOf = (id: string, part = ''): string =>
  `/account/organizations/${encodeURIComponent(id)}${part}`

/** The organization of the page, and the reader's permissions in it. */
export interface Shell {
  id: string
  name: string
  permissions: readonly string[]
  notice: string | null
  /** Why an action without a form on this page was refused. */
  refused: string | null
  /** That the reader acts without the connection that is required. */
  isBypassing: boolean
}
const PARTS = [
  'overview',
  'members',
  'invitations',
  'roles',
  'security',
  'domains',
  'connections',
  'settings',
] as const
type Part = (typeof PARTS)[number]
const SHOWN_FOR: Readonly<Record<Part, readonly string[]>> = {
  overview: ['organization:read'],
  members: ['members:read'],
  invitations: ['invitations:read'],
  roles: ['roles:read'],
  security: ['security:read'],
  domains: ['connections:read'],
  connections: ['connections:read'],
  settings: ['organization:update', 'organization:delete', 'organization:transfer'],
}

export const mayOpen = (permissions: readonly string[], part: Part): boolean =>
  SHOWN_FOR[part].some((needed) => can({ permissions }, needed))

/** The name of the organization, and the navigation between its pages. */
export function OrganizationPage({
  shell: { id, name, permissions, notice, refused, isBypassing },
  current,
  children,
}: {
  shell: Shell
  current: Part
  children: ComponentChildren
}) {
  const { locale } = useUi()
  const pages = PARTS.filter((part) => mayOpen(permissions, part)).map((part) => ({
    href: placeOf(id, part === 'overview' ? '' : `/${part}`),
    label: t(locale, `nav.${part}`),
    isCurrent: part === current,
  }))
  return (
    <AccountPage
      current="organizations"
      title={name}
      notice={notice}
      within={{ label: t(locale, 'nav.label', { name }), pages }}
    >
      {refused ? <Alert kind="error">{refused}</Alert> : null}
      {isBypassing ? <Alert kind="warning">{t(locale, 'bypassing')}</Alert> : null}
      {children}
    </AccountPage>
  )
}

/** Links to the next page of a list and back to its first page. */
export function Pager({ more, first }: { more: string | null; first: string | null }) {
  const { locale } = useUi()
  if (!more && !first) return null
  return (
    <Actions>
      {first ? (
        <ButtonLink href={first} kind="secondary">
          {t(locale, 'first')}
        </ButtonLink>
      ) : null}
      {more ? (
        <ButtonLink href={more} kind="secondary">
          {t(locale, 'more')}
        </ButtonLink>
      ) : null}
    </Actions>
  )
}

/** The button that makes an organization the active one, or none. */
export function ActivateForm({
  item: { id, name, isActive },
}: {
  item: { id: string; name: string; isActive: boolean }
}) {
  const { locale } = useUi()
  return isActive ? (
    <ButtonForm
      action="/account/active-organization"
      label={t(locale, 'list.deactivate')}
      description={t(locale, 'list.deactivate_one', { name })}
    />
  ) : (
    <ButtonForm
      action="/account/active-organization"
      hidden={{ organization_id: id }}
      label={t(locale, 'list.activate')}
      description={t(locale, 'list.activate_one', { name })}
    />
  )
}

/** Name and short name of a new or an existing organization; of an existing one, the description and the logo as well. */
export function NameForm({
  action,
  button,
  organization,
  ...form
}: FormState & {
  action: string
  returnTo?: string | null
  button: string
  organization?: { name: string; slug: string; description: string | null; logoUrl: string | null }
}) {
  const { locale } = useUi()
  const fields = {
    name: t(locale, 'field.name'),
    slug: t(locale, 'field.slug'),
    description: t(locale, 'field.description'),
    logo_url: t(locale, 'field.logo'),
  }
  return (
    <Form action={action} fields={fields} {...form}>
      <Field name="name" autocomplete="off" maxlength={100} value={organization?.name} />
      <Field
        name="slug"
        autocomplete="off"
        maxlength={50}
        value={organization?.slug}
        hint={t(locale, organization ? 'slug.hint_change' : 'slug.hint')}
        optional={!organization}
      />
      {organization ? (
        <>
          <TextField name="description" maxlength={500} value={organization.description} />
          <Field
            name="logo_url"
            type="url"
            autocomplete="off"
            maxlength={2048}
            value={organization.logoUrl}
            hint={t(locale, 'logo.hint')}
            optional
          />
        </>
      ) : null}
      <Button kind={organization ? 'primary' : 'secondary'}>{button}</Button>
    </Form>
  )
}

const ICONS = {
  key: 'M14.5 9.5a4.5 4.5 0 1 0-3.2 4.3l1.7 1.7h2v2h2v2h3.5v-3.3l-6.2-6.2M9 8.5h.01',
  organization: 'M4 20V6l8-3 8 3v14M2.5 20h19M9 9.5h1M14 9.5h1M9 13.5h1M14 13.5h1M10 20v-3h4v3',
  email: 'M3.5 6.5h17v11h-17zM3.5 7l8.5 6.5L20.5 7',
  domain:
    'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17',
  person: 'M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM4.5 20a7.5 7.5 0 0 1 15 0',
  role: 'M12 3l7 3v5.5c0 4-2.8 7.4-7 9-4.2-1.6-7-5-7-9V6zM9 12l2.2 2.2L15.3 10',
} as const

export const Icon = ({ of }: { of: keyof typeof ICONS }) => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d={ICONS[of]} />
  </svg>
)
