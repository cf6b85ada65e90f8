/** The e-mail about the reuse of a refresh token. */
import { type Call, findLocale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import type { User } from '../../identity/users/index.ts'

const t = texts({
  en: {
    subject: 'A session of your account at {brand} was ended',
    lead: 'An app that is signed in as you sent a refresh token that had been used before. It may have been copied, so we have ended that session. Your other sessions continue.',
    details: 'Time: {time}. Address: {address}.',
    unknown: 'unknown',
    what: 'Sign in again in the app. If you do not use such an app, change your password and check your sessions:',
    action: 'Check your account',
  },
  de: {
    subject: 'Eine Sitzung Ihres Kontos bei {brand} wurde beendet',
    lead: 'Eine App, die mit Ihrem Konto angemeldet ist, hat ein Refresh-Token gesendet, das schon benutzt worden war. Vielleicht wurde es kopiert; deshalb haben wir diese Sitzung beendet. Ihre anderen Sitzungen laufen weiter.',
    details: 'Zeit: {time}. Adresse: {address}.',
    unknown: 'unbekannt',
    what: 'Melden Sie sich in der App neu an. Wenn Sie keine solche App verwenden, ändern Sie Ihr Passwort und prüfen Sie Ihre Sitzungen:',
    action: 'Konto prüfen',
  },
})

export function tokenReuseEmail(
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  user: Pick<User, 'email' | 'locale'>,
  call: Call,
): Email {
  const locale = findLocale(user.locale) ?? call.locale
  const time = timeText(locale, call.now)
  return {
    to: user.email,
    locale,
    subject: t(locale, 'subject', { brand: config.brandName }),
    body: (
      <>
        <Paragraph>{t(locale, 'lead')}</Paragraph>
        <Note>{t(locale, 'details', { time, address: call.ip ?? t(locale, 'unknown') })}</Note>
        <Paragraph>{t(locale, 'what')}</Paragraph>
        <Action href={`${config.publicUrl}/account/sessions`}>{t(locale, 'action')}</Action>
      </>
    ),
  }
}
