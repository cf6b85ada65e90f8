/** The e-mail about the reuse of a refresh token. */
import type { Call } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Email } from '../../../core/mail/index.ts'
import { reuseEmail } from '../../../core/mail/reuse.tsx'
import type { User } from '../../identity/users/index.ts'

const t = texts({
  en: {
    subject: 'A session of your account at {brand} was ended',
    lead: 'An app that is signed in as you sent a refresh token that had been used before. It may have been copied, so we have ended that session. Your other sessions continue.',
    what: 'Sign in again in the app. If you do not use such an app, change your password and check your sessions:',
  },
  de: {
    subject: 'Eine Sitzung Ihres Kontos bei {brand} wurde beendet',
    lead: 'Eine App, die mit Ihrem Konto angemeldet ist, hat ein Refresh-Token gesendet, das schon benutzt worden war. Vielleicht wurde es kopiert; deshalb haben wir diese Sitzung beendet. Ihre anderen Sitzungen laufen weiter.',
    what: 'Melden Sie sich in der App neu an. Wenn Sie keine solche App verwenden, ändern Sie Ihr Passwort und prüfen Sie Ihre Sitzungen:',
  },
})

export const tokenReuseEmail = (
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  user: Pick<User, 'email' | 'locale'>,
  call: Call,
): Email =>
  reuseEmail(config, user, call, {
    page: '/account/sessions',
    words: (locale) => ({
      subject: t(locale, 'subject', { brand: config.brandName }),
      lead: t(locale, 'lead'),
      what: t(locale, 'what'),
    }),
  })
