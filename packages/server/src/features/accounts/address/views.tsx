/** The views of a change of address. Presentation only. */
import { ButtonForm, Field, ForManagers, Form, PasswordField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { AccountPage, Button, ButtonLink, Card, LinkRow, Section, Time } from '../../../base/page/parts.tsx'
import { type Ended, EndedList } from '../../signin/planted/index.ts'
import { addressText as t } from './texts.ts'

export interface ChangeEmailProps extends FormState {
  email: string
  /** The change that waits for confirmation. */
  pending: { address: string; expiresAt: Date } | null
  /** Whether the account has a password, which confirms the change. */
  hasPassword?: boolean
  /** Shows the notice that the change was withdrawn. */
  cancelled?: boolean
}

/** /account/email */
export function ChangeEmail({ email, pending, hasPassword = true, cancelled, ...form }: ChangeEmailProps) {
  const { locale } = useUi()
  return (
    <AccountPage
      current="overview"
      title={t(locale, 'title')}
      notice={cancelled ? t(locale, 'cancelled') : null}
    >
      {pending ? (
        <Section
          title={t(locale, 'pending.title')}
          lead={t.nodes(locale, 'pending.lead', { email: <strong>{pending.address}</strong> })}
        >
          <p class="lead">{t.nodes(locale, 'pending.until', { time: <Time at={pending.expiresAt} /> })}</p>
          <ButtonForm action="/account/email/cancel" label={t(locale, 'pending.cancel')} />
        </Section>
      ) : null}
      <Section
        title={t(locale, pending ? 'pending.again' : 'field.email')}
        lead={t.nodes(locale, 'lead', { email: <strong>{email}</strong> })}
      >
        <Form
          action="/account/email"
          fields={{
            email: t(locale, 'field.email'),
            ...(hasPassword && { password: t(locale, 'field.password') }),
          }}
          {...form}
        >
          <ForManagers account={email} />
          <Field name="email" type="email" autocomplete="email" maxlength={254} />
          {hasPassword ? <PasswordField name="password" autocomplete="current-password" /> : null}
          <Button>{t(locale, 'form.button')}</Button>
        </Form>
        <LinkRow>
          <a href="/account">{t(locale, 'form.back')}</a>
        </LinkRow>
      </Section>
    </AccountPage>
  )
}

/** The page that the link to the new address opens. */
export function ConfirmChange({
  token,
  address,
  alert,
}: {
  token: string
  address: string
  alert?: string | null | undefined
}) {
  const { locale } = useUi()
  return (
    <Card
      sign="mail"
      title={t(locale, 'confirm.title')}
      lead={t.nodes(locale, 'confirm.lead', { email: <strong>{address}</strong> })}
    >
      <ButtonForm
        action="/email-change"
        kind="primary"
        hidden={{ token }}
        alert={alert}
        label={t(locale, 'confirm.button')}
      />
      <p class="reference">{t(locale, 'confirm.not_you')}</p>
    </Card>
  )
}

export function AddressChanged() {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, 'done.title')} lead={t(locale, 'done.lead')}>
      <ButtonLink href="/account">{t(locale, 'done.account')}</ButtonLink>
    </Card>
  )
}

/** The page that the link to the earlier address opens. */
export function UndoChange({ token, alert }: { token: string; alert?: string | null | undefined }) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={t(locale, 'undo.title')} lead={t(locale, 'undo.lead')}>
      <ButtonForm
        action="/email-change/undo"
        kind="danger"
        hidden={{ token }}
        alert={alert}
        label={t(locale, 'undo.button')}
      />
      <p class="reference">{t(locale, 'undo.not_you')}</p>
    </Card>
  )
}

export function ChangeUndone({ resetHref, ended }: { resetHref: string; ended?: Ended | null }) {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, 'undone.title')} lead={t(locale, 'undone.lead')}>
      {ended ? <EndedList locale={locale} ended={ended} /> : null}
      <ButtonLink href={resetHref}>{t(locale, 'undone.reset')}</ButtonLink>
    </Card>
  )
}

export function ChangeLinkInvalid({ expired }: { expired: boolean }) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      <ButtonLink href="/account">{t(locale, 'done.account')}</ButtonLink>
    </Card>
  )
}

/** What the row of the security page opens to. */
export function EmailRow({
  email,
  signIn = null,
  pending,
}: {
  email: string
  /** That the mailbox signs in as well, in a sentence. */
  signIn?: string | null
  pending: string | null
}) {
  const { locale } = useUi()
  return (
    <>
      <p>{t.nodes(locale, 'section.lead', { email: <strong>{email}</strong> })}</p>
      {signIn ? <p>{signIn}</p> : null}
      {pending ? <p>{t.nodes(locale, 'pending.lead', { email: <strong>{pending}</strong> })}</p> : null}
      <ButtonLink href="/account/email" kind="secondary">
        {t(locale, 'title')}
      </ButtonLink>
    </>
  )
}
