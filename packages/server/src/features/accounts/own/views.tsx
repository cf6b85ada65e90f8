/** The views of the account pages. Presentation only. */
import { Field, ForManagers, Form, PasswordField, Select } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Alert,
  Badge,
  Button,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { DemandNotice, type OpenDemand } from '../../../core/demand-notice.tsx'
import type { MailFault } from '../../../core/mail/index.ts'
import type { UserProfile } from '../../../core/user-profile.ts'
import type { DeletionOutlook } from './account.ts'
import { FURTHER_FIELDS, FurtherFields } from './profile-fields.tsx'
import { accountText as t } from './texts.ts'

export interface AccountProps extends FormState {
  user: {
    email: string
    emailVerified: boolean
    fullName: string | null
    username: string | null
    /** Null: the browser's language. */
    locale: string | null
    createdAt: Date
    profile: UserProfile
    /** The address that waits for confirmation; absent: none. */
    pendingEmail?: string | null
  }
  /** What is required of the user and not set up. */
  demands?: readonly OpenDemand[]
  /** Why e-mails are not delivered, for an administrator; absent: they are. */
  mailFault?: MailFault | null
  /** Shows the notice that the profile was saved. */
  saved?: boolean
}

/** /account */
export function Account({ user, demands = [], mailFault, saved, ...form }: AccountProps) {
  const { locale } = useUi()
  const names = ['full_name', 'given_name', 'family_name', 'username', 'locale', ...FURTHER_FIELDS] as const
  const fields = Object.fromEntries(names.map((name) => [name, t(locale, `field.${name}`)]))
  return (
    <AccountPage
      current="overview"
      title={t(locale, 'account.title')}
      notice={saved ? t(locale, 'account.saved') : null}
    >
      <DemandNotice demands={demands} />
      {mailFault ? (
        <Alert kind="error">
          {mailFault.reason === 'failing'
            ? t(locale, 'mail.failing', { error: mailFault.error })
            : t(locale, 'mail.not_configured')}{' '}
          {t(locale, 'mail.consequence')}
        </Alert>
      ) : null}
      <Section title={t(locale, 'account.identity')}>
        <DefinitionList>
          <Definition term={t(locale, 'field.email')}>
            {user.email}{' '}
            <Badge kind={user.emailVerified ? 'success' : 'warning'}>
              {t(locale, user.emailVerified ? 'account.verified' : 'account.unverified')}
            </Badge>
            {user.pendingEmail ? (
              <p class="hint">{t(locale, 'account.pending_email', { email: user.pendingEmail })}</p>
            ) : null}
          </Definition>
          <Definition term={t(locale, 'account.member_since')}>
            <Time at={user.createdAt} to="day" />
          </Definition>
        </DefinitionList>
        <ButtonLink href="/account/email" kind="secondary">
          {t(locale, 'account.change_email')}
        </ButtonLink>
      </Section>
      <Section title={t(locale, 'account.profile')}>
        <Form action="/account" fields={fields} {...form}>
          <Field name="full_name" autocomplete="name" value={user.fullName} optional />
          <Field name="given_name" autocomplete="given-name" value={user.profile.given_name} optional />
          <Field name="family_name" autocomplete="family-name" value={user.profile.family_name} optional />
          <Field
            name="username"
            autocomplete="username"
            value={user.username}
            hint={t(locale, 'account.username_hint')}
            optional
          />
          <Select
            name="locale"
            value={user.locale}
            options={{ '': t(locale, 'account.locale_browser'), en: 'English', de: 'Deutsch' }}
          />
          <FurtherFields profile={user.profile} errors={form.errors} />
          <Button>{t(locale, 'account.save')}</Button>
        </Form>
      </Section>
      <Section title={t(locale, 'account.delete')} lead={t(locale, 'account.delete_lead')}>
        <ButtonLink href="/account/delete" kind="danger">
          {t(locale, 'account.delete_link')}
        </ButtonLink>
      </Section>
    </AccountPage>
  )
}

interface DeleteAccountProps extends FormState {
  id: string
  email: string
  outlook: DeletionOutlook
}

/** /account/delete */
export function DeleteAccount({ id, email, outlook, ...form }: DeleteAccountProps) {
  const { locale } = useUi()
  const { isLastAdministrator, ownerless, emptied, hasPassword } = outlook
  const keep = (
    <LinkRow>
      <a href="/account">{t(locale, 'delete.cancel')}</a>
    </LinkRow>
  )
  if (isLastAdministrator || ownerless.length > 0)
    return (
      <Card sign="warning" title={t(locale, 'delete.title')}>
        {isLastAdministrator ? (
          <Alert kind="error">{t(locale, 'delete.kept.last_administrator')}</Alert>
        ) : null}
        {ownerless.length > 0 ? <Alert kind="error">{t(locale, 'delete.kept.last_owner')}</Alert> : null}
        {ownerless.length > 0 ? (
          <ul class="plain">
            {ownerless.map((one) => (
              <li key={one.id}>
                <strong>{one.name}</strong>:{' '}
                <a href={`/account/organizations/${encodeURIComponent(one.id)}/members`}>
                  {t(locale, 'delete.hand_over')}
                </a>
              </li>
            ))}
          </ul>
        ) : null}
        {keep}
      </Card>
    )
  return (
    <Card sign="warning" title={t(locale, 'delete.title')} lead={t(locale, 'delete.lead')}>
      <ul class="plain">
        <li>{t.nodes(locale, 'delete.profile', { email: <strong>{email}</strong> })}</li>
        <li>{t(locale, 'delete.sessions')}</li>
        <li>{t(locale, 'delete.apps')}</li>
        {emptied.map((one) => (
          <li key={one.id}>
            {t.nodes(locale, 'delete.organization', { name: <strong>{one.name}</strong> })}
          </li>
        ))}
      </ul>
      <Form
        action="/account/delete"
        hidden={{ account: id }}
        fields={hasPassword ? { password: t(locale, 'delete.password') } : {}}
        {...form}
      >
        <ForManagers account={email} />
        {hasPassword ? <PasswordField name="password" autocomplete="current-password" /> : null}
        <Button kind="danger">{t(locale, 'delete.button')}</Button>
      </Form>
      {keep}
    </Card>
  )
}
