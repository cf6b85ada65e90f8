/** The views of sign-up and set-up. Presentation only. */
import { Field, Form, NewPasswordFields, type PasswordPolicy } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Button, ButtonLink, Card, LinkRow, withReturnTo } from '../../../base/page/parts.tsx'
import { ConnectionButtons, type OfferedConnection, OrDivider } from '../../../core/connection-buttons.tsx'
import { registrationText as t } from './texts.ts'

export interface SignUpProps extends FormState {
  policy: PasswordPolicy
  returnTo?: string | null
  /** The connections of the server. */
  connections?: readonly OfferedConnection[]
}

export function SignUp({ policy, returnTo, connections = [], ...form }: SignUpProps) {
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
      <OrDivider connections={connections} />
      {connections.length > 0 ? (
        <ConnectionButtons
          connections={connections}
          parameters={{ flow: 'register', return_to: returnTo ?? null }}
        />
      ) : null}
      <LinkRow>
        {t(locale, 'sign_up.known')}{' '}
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'sign_up.sign_in')}</a>
      </LinkRow>
    </Card>
  )
}

export interface SetupProps extends FormState {
  /** The set-up link's token, part of the path. */
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

/** @param exists whether the reason is that there is an administrator */
export function SetupLinkInvalid({ exists = false }: { exists?: boolean }) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, 'setup_invalid.title')}
      lead={t(locale, exists ? 'setup_invalid.exists' : 'setup_invalid.lead')}
    >
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
