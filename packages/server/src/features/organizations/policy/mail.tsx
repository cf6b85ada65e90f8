/**
 * The e-mail about a second factor that an organization requires. The organization's name is text in the body, never
 * in the subject.
 */
import type { Locale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    subject: 'Set up a second factor at {brand}',
    'subject.due': 'You need a second factor at {brand}',
    'lead.require_any':
      'The organization “{organization}” requires a second factor: a passkey or an authenticator app. Your account does not have one yet.',
    'lead.require_totp':
      'The organization “{organization}” requires an authenticator app as a second factor. Your account does not have one yet.',
    'lead.require_passkey':
      'The organization “{organization}” requires a passkey. Your account does not have one yet.',
    until: 'Please set it up by {time}. After that, you cannot work in this organization without it.',
    due: 'The time to set it up has ended. At your next sign-in you set it up before you can continue.',
    action: 'Open the security settings',
  },
  de: {
    subject: 'Richten Sie bei {brand} einen zweiten Faktor ein',
    'subject.due': 'Sie brauchen bei {brand} einen zweiten Faktor',
    'lead.require_any':
      'Die Organisation „{organization}“ verlangt einen zweiten Faktor: einen Passkey oder eine Authenticator-App. Ihr Konto hat noch keinen.',
    'lead.require_totp':
      'Die Organisation „{organization}“ verlangt eine Authenticator-App als zweiten Faktor. Ihr Konto hat noch keine.',
    'lead.require_passkey':
      'Die Organisation „{organization}“ verlangt einen Passkey. Ihr Konto hat noch keinen.',
    until:
      'Bitte richten Sie ihn bis {time} ein. Danach können Sie ohne ihn nicht mehr in dieser Organisation arbeiten.',
    due: 'Die Frist ist abgelaufen. Bei Ihrer nächsten Anmeldung richten Sie ihn ein, bevor es weitergeht.',
    action: 'Sicherheitseinstellungen öffnen',
  },
})

export interface PolicyEmail {
  to: string
  locale: Locale
  organization: string
  mode: string
  dueAt: Date
  /** Whether the due date has passed. */
  isDue: boolean
}

export function policyEmail(
  { brandName: brand, publicUrl }: Pick<Config, 'publicUrl' | 'brandName'>,
  { to, locale, organization, mode, dueAt, isDue }: PolicyEmail,
): Email {
  const lead =
    mode === 'require_totp' || mode === 'require_passkey' ? (`lead.${mode}` as const) : 'lead.require_any'
  return {
    to,
    locale,
    subject: t(locale, isDue ? 'subject.due' : 'subject', { brand }),
    body: (
      <>
        <Paragraph>{t(locale, lead, { organization })}</Paragraph>
        <Paragraph>
          {isDue ? t(locale, 'due') : t(locale, 'until', { time: timeText(locale, dueAt) })}
        </Paragraph>
        <Action href={`${publicUrl}/account/security`}>{t(locale, 'action')}</Action>
        <Note>{`${brand} · ${publicUrl}`}</Note>
      </>
    ),
  }
}
