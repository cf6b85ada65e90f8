/** The e-mail about a refresh token of an app that was used twice. */
import type { Call } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Email } from '../../../core/mail/index.ts'
import { reuseEmail } from '../../../core/mail/reuse.tsx'
import type { User } from '../../identity/users/index.ts'

const t = texts({
  en: {
    subject: 'The access of {app} to your account at {brand} was ended',
    lead: '{app} sent a refresh token that had been used before. It may have been copied, so we have ended what it could do with your account. Your sessions continue.',
    what: 'Sign in to the app again. If you do not use it, check your account:',
  },
  de: {
    subject: 'Der Zugriff von {app} auf Ihr Konto bei {brand} wurde beendet',
    lead: '{app} hat ein Refresh-Token gesendet, das schon benutzt worden war. Vielleicht wurde es kopiert; deshalb haben wir beendet, was die App mit Ihrem Konto tun konnte. Ihre Sitzungen laufen weiter.',
    what: 'Melden Sie sich in der App neu an. Wenn Sie sie nicht verwenden, prüfen Sie Ihr Konto:',
  },
})

/** @param app its name */
export const appReuseEmail = (
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  user: Pick<User, 'email' | 'locale'>,
  call: Call,
  app: string,
): Email =>
  reuseEmail(config, user, call, {
    page: '/account/security',
    words: (locale) => ({
      subject: t(locale, 'subject', { app, brand: config.brandName }),
      lead: t(locale, 'lead', { app }),
      what: t(locale, 'what'),
    }),
  })
