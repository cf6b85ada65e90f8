/** The e-mail about a refresh token of an app that was used twice. */
import { type Call, findLocale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import type { User } from '../../identity/users/index.ts'

const t = texts({
  en: {
    subject: 'The access of {app} to your account at {brand} was ended',
    lead: '{app} sent a refresh token that had been used before. It may have been copied, so we have ended what it could do with your account. Your sessions continue.',
    details: 'Time: {time}. Address: {address}.',
    unknown: 'unknown',
    what: 'Sign in to the app again. If you do not use it, check your account:',
    action: 'Check your account',
  },
  de: {
    subject: 'Der Zugriff von {app} auf Ihr Konto bei {brand} wurde beendet',
    lead: '{app} hat ein Refresh-Token gesendet, das schon benutzt worden war. Vielleicht wurde es kopiert; deshalb haben wir beendet, was die App mit Ihrem Konto tun konnte. Ihre Sitzungen laufen weiter.',
    details: 'Zeit: {time}. Adresse: {address}.',
    unknown: 'unbekannt',
    what: 'Melden Sie sich in der App neu an. Wenn Sie sie nicht verwenden, prüfen Sie Ihr Konto:',
    action: 'Konto prüfen',
  },
})

/** @param app its name */
export function appReuseEmail(
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  user: Pick<User, 'email' | 'locale'>,
  call: Call,
  app: string,
): Email {
  const locale = findLocale(user.locale) ?? call.locale
  const time = timeText(locale, call.now)
  return {
    to: user.email,
    locale,
    subject: t(locale, 'subject', { app, brand: config.brandName }),
    body: (
      <>
        <Paragraph>{t(locale, 'lead', { app })}</Paragraph>
        <Note>{t(locale, 'details', { time, address: call.ip ?? t(locale, 'unknown') })}</Note>
        <Paragraph>{t(locale, 'what')}</Paragraph>
        <Action href={`${config.publicUrl}/account/security`}>{t(locale, 'action')}</Action>
      </>
    ),
  }
}
