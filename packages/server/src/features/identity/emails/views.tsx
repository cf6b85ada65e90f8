/** Views of the pages of e-mail verification. Presentation only. */
import { ButtonForm, Field, Form } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Alert,
  Button,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  LinkRow,
  withReturnTo,
} from '../../../base/page/parts.tsx'
import { authorizePath } from '../../../core/connection-buttons.tsx'
import { emailsText as t } from './texts.ts'

const RESEND = '/verify-email/resend'

export interface CheckYourMailProps {
  address: string
  /** Shows that the e-mail was sent again. */
  resent?: boolean
  alert?: string | null
  returnTo?: string | null | undefined
  /** The name in paths of the connection by which the user registers, and where they enter another address. */
  provider?: string | undefined
}

/** After registration, and for a sign-in whose address is not verified yet. The same for every address. */
export function CheckYourMail({ address, resent, alert, returnTo, provider }: CheckYourMailProps) {
  const { locale } = useUi()
  const other =
    provider === undefined
      ? withReturnTo('/sign-up', returnTo)
      : authorizePath(provider, { return_to: returnTo ?? null })
  return (
    <Card
      sign="mail"
      title={t(locale, 'check.title')}
      lead={t.nodes(locale, 'check.lead', { address: <strong>{address}</strong> })}
    >
      {resent ? <Alert kind="success">{t(locale, 'check.resent')}</Alert> : null}
      <p class="lead">{t(locale, 'check.spam')}</p>
      <ButtonForm
        action={RESEND}
        hidden={{ email: address, ...(provider !== undefined && { provider }) }}
        returnTo={returnTo}
        alert={alert}
        label={t(locale, 'check.resend')}
      />
      <LinkRow>
        <a href={other}>{t(locale, 'check.other')}</a>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'check.sign_in')}</a>
      </LinkRow>
    </Card>
  )
}

export interface ConfirmEmailProps {
  token: string
  /** Null where the address may be shown only after the token is used. */
  address: string | null
  /** Whether the first proof of the address ends what was set up before. */
  isUnproven?: boolean
  /** The accounts at providers that will sign in to the account, of a browser that may be another person's. */
  connected?: readonly { connection: string; account: string }[]
  alert?: string | null
  returnTo?: string | null | undefined
}

/** The page that the link opens. Opening it changes nothing, so that mail scanners do not use up the link. */
export function ConfirmEmail({
  token,
  address,
  isUnproven = false,
  connected = [],
  alert,
  returnTo,
}: ConfirmEmailProps) {
  const { locale } = useUi()
  const form = { action: '/verify-email', returnTo, alert }
  return (
    <Card
      sign="mail"
      title={t(locale, 'confirm.title')}
      lead={
        address
          ? t.nodes(locale, 'confirm.lead', { address: <strong>{address}</strong> })
          : t(locale, 'confirm.lead_unknown')
      }
    >
      {isUnproven ? <p class="block">{t(locale, 'confirm.unproven')}</p> : null}
      {connected.length === 0 ? (
        <ButtonForm {...form} kind="primary" hidden={{ token }} label={t(locale, 'confirm.button')} />
      ) : (
        <>
          <p class="block">{t(locale, 'confirm.connected')}</p>
          <DefinitionList>
            {connected.map(({ connection, account }) => (
              <Definition key={account} term={connection}>
                {account}
              </Definition>
            ))}
          </DefinitionList>
          <ButtonForm
            {...form}
            hidden={{ token, keep_identities: 'true' }}
            label={t(locale, 'confirm.keep')}
          />
          <ButtonForm {...form} hidden={{ token }} label={t(locale, 'confirm.drop')} />
        </>
      )}
      <p class="reference">{t(locale, 'confirm.not_you')}</p>
    </Card>
  )
}

export interface VerifyLinkInvalidProps extends FormState {
  /** Otherwise it was used, was replaced, or never existed. */
  expired: boolean
  returnTo?: string | null | undefined
}

export function VerifyLinkInvalid({ expired, returnTo, ...form }: VerifyLinkInvalidProps) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      <Form action={RESEND} fields={{ email: t(locale, 'invalid.email') }} returnTo={returnTo} {...form}>
        <Field name="email" type="email" autocomplete="email" />
        <Button>{t(locale, 'invalid.resend')}</Button>
      </Form>
      <LinkRow>
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'check.sign_in')}</a>
      </LinkRow>
    </Card>
  )
}

export function EmailVerified({
  returnTo,
  isDropped = false,
}: {
  returnTo?: string | null | undefined
  /** Whether the accounts at providers were disconnected, with which the account was registered: it has no password. */
  isDropped?: boolean
}) {
  const { locale, signedIn } = useUi()
  if (isDropped)
    return (
      <Card sign="done" title={t(locale, 'verified.title')} lead={t(locale, 'verified.lead_dropped')}>
        <ButtonLink href={withReturnTo('/forgot-password', returnTo)}>
          {t(locale, 'verified.password')}
        </ButtonLink>
      </Card>
    )
  return (
    <Card
      sign="done"
      title={t(locale, 'verified.title')}
      lead={t(locale, signedIn ? 'verified.lead_signed_in' : 'verified.lead')}
    >
      {signedIn ? (
        <ButtonLink href={returnTo ? withReturnTo('/sign-in', returnTo) : '/account'}>
          {t(locale, returnTo ? 'verified.continue' : 'verified.account')}
        </ButtonLink>
      ) : (
        <ButtonLink href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'verified.sign_in')}</ButtonLink>
      )}
    </Card>
  )
}
