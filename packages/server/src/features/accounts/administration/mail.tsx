/** The letters about what an administrator did to an account. They carry nothing that the administrator typed. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

/** Somebody who did not ask for the letter may not read it the same day. */
export const INVITATION_LIFETIME = 7 * 86_400_000

const t = texts({
  en: {
    'invited.subject': 'Your account at {brand}',
    'invited.lead':
      'An administrator made an account at {brand} for this address. Choose a password to use it:',
    'invited.action': 'Choose a password',
    'invited.lifetime':
      'The link works once, for seven days. After that, ask for a new one by “Forgot password”.',
    'invited.ignore': 'If this means nothing to you, do nothing.',
    'moved.subject': 'The address of your account at {brand} was changed',
    'moved.lead':
      'An administrator changed the e-mail address of an account at {brand}. This e-mail goes to the former and to the new address. All sessions have ended.',
    'moved.note': 'If you did not expect this, ask whoever runs {brand}.',
  },
  de: {
    'invited.subject': 'Ihr Konto bei {brand}',
    'invited.lead':
      'Für diese Adresse wurde bei {brand} ein Konto angelegt. Wählen Sie ein Passwort, um es zu benutzen:',
    'invited.action': 'Passwort wählen',
    'invited.lifetime':
      'Der Link gilt einmal und sieben Tage lang. Danach bekommen Sie über „Passwort vergessen“ einen neuen.',
    'invited.ignore': 'Wenn Ihnen das nichts sagt, tun Sie nichts.',
    'moved.subject': 'Die Adresse Ihres Kontos bei {brand} wurde geändert',
    'moved.lead':
      'Die E-Mail-Adresse eines Kontos bei {brand} wurde von der Verwaltung geändert. Diese E-Mail geht an die bisherige und an die neue Adresse. Alle Sitzungen sind beendet.',
    'moved.note': 'Wenn Sie das nicht erwartet haben, wenden Sie sich an den Betreiber von {brand}.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

export const invitationLetter = (
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

export const addressChangedLetter = (
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
