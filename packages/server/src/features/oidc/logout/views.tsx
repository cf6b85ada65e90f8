/** The pages of signing out at the request of an app. Presentation only. */
import { Form } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { Button, ButtonLink, Card } from '../../../base/page/parts.tsx'
import type { LogoutRequest } from './request.ts'
import { logoutText as t } from './texts.ts'

type LogoutViewProps = Pick<LogoutRequest, 'app' | 'fault'>

/** The guide of the repository, which the server does not serve. */
export const LOGOUT_SECTION = {
  file: 'docs/guides/signing-out-of-apps.md',
  section: 'Signing out by an app',
} as const

function Fault({ fault }: Pick<LogoutViewProps, 'fault'>) {
  const { locale } = useUi()
  if (fault === null) return null
  return (
    <p class="hint block">
      {t(locale, `fault.${fault}`)}
      {fault !== 'expired' && ` ${t(locale, 'fault.documented', LOGOUT_SECTION)}`}
    </p>
  )
}

/** @param sealed the request, which the form sends again */
export function LogoutQuestion({
  app,
  fault,
  account,
  sealed,
}: LogoutViewProps & { account: string; sealed: string }) {
  const { locale } = useUi()
  const lead = app === null ? t(locale, 'question.lead_unknown') : t(locale, 'question.lead', { app })
  return (
    <Card title={t(locale, 'question.title')} lead={lead}>
      <p class="lead">{t.nodes(locale, 'question.account', { account: <strong>{account}</strong> })}</p>
      <p class="lead">{t(locale, 'question.other')}</p>
      <Form action="/oidc/logout/decision" hidden={{ logout_request: sealed }}>
        <Button>{t(locale, 'question.sign_out')}</Button>
        <ButtonLink href="/account" kind="secondary">
          {t(locale, 'question.stay')}
        </ButtonLink>
      </Form>
      <Fault fault={fault} />
    </Card>
  )
}

/** @param leadsTo the app's address, for a link */
export function LoggedOut({ app, fault, leadsTo }: LogoutViewProps & Pick<LogoutRequest, 'leadsTo'>) {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, 'done.title')} lead={t(locale, 'done.lead')}>
      {leadsTo !== null && app !== null && (
        <ButtonLink href={leadsTo}>{t(locale, 'done.continue', { app })}</ButtonLink>
      )}
      <ButtonLink href="/sign-in" kind="secondary">
        {t(locale, 'done.again')}
      </ButtonLink>
      <Fault fault={fault} />
    </Card>
  )
}
