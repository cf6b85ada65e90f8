/**
 * The e-mails of verifying an address. The recipient may not have requested them, so they show no text that a stranger
 * typed; `href` has the place to return to encrypted (`emailLink`).
 */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    subject: 'Verify your e-mail address for {brand}',
    lead: 'This address was used to sign up for {brand}. If you signed up, confirm that the address is yours:',
    action: 'Verify address',
    lifetime: 'The link works once, for 24 hours.',
    'choice.subject': 'Choose a password for {brand}',
    'choice.lead':
      'This address was registered at {brand} more than once. Choose a password for your account; the other registrations are deleted.',
    'choice.action': 'Choose a password',
    'choice.lifetime': 'The link works once, for one hour.',
    ignore: 'If it was not you, you need not do anything: without the confirmation the registration expires.',
  },
  de: {
    subject: 'Bestätigen Sie Ihre E-Mail-Adresse für {brand}',
    lead: 'Mit dieser Adresse hat sich jemand bei {brand} registriert. Wenn Sie das waren, bestätigen Sie, dass die Adresse Ihnen gehört:',
    action: 'Adresse bestätigen',
    lifetime: 'Der Link gilt einmal und 24 Stunden lang.',
    'choice.subject': 'Wählen Sie ein Passwort für {brand}',
    'choice.lead':
      'Diese Adresse wurde bei {brand} mehrmals registriert. Wählen Sie ein Passwort für Ihr Konto; die anderen Registrierungen werden gelöscht.',
    'choice.action': 'Passwort wählen',
    'choice.lifetime': 'Der Link gilt einmal und eine Stunde lang.',
    ignore:
      'Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Ohne die Bestätigung verfällt die Registrierung.',
  },
})

export const verificationEmail = (
  config: Pick<Config, 'brandName'>,
  { to, href, locale }: { to: string; href: string; locale: Locale },
): Email => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead', { brand: config.brandName })}</Paragraph>
      <Action href={href}>{t(locale, 'action')}</Action>
      <Paragraph>{t(locale, 'lifetime')}</Paragraph>
      <Note>{t(locale, 'ignore')}</Note>
    </>
  ),
})

/** For an address with several registrations: the owner of the mailbox chooses a password. */
export const choiceEmail = (
  config: Pick<Config, 'brandName'>,
  { to, href, locale }: { to: string; href: string; locale: Locale },
): Email => ({
  to,
  locale,
  subject: t(locale, 'choice.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'choice.lead', { brand: config.brandName })}</Paragraph>
      <Action href={href}>{t(locale, 'choice.action')}</Action>
      <Paragraph>{t(locale, 'choice.lifetime')}</Paragraph>
      <Note>{t(locale, 'ignore')}</Note>
    </>
  ),
})
