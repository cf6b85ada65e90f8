/** The pages that the links in e-mails about sign-ins open. Presentation only. */
import { ButtonForm } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { ButtonLink, Card } from '../../../base/page/parts.tsx'
import { type Ended, EndedList } from '../planted/index.ts'
import { noticeText as t } from './texts.ts'

export interface NoticeFormProps {
  token: string
  alert?: string | null | undefined
}

export function UnlockForm({ token, alert }: NoticeFormProps) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'unlock.title')} lead={t(locale, 'unlock.lead')}>
      <ButtonForm
        action="/unlock"
        kind="primary"
        hidden={{ token }}
        alert={alert}
        label={t(locale, 'unlock.button')}
      />
    </Card>
  )
}

export function NotMeForm({ token, alert }: NoticeFormProps) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={t(locale, 'not_me.title')} lead={t(locale, 'not_me.lead')}>
      <ButtonForm
        action="/not-me"
        kind="danger"
        hidden={{ token }}
        alert={alert}
        label={t(locale, 'not_me.button')}
      />
      <p class="reference">{t(locale, 'not_me.cancel')}</p>
    </Card>
  )
}

/** @param href where to continue */
export function NoticeDone({
  what,
  href,
  ended,
}: {
  what: 'unlock' | 'not_me'
  href: string
  ended?: Ended
}) {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, `${what}.done_title`)} lead={t(locale, `${what}.done_lead`)}>
      {ended ? <EndedList locale={locale} ended={ended} /> : null}
      <ButtonLink href={href}>{t(locale, `${what}.next`)}</ButtonLink>
    </Card>
  )
}

export function NoticeLinkInvalid({ expired }: { expired: boolean }) {
  const { locale } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      <ButtonLink href="/sign-in">{t(locale, 'invalid.next')}</ButtonLink>
    </Card>
  )
}
