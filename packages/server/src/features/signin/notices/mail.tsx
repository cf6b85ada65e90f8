/** The e-mail about a sign-in that was disowned: what was removed with it. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import { type Ended, EndedList } from '../planted/index.ts'

const t = texts({
  en: {
    subject: 'You reported a sign-in to {brand}',
    lead: 'You reported that a sign-in was not yours. All sessions have ended, and your password and your API keys no longer work.',
    reset: 'If you have not chosen a new password yet, request a link:',
    action: 'Choose a new password',
    note: 'Second factors from before that sign-in are unchanged.',
  },
  de: {
    subject: 'Sie haben eine Anmeldung bei {brand} gemeldet',
    lead: 'Sie haben gemeldet, dass eine Anmeldung nicht von Ihnen war. Alle Sitzungen sind beendet, und Ihr Passwort und Ihre API-Schlüssel gelten nicht mehr.',
    reset: 'Falls Sie noch kein neues Passwort gewählt haben, fordern Sie einen Link an:',
    action: 'Neues Passwort wählen',
    note: 'Zweite Faktoren aus der Zeit vor dieser Anmeldung bleiben, wie sie sind.',
  },
})

export const disownedEmail = (
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  { to, locale, ended }: { to: string; locale: Locale; ended: Ended },
): Email => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead')}</Paragraph>
      <EndedList locale={locale} ended={ended} />
      <Paragraph>{t(locale, 'reset')}</Paragraph>
      <Action href={`${config.publicUrl}/forgot-password`}>{t(locale, 'action')}</Action>
      <Note>{t(locale, 'note')}</Note>
    </>
  ),
})
