/** The sign-in page. Presentation only. */
import { Checkbox, Field, Form, PasswordField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Alert, Button, Card, LinkRow, withReturnTo } from '../../../base/page/parts.tsx'
import { PasskeyForm } from '../../../base/page/passkey-form.tsx'
import { ConnectionButtons, type OfferedConnection, OrDivider } from '../../../core/connection-buttons.tsx'
import { signInText as t } from './texts.ts'

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

/**
 * What the form begins with: identifier and password; the identifier alone, whose domain decides how it continues; or the
 * password of an identifier that was entered.
 */
export type SignInStart = 'both' | 'identifier' | 'password'

/** An organization whose sign-in page it is. */
export interface OrganizationSignIn {
  name: string
  connections: readonly OfferedConnection[]
  /** Whether its members have to sign in by one of its connections. */
  isRequired: boolean
}

/** An account at a provider that is connected after the sign-in. */
export interface Connecting extends OfferedConnection {
  /** The round trip in which it waits. */
  trip: string
}

export interface SignInProps extends FormState {
  start?: SignInStart
  organization?: OrganizationSignIn | null
  connecting?: Connecting | null
  notice?: Notice | null
  returnTo?: string | null
  /** Whether the server has passkeys. */
  passkeys?: boolean
  /** Whether one was just refused; the browser then does not offer it by itself. */
  isPasskeyRefused?: boolean
  /** Whether a link or a code by e-mail signs in too. */
  byEmail?: boolean
  /** The connections of the server. */
  connections?: readonly OfferedConnection[]
}

export function SignIn({ notice, organization = null, connecting = null, ...ways }: SignInProps) {
  const { locale, brand } = useUi()
  const { returnTo = null } = ways
  // the account that is to be connected does not sign in yet
  const connections = (ways.connections ?? []).filter(({ slug }) => slug !== connecting?.slug)
  const failed = Boolean(ways.alert) || Object.keys(ways.errors ?? {}).length > 0
  const title = organization
    ? t(locale, 'sign_in.to', { organization: organization.name })
    : t(locale, 'sign_in.title')
  return (
    <Card title={title}>
      {connecting ? (
        <p class="lead">{t(locale, 'sign_in.connect', { connection: connecting.name })}</p>
      ) : null}
      {notice && !failed && !(connecting && notice === 'sign_in_required') ? (
        <Alert kind={GOOD_NEWS.has(notice) ? 'success' : 'info'}>{t(locale, `notice.${notice}`)}</Alert>
      ) : null}
      {organization?.isRequired ? (
        <p class="lead">{t(locale, 'sign_in.to_required', { organization: organization.name })}</p>
      ) : null}
      {organization && organization.connections.length > 0 ? (
        <ConnectionButtons
          connections={organization.connections}
          parameters={{ return_to: returnTo }}
          kind="primary"
        />
      ) : null}
      {organization?.isRequired ? (
        <LinkRow>
          <a href={passwordPath({ returnTo })}>{t(locale, 'sign_in.with_password')}</a>
        </LinkRow>
      ) : (
        <>
          {organization ? <OrDivider connections={organization.connections} /> : null}
          <OrdinaryWays
            {...ways}
            connections={connections}
            isSecond={(organization?.connections.length ?? 0) > 0}
          />
          <LinkRow>
            {t(locale, 'sign_in.new', { brand: brand.name })}{' '}
            <a href={withReturnTo('/sign-up', returnTo)}>{t(locale, 'sign_in.create')}</a>
          </LinkRow>
        </>
      )}
      {connecting ? (
        <LinkRow>
          <a href={`/sign-in/connect?trip=${connecting.trip}`}>{t(locale, 'sign_in.back')}</a>
        </LinkRow>
      ) : null}
    </Card>
  )
}

