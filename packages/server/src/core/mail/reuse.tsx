/** The e-mail about a refresh token that was used twice, which may have been copied: of our own, and of those of apps. */
import { type Call, findLocale, type Locale } from '../../base/call.ts'
import { texts, timeText } from '../../base/page/index.ts'
import type { Config } from '../../config.ts'
import { Action, Note, Paragraph } from './email.tsx'
import type { Email } from './index.ts'

const t = texts({
  en: {
    details: 'Time: {time}. Address: {address}.',
    unknown: 'unknown',
    action: 'Check your account',
  },
  de: {
    details: 'Zeit: {time}. Adresse: {address}.',
    unknown: 'unbekannt',
    action: 'Konto prüfen',
  },
})

/** What has ended, and what the user should do. */
export interface ReuseWords {
  subject: string
  lead: string
  what: string
}

/** @param page the page of the account that it leads to. @param words in the language of the user */
export function reuseEmail(
  config: Pick<Config, 'publicUrl'>,
  { email, locale: preferred }: { email: string; locale: string | null },
  call: Call,
  { page, words }: { page: '/account/sessions' | '/account/security'; words: (locale: Locale) => ReuseWords },
): Email {
  const locale = findLocale(preferred) ?? call.locale
  const { subject, lead, what } = words(locale)
  const details = { time: timeText(locale, call.now), address: call.ip ?? t(locale, 'unknown') }
  return {
    to: email,
    locale,
    subject,
    body: (
      <>
        <Paragraph>{lead}</Paragraph>
        <Note>{t(locale, 'details', details)}</Note>
        <Paragraph>{what}</Paragraph>
        <Action href={`${config.publicUrl}${page}`}>{t(locale, 'action')}</Action>
      </>
    ),
  }
}
