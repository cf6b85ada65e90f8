/** The letters that answer a registration where nothing may be said on the screen. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Letter } from '../../../core/mail/index.ts'
import { Action, Note, Paragraph } from '../../../core/mail/letter.tsx'

const t = texts({
  en: {
    'already.subject': 'You already have an account at {brand}',
    'already.lead':
      'Somebody, perhaps you, signed up for {brand} with this address. It has an account already, and nothing was changed.',
    'already.action': 'Sign in',
    'already.forgot': 'If you do not remember the password, you can reset it from the sign-in page.',
    'already.ignore': 'If it was not you, there is nothing to do.',
    'taken.subject': 'Choose another username for {brand}',
    'taken.lead': 'Your registration at {brand} could not be completed: the username you chose is taken.',
    'taken.action': 'Sign up again',
    'taken.ignore': 'If it was not you, do nothing: no account was made.',
  },
  de: {
    'already.subject': 'Sie haben bereits ein Konto bei {brand}',
    'already.lead':
      'Jemand, vielleicht Sie, hat sich mit dieser Adresse bei {brand} registriert. Es gibt dafür schon ein Konto, und nichts wurde geändert.',
    'already.action': 'Anmelden',
    'already.forgot':
      'Wenn Sie das Passwort nicht mehr wissen, können Sie es auf der Anmeldeseite zurücksetzen.',
    'already.ignore': 'Wenn Sie das nicht waren, ist nichts zu tun.',
    'taken.subject': 'Wählen Sie einen anderen Benutzernamen für {brand}',
    'taken.lead':
      'Ihre Registrierung bei {brand} konnte nicht abgeschlossen werden: Der gewählte Benutzername ist vergeben.',
    'taken.action': 'Erneut registrieren',
    'taken.ignore': 'Wenn Sie das nicht waren, tun Sie nichts: Es wurde kein Konto angelegt.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>
type To = { to: string; locale: Locale }

export const alreadyRegisteredLetter = (config: Brand, { to, locale }: To): Letter => ({
  to,
  locale,
  subject: t(locale, 'already.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'already.lead', { brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/sign-in`}>{t(locale, 'already.action')}</Action>
      <Paragraph>{t(locale, 'already.forgot')}</Paragraph>
      <Note>{t(locale, 'already.ignore')}</Note>
    </>
  ),
})

export const usernameTakenLetter = (config: Brand, { to, locale }: To): Letter => ({
  to,
  locale,
  subject: t(locale, 'taken.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'taken.lead', { brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/sign-up`}>{t(locale, 'taken.action')}</Action>
      <Note>{t(locale, 'taken.ignore')}</Note>
    </>
  ),
})
