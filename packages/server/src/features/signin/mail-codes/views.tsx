/** The pages of signing in by e-mail. Presentation only. */
import { ButtonForm, Checkbox, Field, Form } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Alert, Button, ButtonLink, Card, LinkRow, withReturnTo } from '../../../base/page/parts.tsx'
import { mailCodesText as t } from './texts.ts'

const CODE_FIELD = {
  name: 'code',
  inputmode: 'numeric',
  autocomplete: 'one-time-code',
  maxlength: 20,
} as const

export interface RequestProps extends FormState {
  /** What the server sends, in the order of the buttons. */
  offers: readonly ('link' | 'code')[]
  email?: string | null | undefined
  returnTo?: string | null
}

export function RequestEmail({ offers, email, returnTo, ...form }: RequestProps) {
  const { locale } = useUi()
  const fields = { email: t(locale, 'request.email'), remember_me: t(locale, 'request.remember') }
  return (
    <Card title={t(locale, 'request.title')} lead={t(locale, 'request.lead')}>
      <Form action={`/sign-in/email/${offers[0]}`} fields={fields} returnTo={returnTo} {...form}>
        <Field name="email" type="email" autocomplete="username" value={email} autofocus />
        <Checkbox name="remember_me" />
        {offers.map((what, n) => (
          <Button key={what} kind={n === 0 ? 'primary' : 'secondary'} formAction={`/sign-in/email/${what}`}>
            {t(locale, `request.${what}`)}
          </Button>
        ))}
      </Form>
      <LinkRow>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'back')}</a>
      </LinkRow>
    </Card>
  )
}

/** The same for known and unknown addresses. */
export function LinkSent({ address, returnTo }: { address: string; returnTo?: string | null }) {
  const { locale } = useUi()
  return (
    <Card
      sign="mail"
      title={t(locale, 'sent.title')}
      lead={t.nodes(locale, 'sent.lead', { address: <strong>{address}</strong> })}
    >
      <p class="lead">{t(locale, 'sent.here')}</p>
      <p class="lead">{t(locale, 'sent.spam')}</p>
      <LinkRow>
        <a href={withReturnTo('/sign-in/email', returnTo)}>{t(locale, 'sent.again')}</a>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'back')}</a>
      </LinkRow>
    </Card>
  )
}

export interface EnterCodeProps extends FormState {
  /** The id of the attempt that the form completes. */
  attempt: string
  address: string
  /** Whether another code was just requested. */
  resent: boolean
  returnTo?: string | null
}

/** The same for known and unknown addresses. */
export function EnterCode({ attempt, address, resent, returnTo, ...form }: EnterCodeProps) {
  const { locale } = useUi()
  return (
    <Card
      title={t(locale, 'code.title')}
      lead={t.nodes(locale, 'code.lead', { address: <strong>{address}</strong> })}
    >
      {resent && !form.errors && !form.alert ? <Alert kind="info">{t(locale, 'code.sent')}</Alert> : null}
      <Form
        action="/sign-in/code"
        fields={{ code: t(locale, 'code.field') }}
        hidden={{ attempt }}
        returnTo={returnTo}
        {...form}
      >
        <Field {...CODE_FIELD} autofocus />
        <Button>{t(locale, 'code.button')}</Button>
      </Form>
      <ButtonForm
        action="/sign-in/code/send"
        kind="link"
        returnTo={returnTo}
        hidden={{ attempt }}
        label={t(locale, 'code.again')}
      />
      <LinkRow>
        <a href={withReturnTo('/sign-in/email', returnTo)}>{t(locale, 'code.other')}</a>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'back')}</a>
      </LinkRow>
    </Card>
  )
}

export interface OpenLinkProps extends FormState {
  token: string
  address: string
  /** Whether this browser asked for the link; another one confirms. */
  isAsker: boolean
  /** Whether the first proof of the address ends what was set up before. */
  isUnproven?: boolean
}

/** The page that the link opens; only its form uses the link up. */
export function OpenLink({ token, address, isAsker, isUnproven = false, ...form }: OpenLinkProps) {
  const { locale } = useUi()
  const strong = { address: <strong>{address}</strong> }
  return (
    <Card
      title={t(locale, isAsker ? 'link.title' : 'link.elsewhere_title')}
      lead={t.nodes(locale, isAsker ? 'link.lead' : 'link.elsewhere', strong)}
    >
      {isAsker ? null : <p class="lead">{t(locale, 'link.stranger')}</p>}
      {isUnproven ? <p>{t(locale, 'link.unproven')}</p> : null}
      <Form action="/sign-in/link" hidden={{ token, ...(!isAsker && { confirmed: 'true' }) }} {...form}>
        <Button>{t(locale, isAsker ? 'link.button' : 'link.confirm')}</Button>
      </Form>
    </Card>
  )
}

/** `expired`; otherwise the link was used, replaced, or is wrong. */
export function SignInLinkInvalid({ expired, canRequest }: { expired: boolean; canRequest: boolean }) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      {canRequest ? <ButtonLink href="/sign-in/email">{t(locale, 'invalid.button')}</ButtonLink> : null}
      <LinkRow>
        <a href="/sign-in">{t(locale, 'back')}</a>
      </LinkRow>
    </Card>
  )
}

export interface EmailFactorRowProps {
  /** Where the form is sent. */
  path: string
  address: string
  isEnabled: boolean
  isVerified: boolean
  /** Whether the user has an authenticator app or a passkey. */
  isStronger: boolean
}

/** What the row of the security page opens to. */
export function EmailFactorRow({ path, address, isEnabled, isVerified, isStronger }: EmailFactorRowProps) {
  const { locale } = useUi()
  const strong = { address: <strong>{address}</strong> }
  return (
    <>
      <p>{t(locale, isEnabled && isStronger ? 'factor.stronger' : 'factor.lead')}</p>
      {isEnabled ? (
        <ButtonForm action={`${path}/remove`} label={t(locale, 'factor.remove')} />
      ) : isVerified ? (
        <ButtonForm action={path} label={t(locale, 'factor.enable')} />
      ) : (
        <>
          <p>{t.nodes(locale, 'factor.unverified', strong)}</p>
          <ButtonForm
            action="/verify-email/resend"
            hidden={{ email: address }}
            label={t(locale, 'factor.verify')}
          />
        </>
      )}
    </>
  )
}

/** The part of the page of a second factor, once a code was requested. */
export const ProveByCode = () => <Field {...CODE_FIELD} autofocus />

/** A separate form, so that the enter key in the field does not send another code. */
export const SendAnotherCode = ({ path, attempt }: { path: string; attempt: string }) => (
  <ButtonForm action={path} kind="link" hidden={{ attempt }} label={t(useUi().locale, 'code.again')} />
)
