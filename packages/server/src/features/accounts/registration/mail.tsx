/** The emails that answer a registration whose response must not reveal whether an account exists. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'already.subject': 'You already have an account at {brand}',
    'already.lead':
      'You or another person signed up for {brand} with this address. An account with it already exists, and nothing was changed.',
    'already.action': 'Sign in',
    'already.forgot': 'If you do not remember the password, you can reset it from the sign-in page.',
    'already.ignore': 'If this was not you, you do not need to do anything.',
    'taken.subject': 'Choose another username for {brand}',
    'taken.lead':
      'Your registration at {brand} could not be completed: the username that you chose is taken.',
    'taken.action': 'Sign up again',
    'taken.ignore': 'If this was not you, you do not need to do anything: no account was created.',
  },
  de: {
    'already.subject': 'Sie haben bereits ein Konto bei {brand}',
    'already.lead':
      'Sie oder eine andere Person haben sich mit dieser Adresse bei {brand} registriert. Ein Konto mit dieser Adresse besteht bereits, und nichts wurde geändert.',
    'already.action': 'Anmelden',
    'already.forgot':
      'Wenn Sie das Passwort nicht mehr wissen, können Sie es auf der Anmeldeseite zurücksetzen.',
    'already.ignore': 'Wenn Sie das nicht waren, müssen Sie nichts tun.',
    'taken.subject': 'Wählen Sie einen anderen Benutzernamen für {brand}',
    'taken.lead':
      'Ihre Registrierung bei {brand} konnte nicht abgeschlossen werden: Der gewählte Benutzername ist vergeben.',
    'taken.action': 'Erneut registrieren',
    'taken.ignore': 'Wenn Sie das nicht waren, müssen Sie nichts tun: Es wurde kein Konto angelegt.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>
type To = { to: string; locale: Locale }

export const alreadyRegisteredEmail = (config: Brand, { to, locale }: To): Email => ({
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

export const usernameTakenEmail = (config: Brand, { to, locale }: To): Email => ({
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
