/** The pages of one's organizations, and the frame around the pages of one. Presentation only. */
import { can } from '@latchkey/guard'
import type { ComponentChildren } from 'preact'
import {
  AccountPage,
  Actions,
  Alert,
  Badge,
  Button,
  ButtonForm,
  ButtonLink,
  EmptyState,
  Field,
  Form,
  type FormState,
  Item,
  ItemList,
  Section,
  Time,
  useUi,
} from '../../../base/page/index.ts'
import { roleName } from '../../access/roles/index.ts'
import { organizationsText as t } from './texts.ts'

export interface OrganizationItem {
  id: string
  name: string
  role: string | null
  isActive: boolean
  /** Whether there is a page about it that they may open. */
  mayOpen: boolean
  /** Until when a deleted one can be restored; null for all others. */
  restorableUntil: Date | null
}
export interface InvitationItem {
  id: string
  organization: string
  inviter: string | null
  role: string
  expiresAt: Date
}

export interface OrganizationsProps extends FormState {
  organizations: readonly OrganizationItem[]
  /** The address of what follows in the list; null at its end. */
  more: string | null
  /** Where the list begins; null on its first page. */
  first: string | null
  invitations: readonly InvitationItem[]
  mayCreate: boolean
  notice: string | null
  /** Why something about one of the list was not done. */
  refused: string | null
}

export const placeOf = (id: string, part = ''): string =>
  `/account/organizations/${encodeURIComponent(id)}${part}`

/** /account/organizations */
export function Organizations(props: OrganizationsProps) {
  const { organizations, more, first, invitations, mayCreate, notice, refused, ...form } = props
  const { locale } = useUi()
  return (
    <AccountPage current="organizations" title={t(locale, 'list.title')} notice={notice}>
      {refused ? <Alert kind="error">{refused}</Alert> : null}
      {invitations.length > 0 ? (
        <Section title={t(locale, 'list.invitations')}>
          <ItemList>
            {invitations.map((item) => (
              <InvitationRow key={item.id} item={item} />
            ))}
          </ItemList>
        </Section>
      ) : null}
      <Section
        title={t(locale, 'list.yours')}
        lead={organizations.length > 0 ? t(locale, 'list.lead') : null}
      >
        {organizations.length === 0 ? (
          <EmptyState title={t(locale, 'list.none')}>
            <p>{t(locale, 'list.none_lead')}</p>
          </EmptyState>
        ) : (
          <ItemList>
            {organizations.map((item) => (
              <OrganizationRow key={item.id} item={item} />
            ))}
          </ItemList>
        )}
        <More href={more} first={first} />
      </Section>
      {mayCreate ? (
        <Section title={t(locale, 'list.create')} lead={t(locale, 'list.create_lead')}>
          <NameForm action="/account/organizations" button={t(locale, 'list.create_button')} {...form} />
        </Section>
      ) : null}
    </AccountPage>
  )
}

function OrganizationRow({ item }: { item: OrganizationItem }) {
  const { locale } = useUi()
  const { id, name, role, isActive, mayOpen, restorableUntil } = item
  return (
    <Item
      icon={<HouseIcon />}
      title={name}
      badge={
        restorableUntil ? (
          <Badge kind="warning">{t(locale, 'list.deleted')}</Badge>
        ) : isActive ? (
          <Badge kind="success">{t(locale, 'list.active')}</Badge>
        ) : null
      }
      action={
        restorableUntil ? (
          <ButtonForm
            action={placeOf(id, '/restore')}
            label={t(locale, 'list.restore')}
            description={t(locale, 'list.restore_one', { name })}
          />
        ) : (
          <Actions>
            <Activate item={item} />
            {mayOpen ? (
              <ButtonLink
                href={placeOf(id)}
                kind="secondary"
                description={t(locale, 'list.manage_one', { name })}
              >
                {t(locale, 'list.manage')}
              </ButtonLink>
            ) : (
              <ButtonLink
                href={placeOf(id, '/leave')}
                kind="secondary"
                description={t(locale, 'list.leave_one', { name })}
              >
                {t(locale, 'list.leave')}
              </ButtonLink>
            )}
          </Actions>
        )
      }
    >
      {role ? <p>{t(locale, 'list.role', { role: roleName(locale, role) })}</p> : null}
      {restorableUntil ? (
        <p>{t.nodes(locale, 'list.gone_at', { time: <Time at={restorableUntil} /> })}</p>
      ) : null}
    </Item>
  )
}

