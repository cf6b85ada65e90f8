/** E-mails about passwords. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'reset.subject': 'Reset your password for {brand}',
    'reset.lead': 'A password reset was requested for the account with this address.',
    'reset.action': 'Choose a new password',
    'reset.lifetime': 'The link works once, for one hour. A newer e-mail replaces it.',
    'reset.ignore': 'If it was not you, do nothing. Your password stays as it is.',
    'done.subject': 'Your password for {brand} was reset',
    'done.lead':
      'The password of your account was reset through an e-mail to this address. All sessions have ended.',
    'changed.subject': 'Your password for {brand} was changed',
    'changed.lead': 'The password of your account was changed. Your other sessions have ended.',
    not_you: 'If it was not you, reset the password at once and end all sessions:',
    'not_you.action': 'Reset the password',
  },
  de: {
    'reset.subject': 'Setzen Sie Ihr Passwort für {brand} zurück',
    'reset.lead': 'Für das Konto mit dieser Adresse wurde das Zurücksetzen des Passworts angefordert.',
    'reset.action': 'Neues Passwort wählen',
    'reset.lifetime': 'Der Link gilt einmal und eine Stunde lang. Eine neuere E-Mail ersetzt ihn.',
    'reset.ignore': 'Wenn Sie das nicht waren, tun Sie nichts. Ihr Passwort bleibt, wie es ist.',
    'done.subject': 'Ihr Passwort für {brand} wurde zurückgesetzt',
    'done.lead':
      'Das Passwort Ihres Kontos wurde über eine E-Mail an diese Adresse zurückgesetzt. Alle Sitzungen sind beendet.',
    'changed.subject': 'Ihr Passwort für {brand} wurde geändert',
    'changed.lead': 'Das Passwort Ihres Kontos wurde geändert. Ihre anderen Sitzungen sind beendet.',
    not_you:
      'Wenn Sie das nicht waren, setzen Sie das Passwort sofort zurück und beenden Sie alle Sitzungen:',
    'not_you.action': 'Passwort zurücksetzen',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

export const resetEmail = (
  config: Pick<Config, 'brandName'>,
  { to, href, locale }: { to: string; href: string; locale: Locale },
): Email => ({
  to,
  locale,
  subject: t(locale, 'reset.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'reset.lead')}</Paragraph>
      <Action href={href}>{t(locale, 'reset.action')}</Action>
      <Paragraph>{t(locale, 'reset.lifetime')}</Paragraph>
      <Note>{t(locale, 'reset.ignore')}</Note>
    </>
  ),
})

const notice =
  (what: 'done' | 'changed') =>
  (config: Brand, { to, locale }: { to: string; locale: Locale }): Email => ({
    to,
    locale,
    subject: t(locale, `${what}.subject`, { brand: config.brandName }),
    body: (
      <>
        <Paragraph>{t(locale, `${what}.lead`)}</Paragraph>
        <Paragraph>{t(locale, 'not_you')}</Paragraph>
        <Action href={`${config.publicUrl}/forgot-password`}>{t(locale, 'not_you.action')}</Action>
      </>
    ),
  })

export const passwordResetEmail = notice('done')
export const passwordChangedEmail = notice('changed')
