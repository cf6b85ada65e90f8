/**
 * The letters of verifying an address. They may go to somebody who never asked, so nothing that a stranger typed can
 * be read in them: where to go on is sealed in the link.
 */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Letter } from '../../../core/mail/index.ts'
import { Action, Note, Paragraph } from '../../../core/mail/letter.tsx'

const t = texts({
  en: {
    subject: 'Verify your e-mail address for {brand}',
    lead: 'Somebody, hopefully you, signed up for {brand} with this address. Confirm that it is yours:',
    action: 'Verify address',
    lifetime: 'The link works once, for 24 hours.',
    'choice.subject': 'Choose a password for {brand}',
    'choice.lead':
      'This address was registered at {brand} more than once. Choose the password that counts; the other registrations end.',
    'choice.action': 'Choose a password',
    'choice.lifetime': 'The link works once, for one hour.',
    ignore: 'If it was not you, do nothing: without the confirmation the address belongs to nobody here.',
  },
  de: {
    subject: 'Bestätigen Sie Ihre E-Mail-Adresse für {brand}',
    lead: 'Jemand, hoffentlich Sie, hat sich mit dieser Adresse bei {brand} registriert. Bestätigen Sie, dass sie Ihnen gehört:',
    action: 'Adresse bestätigen',
    lifetime: 'Der Link gilt einmal und 24 Stunden lang.',
    'choice.subject': 'Wählen Sie ein Passwort für {brand}',
    'choice.lead':
      'Diese Adresse wurde bei {brand} mehrmals registriert. Wählen Sie das Passwort, das gelten soll; die anderen Registrierungen enden.',
    'choice.action': 'Passwort wählen',
    'choice.lifetime': 'Der Link gilt einmal und eine Stunde lang.',
    ignore:
      'Wenn Sie das nicht waren, tun Sie nichts: Ohne die Bestätigung gehört die Adresse hier niemandem.',
  },
})

export const verificationLetter = (
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  { to, token, locale, goOn }: { to: string; token: string; locale: Locale; goOn: string | null },
): Letter => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead', { brand: config.brandName })}</Paragraph>
      <Action
        href={`${config.publicUrl}/verify-email?${new URLSearchParams({ token, ...(goOn === null ? {} : { continue: goOn }) })}`}
      >
        {t(locale, 'action')}
      </Action>
      <Paragraph>{t(locale, 'lifetime')}</Paragraph>
      <Note>{t(locale, 'ignore')}</Note>
    </>
  ),
})

/** Where several registered the address: its owner chooses, whichever of them they are. */
export const choiceLetter = (
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  { to, token, locale }: { to: string; token: string; locale: Locale },
): Letter => ({
  to,
  locale,
  subject: t(locale, 'choice.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'choice.lead', { brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/reset-password?token=${token}`}>{t(locale, 'choice.action')}</Action>
      <Paragraph>{t(locale, 'choice.lifetime')}</Paragraph>
      <Note>{t(locale, 'ignore')}</Note>
    </>
  ),
})
