/** The emails about an administrator's changes of an account. They contain nothing that the administrator typed. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

/** Longer than a reset link's: the recipient does not expect the email. */
export const ACCOUNT_LINK_LIFETIME = 7 * 86_400_000

const t = texts({
  en: {
    'invited.subject': 'Your account at {brand}',
    'invited.lead':
      'An administrator created an account at {brand} for this address. Choose a password to use it:',
    'invited.action': 'Choose a password',
    'invited.lifetime':
      'The link works once, for seven days. After that, request a new one with “Forgot password”.',
    'invited.ignore': 'If you did not expect this e-mail, you can ignore it.',
    'moved.subject': 'The address of your account at {brand} was changed',
    'moved.lead':
      'An administrator changed the e-mail address of an account at {brand}. This e-mail is sent to the old and the new address. All sessions have ended.',
    'moved.note': 'If you did not expect this, contact the operator of {brand}.',
  },
  de: {
    'invited.subject': 'Ihr Konto bei {brand}',
    'invited.lead':
      'Für diese Adresse wurde bei {brand} ein Konto angelegt. Wählen Sie ein Passwort, um es zu benutzen:',
    'invited.action': 'Passwort wählen',
    'invited.lifetime':
      'Der Link gilt einmal und sieben Tage lang. Danach können Sie über „Passwort vergessen“ einen neuen anfordern.',
    'invited.ignore': 'Wenn Sie diese E-Mail nicht erwartet haben, können Sie sie ignorieren.',
    'moved.subject': 'Die Adresse Ihres Kontos bei {brand} wurde geändert',
    'moved.lead':
      'Die E-Mail-Adresse eines Kontos bei {brand} wurde von der Administration geändert. Diese E-Mail geht an die bisherige und an die neue Adresse. Alle Sitzungen sind beendet.',
    'moved.note': 'Wenn Sie das nicht erwartet haben, wenden Sie sich an den Betreiber von {brand}.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

export const accountCreatedEmail = (
  config: Brand,
  { to, token, locale }: { to: string; token: string; locale: Locale },
): Email => ({
  to,
  locale,
  subject: t(locale, 'invited.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'invited.lead', { brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/reset-password?token=${token}`}>
        {t(locale, 'invited.action')}
      </Action>
      <Paragraph>{t(locale, 'invited.lifetime')}</Paragraph>
      <Note>{t(locale, 'invited.ignore')}</Note>
    </>
  ),
})

export const addressChangedEmail = (
  config: Brand,
  { to, locale }: { to: string; locale: Locale },
): Email => ({
  to,
  locale,
  subject: t(locale, 'moved.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'moved.lead', { brand: config.brandName })}</Paragraph>
      <Note>{t(locale, 'moved.note', { brand: config.brandName })}</Note>
    </>
  ),
})
