/** The e-mail to the owners of a deleted organization. The organization's name is text in the body, never in the subject. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Letter } from '../../../core/mail/index.ts'
import { Action, Note, Paragraph } from '../../../core/mail/letter.tsx'

const t = texts({
  en: {
    subject: 'An organization of yours at {brand} was deleted',
    lead: 'The organization “{organization}” at {brand} was deleted. Nobody can act in it any more.',
    grace: 'Its owners can restore it until {end} (UTC). After that it is gone for good.',
    action: 'See your organizations',
  },
  de: {
    subject: 'Eine Ihrer Organisationen bei {brand} wurde gelöscht',
    lead: 'Die Organisation „{organization}“ bei {brand} wurde gelöscht. Niemand kann mehr in ihr handeln.',
    grace: 'Wem sie gehört, kann sie bis {end} (UTC) wiederherstellen. Danach ist sie endgültig fort.',
    action: 'Ihre Organisationen',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

const minuteOf = (at: Date): string => at.toISOString().slice(0, 16).replace('T', ' ')

export const organizationDeletedEmail = (
  config: Brand,
  { to, locale, name, purgeAt }: { to: string; locale: Locale; name: string; purgeAt: Date },
): Letter => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead', { organization: name, brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/account/organizations`}>{t(locale, 'action')}</Action>
      <Note>{t(locale, 'grace', { end: minuteOf(purgeAt) })}</Note>
    </>
  ),
})
