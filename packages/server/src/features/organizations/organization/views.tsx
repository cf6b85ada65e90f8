/** The pages of one organization: overview, settings, deletion. Presentation only. */
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Actions,
  Alert,
  Badge,
  ButtonLink,
  Copyable,
  Definition,
  DefinitionList,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { QuestionCard } from '../../../base/page/question.tsx'
import { DemandNotice, type OpenDemand } from '../../../core/demand-notice.tsx'
import { Permissions, roleName } from '../../access/roles/index.ts'
import { ActivateForm, NameForm, OrganizationPage, placeOf, type Shell } from '../frame/index.ts'
import { organizationText as t } from './texts.ts'

export interface OverviewProps {
  shell: Shell
  slug: string
  /** Where its members sign in. */
  signInAddress: string
  createdAt: Date
  description: string | null
  logoUrl: string | null
  /** Null if the reader is not a member. */
  yourRole: string | null
  isActive: boolean
  /** What the organization requires of the reader, who has not set it up. */
  demands?: readonly OpenDemand[]
  /** The app's descriptions of its permissions, by name. */
  described: ReadonlyMap<string, string>
}

/** /account/organizations/:id */
export function Overview({
  shell,
  slug,
  signInAddress,
  createdAt,
  description,
  logoUrl,
  yourRole,
  isActive,
  demands = [],
  described,
}: OverviewProps) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="overview">
      <DemandNotice demands={demands} />
      <Section title={t(locale, 'overview.about')}>
        <DefinitionList>
          <Definition term={t(locale, 'field.slug')}>
            <code>{slug}</code> {isActive ? <Badge kind="success">{t(locale, 'list.active')}</Badge> : null}
          </Definition>
          {description ? (
            <Definition term={t(locale, 'field.description')}>
              <span class="lines">{description}</span>
            </Definition>
          ) : null}
          {logoUrl ? (
            <Definition term={t(locale, 'field.logo')}>
              {/* a link: the policy of the pages loads no image of another host, which would learn who reads them */}
              <a href={logoUrl} rel="noopener noreferrer nofollow">
                {logoUrl}
              </a>
            </Definition>
          ) : null}
          <Definition term={t(locale, 'overview.sign_in')}>
            <Copyable id="sign-in-address" value={signInAddress} />
          </Definition>
          <Definition term={t(locale, 'overview.created')}>
            <Time at={createdAt} to="day" />
          </Definition>
        </DefinitionList>
        {yourRole ? (
          <Actions>
            <ActivateForm item={{ ...shell, isActive }} />
          </Actions>
        ) : (
          <Alert kind="info">{t(locale, 'overview.no_member')}</Alert>
        )}
      </Section>
      <Section title={t(locale, 'overview.you')}>
        {yourRole ? (
          <DefinitionList>
            <Definition term={t(locale, 'overview.own_role')}>
              <strong>{roleName(locale, yourRole)}</strong>
            </Definition>
          </DefinitionList>
        ) : null}
        <Permissions realm="organization" permissions={shell.permissions} described={described} />
      </Section>
      {yourRole ? (
        <Section title={t(locale, 'overview.leave')} lead={t(locale, 'overview.leave_lead')}>
          <ButtonLink href={placeOf(shell.id, '/leave')} kind="danger">
            {t(locale, 'overview.leave_link')}
          </ButtonLink>
        </Section>
      ) : null}
    </OrganizationPage>
  )
}

export interface SettingsProps extends FormState {
  shell: Shell
  slug: string
  description: string | null
  logoUrl: string | null
  mayUpdate: boolean
  mayTransfer: boolean
  /** Whether there is a member to transfer it to. */
  hasOtherMembers: boolean
  mayDelete: boolean
}

/** /account/organizations/:id/settings */
export function Settings({
  shell,
  slug,
  description,
  logoUrl,
  mayUpdate,
  mayTransfer,
  hasOtherMembers,
  mayDelete,
  ...form
}: SettingsProps) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="settings">
      {mayUpdate ? (
        <Section title={t(locale, 'settings.name')}>
          <NameForm
            action={placeOf(shell.id, '/settings')}
            button={t(locale, 'settings.save')}
            organization={{ name: shell.name, slug, description, logoUrl }}
            {...form}
          />
        </Section>
      ) : null}
      {mayTransfer ? (
        <Section
          title={t(locale, 'settings.transfer')}
          lead={t(locale, hasOtherMembers ? 'settings.transfer_lead' : 'settings.transfer_alone')}
        >
          <ButtonLink
            href={placeOf(shell.id, hasOtherMembers ? '/members' : '/invitations')}
            kind="secondary"
          >
            {t(locale, hasOtherMembers ? 'settings.transfer_link' : 'settings.invite_link')}
          </ButtonLink>
        </Section>
      ) : null}
      {mayDelete ? (
        <Section title={t(locale, 'settings.delete')} lead={t(locale, 'settings.delete_lead')}>
          <ButtonLink href={placeOf(shell.id, '/delete')} kind="danger">
            {t(locale, 'settings.delete_link')}
          </ButtonLink>
        </Section>
      ) : null}
    </OrganizationPage>
  )
}

/** /account/organizations/:id/delete */
export function DeleteOrganization({
  id,
  name,
  graceHours,
  hasConnection,
  ...form
}: FormState & {
  id: string
  name: string
  graceHours: number
  /** Whether people sign in by a connection of the organization. */
  hasConnection: boolean
}) {
  const { locale } = useUi()
  const grace =
    graceHours < 48
      ? t(locale, 'delete.restore_hours', { count: graceHours })
      : t(locale, 'delete.restore', { count: Math.floor(graceHours / 24) })
  return (
    <QuestionCard
      title={t(locale, 'delete.title', { name })}
      lead={t(locale, 'delete.lead')}
      action={placeOf(id, '/delete')}
      button={t(locale, 'delete.button')}
      back={{ href: placeOf(id, '/settings'), label: t(locale, 'delete.cancel') }}
      {...form}
    >
      <ul class="plain">
        <li>{grace}</li>
        <li>{t(locale, 'delete.gone')}</li>
        {hasConnection ? <li>{t(locale, 'delete.sessions')}</li> : null}
        <li>{t(locale, 'delete.mail')}</li>
      </ul>
    </QuestionCard>
  )
}
