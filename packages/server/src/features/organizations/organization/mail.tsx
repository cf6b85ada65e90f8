/**
 * The e-mail to the owners of a deleted organization. The organization's name is text in the body, never in the
 * subject.
 */
import type { Locale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    subject: 'One of your organizations at {brand} was deleted',
    lead: 'The organization “{organization}” at {brand} was deleted. All its members have lost access.',
    grace: 'Its owners can restore it until {end}. After that it is deleted permanently.',
    action: 'View your organizations',
  },
  de: {
    subject: 'Eine Ihrer Organisationen bei {brand} wurde gelöscht',
    lead: 'Die Organisation „{organization}“ bei {brand} wurde gelöscht. Alle Mitglieder haben den Zugang verloren.',
    grace: 'Ihre Inhaber können sie bis {end} wiederherstellen. Danach wird sie endgültig gelöscht.',
    action: 'Ihre Organisationen ansehen',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

export const organizationDeletedEmail = (
  config: Brand,
  { to, locale, name, purgeAt }: { to: string; locale: Locale; name: string; purgeAt: Date },
): Email => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead', { organization: name, brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/account/organizations`}>{t(locale, 'action')}</Action>
      <Note>{t(locale, 'grace', { end: timeText(locale, purgeAt) })}</Note>
    </>
  ),
})
