/** E-mails about backup codes. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

/** From this number on, the e-mail about a used code suggests new ones. */
const FEW = 3

const t = texts({
  en: {
    'made.subject': 'New backup codes for your account at {brand}',
    'made.lead': 'New backup codes were created for your account. Earlier ones no longer work.',
    'used.subject': 'A backup code for {brand} was used',
    'used.lead': 'A backup code was used to sign in to your account.',
    'used.left': { one: '{count} code is left.', other: '{count} codes are left.' },
    'used.none': 'It was the last one.',
    'used.few': 'Create new codes before you need one:',
    not_you: 'If it was not you, change your password, and create new codes:',
    'codes.action': 'Create new codes',
    'account.action': 'Check your account',
  },
  de: {
    'made.subject': 'Neue Backup-Codes für Ihr Konto bei {brand}',
    'made.lead': 'Für Ihr Konto wurden neue Backup-Codes erzeugt. Frühere gelten nicht mehr.',
    'used.subject': 'Ein Backup-Code für {brand} wurde benutzt',
    'used.lead': 'Bei Ihrem Konto wurde ein Backup-Code zur Anmeldung benutzt.',
    'used.left': { one: '{count} Code ist übrig.', other: '{count} Codes sind übrig.' },
    'used.none': 'Es war der letzte.',
    'used.few': 'Erzeugen Sie neue Codes, bevor Sie einen brauchen:',
    not_you: 'Wenn Sie das nicht waren, ändern Sie Ihr Passwort, und erzeugen Sie neue Codes:',
    'codes.action': 'Neue Codes erzeugen',
    'account.action': 'Konto prüfen',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>
interface Recipient {
  to: string
  locale: Locale
}

export const codesMadeEmail = (config: Brand, { to, locale }: Recipient): Email => ({
  to,
  locale,
  subject: t(locale, 'made.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'made.lead')}</Paragraph>
      <Paragraph>{t(locale, 'not_you')}</Paragraph>
      <Action href={`${config.publicUrl}/account/security`}>{t(locale, 'account.action')}</Action>
    </>
  ),
})

export const codeUsedEmail = (config: Brand, { to, locale, left }: Recipient & { left: number }): Email => ({
  to,
  locale,
  subject: t(locale, 'used.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>
        {t(locale, 'used.lead')} {left > 0 ? t(locale, 'used.left', { count: left }) : t(locale, 'used.none')}
      </Paragraph>
      <Paragraph>{t(locale, left <= FEW ? 'used.few' : 'not_you')}</Paragraph>
      <Action href={`${config.publicUrl}/account/security/backup-codes`}>{t(locale, 'codes.action')}</Action>
      {left <= FEW ? <Paragraph>{t(locale, 'not_you')}</Paragraph> : null}
    </>
  ),
})
