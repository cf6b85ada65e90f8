/** The pages of passwords: forgetting, resetting, changing one. Presentation only. */
import {
  Field,
  ForManagers,
  Form,
  NewPasswordFields,
  PasswordField,
  type PasswordPolicy,
} from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Button,
  ButtonLink,
  Card,
  LinkRow,
  Time,
  withReturnTo,
} from '../../../base/page/parts.tsx'
import { passwordsText as t } from './texts.ts'

export interface ForgotProps extends FormState {
  /** The address from the sign-in form. */
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

/** The same for known and unknown addresses. */
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
  /** The account's address, for password managers. */
  address?: string | null
  /** Whether the first proof of the address ends what was set up before. */
  isUnproven?: boolean
  policy: PasswordPolicy
  returnTo?: string | null
}

/** The page of the e-mailed link; only its form uses the token up. */
export function Reset({ token, address, isUnproven = false, policy, returnTo, ...form }: ResetProps) {
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
      {isUnproven ? <p>{t(locale, 'reset.unproven')}</p> : null}
      <Form action="/reset-password" fields={fields} returnTo={returnTo} hidden={{ token }} {...form}>
        {address ? <ForManagers account={address} /> : null}
        <NewPasswordFields name="password" confirm="password_confirm" policy={policy} />
        <Button>{t(locale, 'reset.button')}</Button>
      </Form>
    </Card>
  )
}

/** `expired`; otherwise the link was used, replaced, or is wrong. */
export function ResetLinkInvalid({ expired, returnTo }: { expired: boolean; returnTo?: string | null }) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      <ButtonLink href={withReturnTo('/forgot-password', returnTo)}>{t(locale, 'invalid.button')}</ButtonLink>
      <LinkRow>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'forgot.back')}</a>
      </LinkRow>
    </Card>
  )
}

export interface ChangePasswordProps extends FormState {
  /** The account's address, for password managers. */
  email: string
  policy: PasswordPolicy
  changedAt?: Date | null
  /** Whether the account has no password yet. */
  isFirst?: boolean
}

/** /account/security/password */
export function ChangePassword({ email, policy, changedAt, isFirst = false, ...form }: ChangePasswordProps) {
  const { locale } = useUi()
  const fields = {
    ...(!isFirst && { current_password: t(locale, 'field.current_password') }),
    new_password: t(locale, 'field.new_password'),
    new_password_confirm: t(locale, 'field.new_password_confirm'),
  }
  const lastChange = changedAt
    ? t.nodes(locale, 'change.changed_at', { time: <Time at={changedAt} /> })
    : null
  return (
    <AccountPage current="security" title={t(locale, isFirst ? 'first.title' : 'change.title')}>
      <div class="card">
        <p class="lead">
          {t(locale, isFirst ? 'first.lead' : 'change.lead')} {lastChange}
        </p>
        <Form action="/account/security/password" fields={fields} {...form}>
          <ForManagers account={email} />
          {isFirst ? null : <PasswordField name="current_password" autocomplete="current-password" />}
          <NewPasswordFields name="new_password" confirm="new_password_confirm" policy={policy} />
          <Button>{t(locale, isFirst ? 'first.button' : 'change.button')}</Button>
        </Form>
        <LinkRow>
          <a href="/account/security?open=password">{t(locale, 'change.back')}</a>
        </LinkRow>
      </div>
    </AccountPage>
  )
}

/** What the row of the security page opens to. */
export function PasswordRow({ isFirst = false }: { isFirst?: boolean }) {
  const { locale } = useUi()
  return (
    <>
      <p>{t(locale, isFirst ? 'first.section' : 'section.lead')}</p>
      <ButtonLink href="/account/security/password" kind="secondary">
        {t(locale, isFirst ? 'first.button' : 'change.button')}
      </ButtonLink>
    </>
  )
}

export interface ExpiredProps extends FormState {
  /** The id of the attempt that the form continues. */
  attempt: string
  /** The account's address, for password managers. */
  email: string
  /** Otherwise it does not meet the rules, which have changed. */
  isExpired: boolean
  policy: PasswordPolicy
  returnTo?: string | null
}

/** /sign-in/new-password: the step of a sign-in whose password has to be replaced. */
export function Expired({ attempt, email, isExpired, policy, returnTo, ...form }: ExpiredProps) {
  const { locale } = useUi()
  const fields = { password: t(locale, 'reset.password'), password_confirm: t(locale, 'reset.confirm') }
  return (
    <Card
      title={t(locale, isExpired ? 'expired.title' : 'rules.title')}
      lead={t(locale, isExpired ? 'expired.lead' : 'rules.lead')}
    >
      <Form action="/sign-in/new-password" fields={fields} returnTo={returnTo} hidden={{ attempt }} {...form}>
        <ForManagers account={email} />
        <NewPasswordFields name="password" confirm="password_confirm" policy={policy} />
        <Button>{t(locale, 'expired.button')}</Button>
      </Form>
      <LinkRow>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'forgot.back')}</a>
      </LinkRow>
    </Card>
  )
}
