/** The pages of registration, of the first start, and of one's own account. Presentation only. */
import {
  AccountPage,
  Badge,
  Button,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  Field,
  ForManagers,
  Form,
  type FormState,
  LinkRow,
  NewPasswordFields,
  PasswordField,
  type PasswordPolicy,
  Section,
  Select,
  Time,
  useUi,
  withReturnTo,
} from '../../base/page/index.ts'
import { usersText as t } from './texts.ts'

export interface SignUpProps extends FormState {
  policy: PasswordPolicy
  returnTo?: string | null
}

export function SignUp({ policy, returnTo, ...form }: SignUpProps) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'sign_up.title')}>
      <NewAccountForm
        action="/sign-up"
        button={t(locale, 'sign_up.button')}
        policy={policy}
        returnTo={returnTo}
        {...form}
      />
      <LinkRow>
        {t(locale, 'sign_up.known')}{' '}
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'sign_up.sign_in')}</a>
      </LinkRow>
    </Card>
  )
}

export interface SetupProps extends FormState {
  /** The token of the link, part of the path. */
  token: string
  policy: PasswordPolicy
}

/** The first administrator, at /setup/:token. */
export function Setup({ token, policy, ...form }: SetupProps) {
  const { locale, brand } = useUi()
  return (
    <Card title={t(locale, 'setup.title', { brand: brand.name })} lead={t(locale, 'setup.lead')}>
      <NewAccountForm
        action={`/setup/${encodeURIComponent(token)}`}
        button={t(locale, 'setup.button')}
        policy={policy}
        {...form}
      />
    </Card>
  )
}

export function SetupLinkInvalid() {
  const { locale } = useUi()
  return (
    <Card sign="link" title={t(locale, 'setup_invalid.title')} lead={t(locale, 'setup_invalid.lead')}>
      <ButtonLink href="/sign-in" kind="secondary">
        {t(locale, 'setup_invalid.sign_in')}
      </ButtonLink>
    </Card>
  )
}

interface NewAccountProps extends FormState {
  action: string
  button: string
  policy: PasswordPolicy
  returnTo?: string | null | undefined
}

function NewAccountForm({ button, policy, ...form }: NewAccountProps) {
  const { locale } = useUi()
  const fields = {
    full_name: t(locale, 'field.full_name'),
    email: t(locale, 'field.email'),
    password: t(locale, 'field.password'),
    password_confirm: t(locale, 'field.password_confirm'),
  }
  return (
    <Form fields={fields} {...form}>
      <Field name="full_name" autocomplete="name" optional />
      <Field name="email" type="email" autocomplete="email" />
      <NewPasswordFields name="password" confirm="password_confirm" policy={policy} />
      <Button>{button}</Button>
    </Form>
  )
}

export interface AccountProps extends FormState {
  user: {
    email: string
    emailVerified: boolean
    fullName: string | null
    username: string | null
    /** Null where the browser's language is followed. */
    locale: string | null
    createdAt: Date
  }
  /** Says that the profile was just saved. */
  saved?: boolean
}

/** /account */
export function Account({ user, saved, ...form }: AccountProps) {
  const { locale } = useUi()
  const fields = {
    full_name: t(locale, 'field.full_name'),
    username: t(locale, 'field.username'),
    locale: t(locale, 'field.locale'),
  }
  return (
    <AccountPage
      current="overview"
      title={t(locale, 'account.title')}
      notice={saved ? t(locale, 'account.saved') : null}
    >
      <Section title={t(locale, 'account.identity')}>
        <DefinitionList>
          <Definition term={t(locale, 'field.email')}>
            {user.email}{' '}
            <Badge kind={user.emailVerified ? 'success' : 'warning'}>
              {t(locale, user.emailVerified ? 'account.verified' : 'account.unverified')}
            </Badge>
          </Definition>
          <Definition term={t(locale, 'account.member_since')}>
            <Time at={user.createdAt} to="day" />
          </Definition>
        </DefinitionList>
      </Section>
      <Section title={t(locale, 'account.profile')}>
        <Form action="/account" fields={fields} {...form}>
          <Field name="full_name" autocomplete="name" value={user.fullName} optional />
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

/** /account/delete */
export function DeleteAccount({ email, ...form }: FormState & { email: string }) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={t(locale, 'delete.title')} lead={t(locale, 'delete.lead')}>
      <ul class="plain">
        <li>{t.nodes(locale, 'delete.profile', { email: <strong>{email}</strong> })}</li>
        <li>{t(locale, 'delete.sessions')}</li>
        <li>{t(locale, 'delete.apps')}</li>
      </ul>
      <Form action="/account/delete" fields={{ password: t(locale, 'delete.password') }} {...form}>
        <ForManagers account={email} />
        <PasswordField name="password" autocomplete="current-password" />
        <Button kind="danger">{t(locale, 'delete.button')}</Button>
      </Form>
      <LinkRow>
        <a href="/account">{t(locale, 'delete.cancel')}</a>
      </LinkRow>
    </Card>
  )
}
