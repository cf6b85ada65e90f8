/** The page of an organization's invitations, for those who invite. Presentation only. */
import { ButtonForm, Field, Form, Select } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Actions,
  Badge,
  Button,
  EmptyState,
  Item,
  ItemList,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { roleName } from '../../access/roles/index.ts'
import { Icon, OrganizationPage, Pager, placeOf, type Shell } from '../frame/index.ts'
import type { InvitationState } from './state.ts'
import { invitationsText as t } from './texts.ts'

export interface SentItem {
  id: string
  email: string
  role: string
  inviter: string | null
  sentAt: Date
  expiresAt: Date
  state: InvitationState
}
export interface InvitationsProps extends FormState {
  shell: Shell
  invitations: readonly SentItem[]
  more: string | null
  first: string | null
  /** The roles that the reader may grant; null if they may not invite. */
  roles: readonly string[] | null
}

/** /account/organizations/:id/invitations */
export function Invitations({ shell, invitations, more, first, roles, ...form }: InvitationsProps) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="invitations">
      {roles ? (
        <Section title={t(locale, 'invitations.new')} lead={t(locale, 'invitations.new_lead')}>
          <InviteForm place={placeOf(shell.id, '/invitations')} roles={roles} {...form} />
        </Section>
      ) : null}
      <Section title={t(locale, 'invitations.open')}>
        {invitations.length === 0 ? (
          <EmptyState title={t(locale, 'invitations.none')} />
        ) : (
          <ItemList>
            {invitations.map((item) => (
              <SentRow key={item.id} shell={shell} item={item} roles={roles} />
            ))}
          </ItemList>
        )}
        <Pager more={more} first={first} />
      </Section>
    </OrganizationPage>
  )
}

function InviteForm({ place, roles, ...form }: FormState & { place: string; roles: readonly string[] }) {
  const { locale } = useUi()
  const fields = { email: t(locale, 'field.email'), role: t(locale, 'field.role') }
  return (
    <Form action={place} fields={fields} {...form}>
      <Field name="email" type="email" autocomplete="off" maxlength={254} />
      <Select
        name="role"
        value={roles.includes('member') ? 'member' : (roles.at(-1) ?? null)}
        options={Object.fromEntries(roles.map((role) => [role, roleName(locale, role)]))}
      />
      <Button>{t(locale, 'invitations.button')}</Button>
    </Form>
  )
}

function SentRow({ shell, item, roles }: { shell: Shell; item: SentItem; roles: readonly string[] | null }) {
  const { locale } = useUi()
  const { email, inviter } = item
  const place = placeOf(shell.id, `/invitations/${encodeURIComponent(item.id)}`)
  return (
    <Item
      icon={<Icon of="email" />}
      title={email}
      badge={
        item.state === 'open' ? null : <Badge kind="warning">{t(locale, `invitations.${item.state}`)}</Badge>
      }
      action={
        roles?.includes(item.role) ? (
          <Actions>
            <ButtonForm
              action={`${place}/resend`}
              label={t(locale, 'invitations.resend')}
              description={t(locale, 'invitations.resend_one', { email })}
            />
            <ButtonForm
              action={`${place}/revoke`}
              label={t(locale, 'invitations.revoke')}
              description={t(locale, 'invitations.revoke_one', { email })}
            />
          </Actions>
        ) : null
      }
    >
      <p>
        {roleName(locale, item.role)}
        {inviter ? ` · ${t(locale, 'invitations.by', { name: inviter })}` : null}
      </p>
      {item.state === 'void' ? <p>{t(locale, 'invitations.void_lead')}</p> : null}
      <p>
        {t.nodes(locale, 'invitations.sent', { time: <Time at={item.sentAt} /> })} ·{' '}
        {t.nodes(locale, item.state === 'expired' ? 'invitations.ended' : 'invitations.ends', {
          time: <Time at={item.expiresAt} />,
        })}
      </p>
    </Item>
  )
}
