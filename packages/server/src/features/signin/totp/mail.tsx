/** E-mails about authenticator apps. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    subject: 'An authenticator app was added to your account at {brand}',
    lead: 'An authenticator app was set up for your account. From now on, a code is required when you sign in.',
    not_you:
      'If it was not you, another person has access to your account. Change your password, and remove the app:',
    action: 'Check your account',
  },
  de: {
    subject: 'Ihrem Konto bei {brand} wurde eine Authenticator-App hinzugefügt',
    lead: 'Für Ihr Konto wurde eine Authenticator-App eingerichtet. Ab jetzt wird bei der Anmeldung ein Code verlangt.',
    not_you:
      'Wenn Sie das nicht waren, hat eine andere Person Zugang zu Ihrem Konto. Ändern Sie Ihr Passwort, und entfernen Sie die App:',
    action: 'Konto prüfen',
  },
})

export const totpAddedEmail = (
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  { to, locale }: { to: string; locale: Locale },
): Email => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead')}</Paragraph>
      <Paragraph>{t(locale, 'not_you')}</Paragraph>
      <Action href={`${config.publicUrl}/account/security`}>{t(locale, 'action')}</Action>
    </>
  ),
})
