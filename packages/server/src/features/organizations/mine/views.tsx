/** The page of a user’s organizations and invitations. Presentation only. */
import { ButtonForm } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Actions,
  Alert,
  Badge,
  ButtonLink,
  Card,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
  withReturnTo,
} from '../../../base/page/parts.tsx'
import { roleName } from '../../access/roles/index.ts'
import { ActivateForm, Icon, NameForm, Pager, placeOf } from '../frame/index.ts'
import { myOrganizationsText as t } from './texts.ts'

export interface OrganizationItem {
  id: string
  name: string
  role: string | null
  isActive: boolean
  /** Whether the reader may open its pages. */
  mayOpen: boolean
  /** The end of the grace period of a deleted organization; null for others. */
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
  /** That the list leaves out what the session may not see: a step-up is offered. */
  isPartial: boolean
  organizations: readonly OrganizationItem[]
  /** The address of the next page; null on the last page. */
  more: string | null
  /** The address of the first page; null on the first page. */
  first: string | null
  invitations: readonly InvitationItem[]
  mayCreate: boolean
  notice: string | null
  /** Why an action on one item was refused. */
  refused: string | null
}

/** /account/organizations */
export function Organizations(props: OrganizationsProps) {
  const { isPartial, organizations, more, first, invitations, mayCreate, notice, refused, ...form } = props
  const { locale } = useUi()
  return (
    <AccountPage current="organizations" title={t(locale, 'list.title')} notice={notice}>
      {refused ? <Alert kind="error">{refused}</Alert> : null}
      {isPartial ? (
        <Alert kind="info">
          <p>{t(locale, 'list.partial')}</p>
          <Actions>
            <ButtonLink href={withReturnTo('/step-up', '/account/organizations')} kind="secondary">
              {t(locale, 'list.confirm')}
            </ButtonLink>
          </Actions>
        </Alert>
      ) : null}
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
        <Pager more={more} first={first} />
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
      icon={<Icon of="organization" />}
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
            <ActivateForm item={item} />
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

function InvitationRow({ item, returnTo = null }: { item: InvitationItem; returnTo?: string | null }) {
  const { locale } = useUi()
  const { inviter, organization: name } = item
  const role = roleName(locale, item.role)
  const place = `/account/invitations/${encodeURIComponent(item.id)}`
  return (
    <Item
      icon={<Icon of="email" />}
      title={name}
      action={
        <Actions>
          <ButtonForm
            action={`${place}/accept`}
            returnTo={returnTo}
            kind="primary"
            label={t(locale, 'list.accept')}
            description={t(locale, 'list.accept_one', { name })}
          />
          <ButtonForm
            action={`${place}/decline`}
            returnTo={returnTo}
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

export interface StartProps extends FormState {
  email: string
  invitations: readonly InvitationItem[]
  mayCreate: boolean
  /** Where the user continues. */
  returnTo: string
  /** Why an answer to an invitation was refused. */
  refused: string | null
}

/** /account/organizations/start with the address to continue with. */
export const startPath = (returnTo: string | null): string =>
  withReturnTo('/account/organizations/start', returnTo)

/** The choice of an organization after a first sign-in. */
export function Start({ email, invitations, mayCreate, returnTo, refused, ...form }: StartProps) {
  const { locale } = useUi()
  return (
    <Card sign="people" title={t(locale, 'start.title')} lead={t(locale, 'start.lead')}>
      {refused === null ? null : <Alert kind="error">{refused}</Alert>}
      <h2>{t(locale, 'list.invitations')}</h2>
      {invitations.length > 0 ? (
        <ItemList>
          {invitations.map((item) => (
            <InvitationRow key={item.id} item={item} returnTo={returnTo} />
          ))}
        </ItemList>
      ) : (
        <p class="quiet">{t(locale, 'start.none', { email })}</p>
      )}
      {mayCreate ? (
        <>
          <h2>{t(locale, 'list.create')}</h2>
          <p class="quiet">{t(locale, 'list.create_lead')}</p>
          <NameForm
            action="/account/organizations/start"
            returnTo={returnTo}
            button={t(locale, 'list.create_button')}
            {...form}
          />
        </>
      ) : null}
      <LinkRow>
        <a href={returnTo}>{t(locale, 'start.skip')}</a>
      </LinkRow>
    </Card>
  )
}
