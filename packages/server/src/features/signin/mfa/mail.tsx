/** E-mails about second factors that were removed. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'removed.subject': 'A second factor of your account at {brand} was removed',
    'removed.lead':
      'A second factor was removed from your account. Devices that could skip it ask for it again, and the other sessions that it signed in to have ended.',
    'reset.subject': 'The second factors of your account at {brand} were reset',
    'reset.lead':
      'An administrator removed all second factors from your account, and all sessions have ended. Sign in with your password, and set up a second factor again.',
    not_you: 'If you did not expect this, change your password at once:',
    action: 'Check your account',
  },
  de: {
    'removed.subject': 'Ein zweiter Faktor Ihres Kontos bei {brand} wurde entfernt',
    'removed.lead':
      'Ein zweiter Faktor Ihres Kontos wurde entfernt. Geräte, auf denen er übersprungen wurde, verlangen ihn wieder, und die anderen Sitzungen, die mit ihm begonnen wurden, sind beendet.',
    'reset.subject': 'Die zweiten Faktoren Ihres Kontos bei {brand} wurden zurückgesetzt',
    'reset.lead':
      'Die Administration hat alle zweiten Faktoren Ihres Kontos entfernt, und alle Sitzungen sind beendet. Melden Sie sich mit Ihrem Passwort an, und richten Sie wieder einen zweiten Faktor ein.',
    not_you: 'Wenn Sie das nicht erwartet haben, ändern Sie sofort Ihr Passwort:',
    action: 'Konto prüfen',
  },
})

const notice =
  (what: 'removed' | 'reset') =>
  (
    config: Pick<Config, 'publicUrl' | 'brandName'>,
    { to, locale }: { to: string; locale: Locale },
  ): Email => ({
    to,
    locale,
    subject: t(locale, `${what}.subject`, { brand: config.brandName }),
    body: (
      <>
        <Paragraph>{t(locale, `${what}.lead`)}</Paragraph>
        <Paragraph>{t(locale, 'not_you')}</Paragraph>
        <Action href={`${config.publicUrl}/account/security`}>{t(locale, 'action')}</Action>
      </>
    ),
  })

export const factorsRemovedEmail = notice('removed')
export const factorsResetEmail = notice('reset')
