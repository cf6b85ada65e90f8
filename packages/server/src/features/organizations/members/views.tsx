/** The pages of an organization's members. Presentation only. */
import { ButtonForm, Form, Select } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Alert,
  Badge,
  Button,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { QuestionCard } from '../../../base/page/question.tsx'
import { SearchForm } from '../../../base/page/search-form.tsx'
import { MEMBER_MFA, type MemberMfa } from '../../../core/policies.ts'
import { roleName } from '../../access/roles/index.ts'
import { Icon, OrganizationPage, Pager, placeOf, type Shell } from '../frame/index.ts'
import { membersText as t } from './texts.ts'

export interface MemberItem {
  id: string
  fullName: string | null
  username: string | null
  email: string
  role: string
  joinedAt: Date
  mfa: MemberMfa
  isYou: boolean
}

export const nameOf = ({
  fullName,
  username,
  email,
}: Pick<MemberItem, 'fullName' | 'username' | 'email'>): string => fullName ?? username ?? email

export interface MembersProps {
  shell: Shell
  members: readonly MemberItem[]
  search: string | null
  more: string | null
  /** The address of the first page; null on the first page. */
  first: string | null
  /** Whether the reader may do anything to members. */
  mayManage: boolean
}

/** /account/organizations/:id/members */
export function Members({ shell, members, search, more, first, mayManage }: MembersProps) {
  const { locale } = useUi()
  const place = placeOf(shell.id, '/members')
  return (
    <OrganizationPage shell={shell} current="members">
      <Section title={t(locale, 'members.title')}>
        <SearchForm
          action={place}
          label={t(locale, 'field.search')}
          value={search}
          button={t(locale, 'members.search')}
        />
        {members.length === 0 ? (
          <EmptyState title={t(locale, 'members.none')} />
        ) : (
          <ItemList>
            {members.map((item) => (
              <MemberRow key={item.id} shell={shell} item={item} mayManage={mayManage} />
            ))}
          </ItemList>
        )}
        <Pager more={more} first={first} />
        {search ? (
          <LinkRow>
            <a href={place}>{t(locale, 'members.all')}</a>
          </LinkRow>
        ) : null}
      </Section>
    </OrganizationPage>
  )
}

function MemberRow({ shell, item, mayManage }: { shell: Shell; item: MemberItem; mayManage: boolean }) {
  const { locale } = useUi()
  const name = nameOf(item)
  return (
    <Item
      icon={<Icon of="person" />}
      title={name}
      badge={item.isYou ? <Badge kind="success">{t(locale, 'members.you')}</Badge> : null}
      action={
        mayManage ? (
          <ButtonLink
            href={placeOf(shell.id, `/members/${encodeURIComponent(item.id)}`)}
            kind="secondary"
            description={t(locale, 'members.manage_one', { name })}
          >
            {t(locale, 'members.manage')}
          </ButtonLink>
        ) : null
      }
    >
      {name === item.email ? null : <p>{item.email}</p>}
      <p>
        {roleName(locale, item.role)} ·{' '}
        {t.nodes(locale, 'members.since', { time: <Time at={item.joinedAt} to="day" /> })}
      </p>
    </Item>
  )
}

export interface MemberProps extends FormState {
  shell: Shell
  item: MemberItem
  /** The roles that the reader may grant; null if they may not change roles. */
  roles: readonly string[] | null
  /** Whether the reader may change what the security policy demands of the member. */
  mayChangeMfa: boolean
  mayRemove: boolean
  mayTransfer: boolean
  /** The member has permissions that the reader lacks. */
  isBeyond: boolean
  /** The connections whose groups decide about the role at each sign-in by them. */
  groupsAt: readonly string[]
}