/** The sign-in form that has a password field, for an identifier or without one. */
export function passwordPath({
  identifier = '',
  remember = false,
  returnTo,
}: {
  identifier?: string
  remember?: boolean
  returnTo: string | null
}): string {
  const query = new URLSearchParams({ with: 'password' })
  if (identifier !== '') query.set('email', identifier)
  if (remember) query.set('remember_me', 'true')
  return withReturnTo(`/sign-in?${query}`, returnTo)
}

function OrdinaryWays({
  start = 'both',
  returnTo = null,
  passkeys = false,
  isPasskeyRefused = false,
  byEmail = false,
  connections = [],
  isSecond,
  ...form
}: Omit<SignInProps, 'notice' | 'organization'> & {
  /** Whether the connections of an organization precede: then the form is not the first way, and one divider is enough. */
  isSecond: boolean
}) {
  const { locale } = useUi()
  return (
    <>
      {start === 'identifier' ? (
        <IdentifierForm returnTo={returnTo} passkeys={passkeys} isSecond={isSecond} {...form} />
      ) : (
        <PasswordForm
          returnTo={returnTo}
          passkeys={passkeys}
          isKept={start === 'password'}
          isSecond={isSecond}
          {...form}
        />
      )}
      {isSecond ? null : <OrDivider connections={connections} />}
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
      {connections.length > 0 ? (
        <ConnectionButtons connections={connections} parameters={{ return_to: returnTo }} />
      ) : null}
      {start === 'identifier' ? (
        <LinkRow>
          <a href={passwordPath({ returnTo })}>{t(locale, 'sign_in.with_password')}</a>
        </LinkRow>
      ) : null}
      {byEmail ? (
        <LinkRow>
          <a href={withReturnTo('/sign-in/email', returnTo)}>{t(locale, 'sign_in.by_email')}</a>
        </LinkRow>
      ) : null}
    </>
  )
}

type WayProps = FormState & { returnTo: string | null; passkeys: boolean; isSecond: boolean }

function IdentifierForm({ returnTo, passkeys, isSecond, ...form }: WayProps) {
  const { locale } = useUi()
  const fields = {
    identifier: t(locale, 'sign_in.identifier'),
    remember_me: t(locale, 'sign_in.remember'),
  }
  return (
    <Form action="/sign-in/identifier" fields={fields} returnTo={returnTo} {...form}>
      <Field
        name="identifier"
        autocomplete={passkeys ? 'username webauthn' : 'username'}
        inputmode="email"
        autofocus={!isSecond}
      />
      <Checkbox name="remember_me" />
      <Button kind={isSecond ? 'secondary' : 'primary'}>{t(locale, 'sign_in.continue')}</Button>
    </Form>
  )
}

/** @param isKept the identifier was entered before, and stays in the form, from which password managers find the account */
function PasswordForm({ returnTo, passkeys, isKept, isSecond, ...form }: WayProps & { isKept: boolean }) {
  const { locale } = useUi()
  const identifier = form.typed?.identifier
  const fields = {
    identifier: t(locale, 'sign_in.identifier'),
    password: t(locale, 'sign_in.password'),
    remember_me: t(locale, 'sign_in.remember'),
  }
  const change = `/sign-in?${new URLSearchParams({ email: identifier ?? '' })}`
  return (
    <Form action="/sign-in" fields={fields} returnTo={returnTo} {...form}>
      <Field
        name="identifier"
        autocomplete={passkeys && !isKept ? 'username webauthn' : 'username'}
        inputmode="email"
        autofocus={!identifier && !isSecond}
        {...(isKept && {
          readonly: true,
          hint: <a href={withReturnTo(change, returnTo)}>{t(locale, 'sign_in.change')}</a>,
        })}
      />
      <PasswordField name="password" autocomplete="current-password" autofocus={Boolean(identifier)} />
      <div class="split">
        <Checkbox name="remember_me" />
        <a href={withReturnTo('/forgot-password', returnTo)}>{t(locale, 'sign_in.forgot')}</a>
      </div>
      <Button kind={isSecond ? 'secondary' : 'primary'}>{t(locale, 'sign_in.button')}</Button>
    </Form>
  )
}
