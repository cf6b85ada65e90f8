/** The pages of signing out. Presentation only. */
import { ButtonForm } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { Alert, ButtonLink, Card } from '../../../base/page/parts.tsx'
import { signOutText as t } from './texts.ts'

/** The page after signing out. @param provider where the user may still be signed in; null: nowhere that is known */
export function SignedOut({ provider, returnTo }: { provider: string | null; returnTo: string | null }) {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, 'signed_out.title')} lead={t(locale, 'signed_out.lead')}>
      {provider !== null && <Alert kind="info">{t(locale, 'signed_out.provider', { name: provider })}</Alert>}
      {returnTo !== null && <ButtonLink href={returnTo}>{t(locale, 'signed_out.continue')}</ButtonLink>}
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