/** /account/organizations/:id/members/:user_id */
export function Member(props: MemberProps) {
  const { shell, item, roles, mayChangeMfa, mayRemove, mayTransfer, isBeyond, groupsAt, ...form } = props
  const { locale } = useUi()
  const place = placeOf(shell.id, `/members/${encodeURIComponent(item.id)}`)
  return (
    <OrganizationPage shell={shell} current="members">
      <Section title={nameOf(item)}>
        <DefinitionList>
          <Definition term={t(locale, 'field.email')}>{item.email}</Definition>
          <Definition term={t(locale, 'field.role')}>
            {roleName(locale, item.role)} ·{' '}
            {t.nodes(locale, 'members.since', { time: <Time at={item.joinedAt} to="day" /> })}
          </Definition>
        </DefinitionList>
        {isBeyond ? <p class="lead">{t(locale, 'member.beyond')}</p> : null}
      </Section>
      {roles ? (
        <Section title={t(locale, 'member.role')} lead={t(locale, 'member.role_lead')}>
          {groupsAt.length > 0 ? (
            <Alert kind="info">{t(locale, 'member.role_groups', { names: groupsAt.join(', ') })}</Alert>
          ) : null}
          <Form action={`${place}/role`} fields={{ role: t(locale, 'field.role') }} {...form}>
            <Select
              name="role"
              value={item.role}
              options={Object.fromEntries(roles.map((role) => [role, roleName(locale, role)]))}
            />
            <Button kind="secondary">{t(locale, 'member.role_button')}</Button>
          </Form>
        </Section>
      ) : null}
      {mayChangeMfa ? (
        <Section title={t(locale, 'member.mfa')} lead={t(locale, 'member.mfa_lead')}>
          <Form action={`${place}/mfa`} fields={{ mfa: t(locale, 'field.mfa') }} {...form}>
            <Select
              name="mfa"
              value={item.mfa}
              options={Object.fromEntries(MEMBER_MFA.map((one) => [one, t(locale, `mfa.${one}`)]))}
            />
            <Button kind="secondary">{t(locale, 'member.mfa_button')}</Button>
          </Form>
        </Section>
      ) : null}
      {mayTransfer ? (
        <Section title={t(locale, 'member.transfer')} lead={t(locale, 'member.transfer_lead')}>
          <ButtonLink href={`${place}/transfer`} kind="secondary">
            {t(locale, 'member.transfer_link')}
          </ButtonLink>
        </Section>
      ) : null}
      {mayRemove ? (
        <Section title={t(locale, 'member.remove')} lead={t(locale, 'member.remove_lead')}>
          <ButtonForm action={`${place}/remove`} kind="danger" label={t(locale, 'member.remove_button')} />
        </Section>
      ) : null}
      <LinkRow>
        <a href={placeOf(shell.id, '/members')}>{t(locale, 'members.back')}</a>
      </LinkRow>
    </OrganizationPage>
  )
}

/** /account/organizations/:id/members/:user_id/transfer */
export function Transfer({
  shell,
  item,
  isOwner,
  ...form
}: FormState & { shell: Shell; item: MemberItem; isOwner: boolean }) {
  const { locale } = useUi()
  const place = placeOf(shell.id, `/members/${encodeURIComponent(item.id)}`)
  return (
    <QuestionCard
      title={t(locale, 'transfer.title', shell)}
      lead={t.nodes(locale, 'transfer.lead', { member: <strong>{nameOf(item)}</strong> })}
      action={`${place}/transfer`}
      button={t(locale, 'transfer.button')}
      back={{ href: place, label: t(locale, 'transfer.cancel') }}
      {...form}
    >
      {isOwner ? <p class="lead">{t(locale, 'transfer.you')}</p> : null}
    </QuestionCard>
  )
}

/** /account/organizations/:id/leave */
export function Leave({
  id,
  name,
  obstacle,
  ...form
}: FormState & { id: string; name: string; obstacle: 'only_owner' | 'only_member' | null }) {
  const { locale } = useUi()
  if (obstacle !== null)
    return (
      <Card sign="warning" title={t(locale, 'leave.title', { name })}>
        <Alert kind="error">{t(locale, `leave.${obstacle}`)}</Alert>
        <ButtonLink href={placeOf(id, obstacle === 'only_owner' ? '/members' : '/delete')} kind="secondary">
          {t(locale, `leave.${obstacle}_link`)}
        </ButtonLink>
        <LinkRow>
          <a href={placeOf(id)}>{t(locale, 'leave.cancel')}</a>
        </LinkRow>
      </Card>
    )
  return (
    <QuestionCard
      title={t(locale, 'leave.title', { name })}
      lead={t(locale, 'leave.lead')}
      action={placeOf(id, '/leave')}
      button={t(locale, 'leave.button')}
      back={{ href: placeOf(id), label: t(locale, 'leave.cancel') }}
      {...form}
    />
  )
}