/** What makes an organization the active one, or none. */
export function Activate({
  item: { id, name, isActive },
}: {
  item: Pick<OrganizationItem, 'id' | 'name' | 'isActive'>
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

function InvitationRow({ item }: { item: InvitationItem }) {
  const { locale } = useUi()
  const { inviter, organization: name } = item
  const role = roleName(locale, item.role)
  const action = `/account/invitations/${encodeURIComponent(item.id)}`
  return (
    <Item
      icon={<MailIcon />}
      title={name}
      action={
        <Actions>
          <ButtonForm
            action={action}
            kind="primary"
            hidden={{ answer: 'accept' }}
            label={t(locale, 'list.accept')}
            description={t(locale, 'list.accept_one', { name })}
          />
          <ButtonForm
            action={action}
            hidden={{ answer: 'decline' }}
            label={t(locale, 'list.decline')}
            description={t(locale, 'list.decline_one', { name })}
          />
        </Actions>
      }
    >
      <p>
        {inviter === null
          ? t(locale, 'list.invited', { role })
          : t(locale, 'list.invited_by', { inviter, role })}
      </p>
      <p>{t.nodes(locale, 'list.until', { time: <Time at={item.expiresAt} /> })}</p>
    </Item>
  )
}

/** Name and short name, of a new organization or of one that is there. */
export function NameForm({
  action,
  button,
  organization,
  ...form
}: FormState & { action: string; button: string; organization?: { name: string; slug: string } }) {
  const { locale } = useUi()
  const fields = { name: t(locale, 'field.name'), slug: t(locale, 'field.slug') }
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
      <Button kind={organization ? 'primary' : 'secondary'}>{button}</Button>
    </Form>
  )
}

/** The organization that the page is about, and what the reader may do in it. */
export interface Shell {
  id: string
  name: string
  permissions: readonly string[]
  notice: string | null
  /** Why something was not done that no form on the page asks for. */
  refused: string | null
}
const PARTS = ['overview', 'members', 'invitations', 'roles', 'settings'] as const
export type Part = (typeof PARTS)[number]
const SHOWN_FOR: Readonly<Record<Part, readonly string[]>> = {
  overview: ['organization:read'],
  members: ['members:read'],
  invitations: ['invitations:read'],
  roles: ['roles:read'],
  settings: ['organization:update', 'organization:delete', 'organization:transfer'],
}

export const mayOpen = (permissions: readonly string[], part: Part): boolean =>
  SHOWN_FOR[part].some((needed) => can({ permissions }, needed))

/** The frame of the pages of one organization: its name, and their navigation. */
export function OrganizationPage({
  shell: { id, name, permissions, notice, refused },
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
      {children}
    </AccountPage>
  )
}

/** The way to what follows in a list, and back to where it begins. */
export function More({ href, first }: { href: string | null; first?: string | null }) {
  const { locale } = useUi()
  if (!href && !first) return null
  return (
    <Actions>
      {first ? (
        <ButtonLink href={first} kind="secondary">
          {t(locale, 'first')}
        </ButtonLink>
      ) : null}
      {href ? (
        <ButtonLink href={href} kind="secondary">
          {t(locale, 'more')}
        </ButtonLink>
      ) : null}
    </Actions>
  )
}

const icon = (path: string) => () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d={path} />
  </svg>
)
export const HouseIcon = icon('M4 20V6l8-3 8 3v14M2.5 20h19M9 9.5h1M14 9.5h1M9 13.5h1M14 13.5h1M10 20v-3h4v3')
export const MailIcon = icon('M3.5 6.5h17v11h-17zM3.5 7l8.5 6.5L20.5 7')
export const PersonIcon = icon(
  'M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM4.5 20a7.5 7.5 0 0 1 15 0',
)
export const RoleIcon = icon('M12 3l7 3v5.5c0 4-2.8 7.4-7 9-4.2-1.6-7-5-7-9V6zM9 12l2.2 2.2L15.3 10')
