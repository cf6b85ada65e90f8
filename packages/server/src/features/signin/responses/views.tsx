/** The pages of signing in and out. Presentation only. */
import { ButtonForm, Checkbox, Field, Form, PasswordField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Alert, Button, ButtonLink, Card, LinkRow, withReturnTo } from '../../../base/page/parts.tsx'
import { PasskeyForm } from '../../../base/page/passkey-form.tsx'
import { signinText as t } from './texts.ts'

/** Reasons for showing the sign-in form that the page states. */
export const NOTICES = [
  'session_expired',
  'sign_in_required',
  'step_up',
  'attempt_ended',
  'verified',
  'password_reset',
  'signed_out',
  'account_deleted',
] as const
export type Notice = (typeof NOTICES)[number]

const GOOD_NEWS = new Set<Notice>(['verified', 'password_reset'])

export interface SignInProps extends FormState {
  notice?: Notice | null
  returnTo?: string | null
  /** Whether the server has passkeys. */
  passkeys?: boolean
  /** Whether one was just refused; the browser then does not offer it by itself. */
  isPasskeyRefused?: boolean
  /** Whether a link or a code by e-mail signs in too. */
  byEmail?: boolean
}

export function SignIn({
  notice,
  returnTo,
  passkeys = false,
  isPasskeyRefused = false,
  byEmail = false,
  ...form
}: SignInProps) {
  const { locale, brand } = useUi()
  const failed = Boolean(form.alert) || Object.keys(form.errors ?? {}).length > 0
  const fields = {
    identifier: t(locale, 'sign_in.identifier'),
    password: t(locale, 'sign_in.password'),
    remember_me: t(locale, 'sign_in.remember'),
  }
  return (
    <Card title={t(locale, 'sign_in.title')}>
      {notice && !failed ? (
        <Alert kind={GOOD_NEWS.has(notice) ? 'success' : 'info'}>{t(locale, `notice.${notice}`)}</Alert>
      ) : null}
      <Form action="/sign-in" fields={fields} returnTo={returnTo} {...form}>
        <Field
          name="identifier"
          autocomplete={passkeys ? 'username webauthn' : 'username'}
          inputmode="email"
          autofocus={!form.typed?.identifier}
        />
        <PasswordField
          name="password"
          autocomplete="current-password"
          autofocus={Boolean(form.typed?.identifier)}
        />
        <div class="split">
          <Checkbox name="remember_me" />
          <a href={withReturnTo('/forgot-password', returnTo)}>{t(locale, 'sign_in.forgot')}</a>
        </div>
        <Button>{t(locale, 'sign_in.button')}</Button>
      </Form>
      {passkeys ? (
        <PasskeyForm
          ceremony="get"
          options={{ begin: '/api/v1/auth/passkeys/login/begin' }}
          autofill={!isPasskeyRefused}
          action="/sign-in/passkey"
          class="form block"
          kind="secondary"
          label={t(locale, 'sign_in.passkey')}
          returnTo={returnTo}
        >
          <input type="hidden" name="remember_me" value="" />
        </PasskeyForm>
      ) : null}
      {byEmail ? (
        <LinkRow>
          <a href={withReturnTo('/sign-in/email', returnTo)}>{t(locale, 'sign_in.by_email')}</a>
        </LinkRow>
      ) : null}
      <LinkRow>
        {t(locale, 'sign_in.new', { brand: brand.name })}{' '}
        <a href={withReturnTo('/sign-up', returnTo)}>{t(locale, 'sign_in.create')}</a>
      </LinkRow>
    </Card>
  )
}

/** The page after signing out. */
export function SignedOut() {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, 'signed_out.title')} lead={t(locale, 'signed_out.lead')}>
      <ButtonLink href="/sign-in" kind="secondary">
        {t(locale, 'signed_out.again')}
      </ButtonLink>
    </Card>
  )
}

/** The page of GET /sign-out: opening a link must not sign out. */
export function SignOut({ returnTo }: { returnTo?: string | null }) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'sign_out.title')} lead={t(locale, 'sign_out.lead')}>
      <ButtonForm
        action="/sign-out"
        kind="primary"
        returnTo={returnTo}
        label={t(locale, 'sign_out.button')}
      />
    </Card>
  )
}
