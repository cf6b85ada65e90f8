/** The pages of passwords: forgetting, resetting, changing one. Presentation only. */
import {
  AccountPage,
  Button,
  ButtonLink,
  Card,
  Field,
  ForManagers,
  Form,
  type FormState,
  LinkRow,
  NewPasswordFields,
  PasswordField,
  type PasswordPolicy,
  Section,
  Time,
  useUi,
  withReturnTo,
} from '../../../base/page/index.ts'
import { passwordsText as t } from './texts.ts'

export interface ForgotProps extends FormState {
  /** An address known already, from the sign-in form. */
  email?: string | null
  returnTo?: string | null
}

export function Forgot({ email, returnTo, ...form }: ForgotProps) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'forgot.title')} lead={t(locale, 'forgot.lead')}>
      <Form
        action="/forgot-password"
        fields={{ email: t(locale, 'forgot.email') }}
        returnTo={returnTo}
        {...form}
      >
        <Field name="email" type="email" autocomplete="username" value={email} />
        <Button>{t(locale, 'forgot.button')}</Button>
      </Form>
      <LinkRow>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'forgot.back')}</a>
      </LinkRow>
    </Card>
  )
}

/** Says the same whether or not there is such an account. */
export function ForgotSent({ address, returnTo }: { address: string; returnTo?: string | null }) {
  const { locale } = useUi()
  return (
    <Card
      sign="mail"
      title={t(locale, 'sent.title')}
      lead={t.nodes(locale, 'sent.lead', { address: <strong>{address}</strong> })}
    >
      <p class="lead">{t(locale, 'sent.spam')}</p>
      <LinkRow>
        <a href={withReturnTo('/forgot-password', returnTo)}>{t(locale, 'sent.again')}</a>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'forgot.back')}</a>
      </LinkRow>
    </Card>
  )
}

export interface ResetProps extends FormState {
  token: string
  /** The account's address where the link's row says it, for password managers. */
  address?: string | null
  policy: PasswordPolicy
}

/** What the letter's link opens; only the form uses the token up. */
export function Reset({ token, address, policy, ...form }: ResetProps) {
  const { locale } = useUi()
  const fields = { password: t(locale, 'reset.password'), password_confirm: t(locale, 'reset.confirm') }
  return (
    <Card
      title={t(locale, 'reset.title')}
      lead={
        address
          ? t.nodes(locale, 'reset.lead', { address: <strong>{address}</strong> })
          : t(locale, 'reset.lead_unknown')
      }
    >
      <Form action="/reset-password" fields={fields} hidden={{ token }} {...form}>
        {address ? <ForManagers account={address} /> : null}
        <NewPasswordFields name="password" confirm="password_confirm" policy={policy} />
        <Button>{t(locale, 'reset.button')}</Button>
      </Form>
    </Card>
  )
}

/** `expired`; otherwise it was used, replaced, or never was. */
export function ResetLinkInvalid({ expired }: { expired: boolean }) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      <ButtonLink href="/forgot-password">{t(locale, 'invalid.button')}</ButtonLink>
      <LinkRow>
        <a href="/sign-in">{t(locale, 'forgot.back')}</a>
      </LinkRow>
    </Card>
  )
}

export interface SecurityProps extends FormState {
  /** The account's address, for password managers. */
  email: string
  policy: PasswordPolicy
  changedAt?: Date | null
  /** Says that the password was just changed. */
  changed?: boolean
  /** The session is good for changing the password and for nothing else. */
  expired?: boolean
  returnTo?: string | null
}

/** /account/security */
export function Security({ expired, ...props }: SecurityProps) {
  const { locale } = useUi()
  if (expired)
    return (
      <Card title={t(locale, 'expired.title')} lead={t(locale, 'expired.lead')}>
        <ChangePassword button={t(locale, 'expired.button')} {...props} />
      </Card>
    )
  const { changedAt, changed } = props
  const lastChange = changedAt
    ? t.nodes(locale, 'security.changed_at', { time: <Time at={changedAt} /> })
    : null
  return (
    <AccountPage
      current="security"
      title={t(locale, 'security.title')}
      notice={changed ? t(locale, 'security.changed') : null}
    >
      <Section
        title={t(locale, 'security.password')}
        lead={
          <>
            {t(locale, 'security.lead')} {lastChange}
          </>
        }
      >
        <ChangePassword button={t(locale, 'security.button')} {...props} />
      </Section>
    </AccountPage>
  )
}

function ChangePassword(props: Omit<SecurityProps, 'expired'> & { button: string }) {
  const { locale } = useUi()
  const { email, policy, button, returnTo, typed, errors, alert } = props
  const fields = {
    current_password: t(locale, 'field.current_password'),
    new_password: t(locale, 'field.new_password'),
    new_password_confirm: t(locale, 'field.new_password_confirm'),
  }
  return (
    <Form
      action="/account/security"
      fields={fields}
      returnTo={returnTo}
      typed={typed}
      errors={errors}
      alert={alert}
    >
      <ForManagers account={email} />
      <PasswordField name="current_password" autocomplete="current-password" />
      <NewPasswordFields name="new_password" confirm="new_password_confirm" policy={policy} />
      <Button>{button}</Button>
    </Form>
  )
}
