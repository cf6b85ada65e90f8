/** The e-mails of signing in by e-mail. They show no text that the requester typed: it may be a stranger. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Code, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'link.subject': 'Your link to sign in to {brand}',
    'link.lead': 'This link signs you in to your account:',
    'link.action': 'Sign in',
    'link.lifetime':
      'It works once, for 15 minutes. A newer e-mail replaces it. Open it in the browser in which you requested it; another one asks you to confirm.',
    'code.subject': 'Your code for {brand}',
    'code.lead': 'Enter this code where you requested it:',
    'code.lifetime': 'It works once, for 10 minutes. Never tell it to anyone: we do not ask for it.',
    ignore: 'If it was not you, do nothing. Your account is as safe as before.',
    'enabled.subject': 'Codes by e-mail are switched on for {brand}',
    'enabled.lead':
      'From now on, signing in to your account with the password also requires a code that is sent to this address.',
    'enabled.not_you': 'If it was not you, change your password and end your sessions:',
    'enabled.action': 'Check your account',
  },
  de: {
    'link.subject': 'Ihr Link zur Anmeldung bei {brand}',
    'link.lead': 'Mit diesem Link melden Sie sich bei Ihrem Konto an:',
    'link.action': 'Anmelden',
    'link.lifetime':
      'Er gilt einmal und 15 Minuten lang. Eine neuere E-Mail ersetzt ihn. Öffnen Sie ihn in dem Browser, in dem Sie ihn angefordert haben; ein anderer bittet Sie um eine Bestätigung.',
    'code.subject': 'Ihr Code für {brand}',
    'code.lead': 'Geben Sie diesen Code dort ein, wo Sie ihn angefordert haben:',
    'code.lifetime':
      'Er gilt einmal und 10 Minuten lang. Geben Sie ihn niemandem weiter: Wir fragen nicht danach.',
    ignore: 'Wenn Sie das nicht waren, tun Sie nichts. Ihr Konto ist so sicher wie zuvor.',
    'enabled.subject': 'Codes per E-Mail sind für {brand} eingeschaltet',
    'enabled.lead':
      'Ab jetzt brauchen Sie für die Anmeldung mit dem Passwort auch einen Code, der an diese Adresse gesendet wird.',
    'enabled.not_you': 'Wenn Sie das nicht waren, ändern Sie Ihr Passwort und beenden Sie Ihre Sitzungen:',
    'enabled.action': 'Konto prüfen',
  },
})

type Brand = Pick<Config, 'brandName'>
interface Recipient {
  to: string
  locale: Locale
}

export const linkEmail = (
  { brandName: brand }: Brand,
  { to, locale, href }: Recipient & { href: string },
): Email => ({
  to,
  locale,
  subject: t(locale, 'link.subject', { brand }),
  body: (
    <>
      <Paragraph>{t(locale, 'link.lead')}</Paragraph>
      <Action href={href}>{t(locale, 'link.action')}</Action>
      <Paragraph>{t(locale, 'link.lifetime')}</Paragraph>
      <Note>{t(locale, 'ignore')}</Note>
    </>
  ),
})

/** The code is not in the subject, which locked screens show. */
export const codeEmail = (
  { brandName: brand }: Brand,
  { to, locale, code }: Recipient & { code: string },
): Email => ({
  to,
  locale,
  subject: t(locale, 'code.subject', { brand }),
  body: (
    <>
      <Paragraph>{t(locale, 'code.lead')}</Paragraph>
      <Code>{code}</Code>
      <Paragraph>{t(locale, 'code.lifetime')}</Paragraph>
      <Note>{t(locale, 'ignore')}</Note>
    </>
  ),
})

/** That codes by e-mail are the second factor from now on. */
export const factorEmail = (
  { brandName: brand, publicUrl }: Pick<Config, 'brandName' | 'publicUrl'>,
  { to, locale }: Recipient,
): Email => ({
  to,
  locale,
  subject: t(locale, 'enabled.subject', { brand }),
  body: (
    <>
      <Paragraph>{t(locale, 'enabled.lead')}</Paragraph>
      <Paragraph>{t(locale, 'enabled.not_you')}</Paragraph>
      <Action href={`${publicUrl}/account/security`}>{t(locale, 'enabled.action')}</Action>
    </>
  ),
})
