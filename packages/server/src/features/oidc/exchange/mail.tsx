/** The e-mail about an administrator who acts as a user. */
import { type Call, findLocale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import type { User } from '../../identity/users/index.ts'

const t = texts({
  en: {
    subject: 'An administrator uses {app} as you at {brand}',
    lead: 'An administrator of {brand} can use {app} as you for at most 15 minutes, for example to answer a question of yours. Your password was not needed for it, and is not known to them. The reason is in the log of {brand}.',
    details: 'Time: {time}.',
    what: 'If you did not expect this, ask the people who run {brand}.',
  },
  de: {
    subject: 'Bei {brand} verwendet ein Administrator {app} in Ihrem Namen',
    lead: 'Ein Administrator von {brand} kann {app} für höchstens 15 Minuten in Ihrem Namen verwenden, zum Beispiel um eine Frage von Ihnen zu beantworten. Ihr Passwort wurde dafür nicht gebraucht und ist ihm nicht bekannt. Der Grund steht im Protokoll von {brand}.',
    details: 'Zeit: {time}.',
    what: 'Wenn Sie das nicht erwartet haben, fragen Sie die Betreiber von {brand}.',
  },
})

/** @param app its name */
export function impersonationEmail(
  { brandName: brand }: Pick<Config, 'brandName'>,
  user: Pick<User, 'email' | 'locale'>,
  call: Call,
  app: string,
): Email {
  const locale = findLocale(user.locale) ?? call.locale
  return {
    to: user.email,
    locale,
    subject: t(locale, 'subject', { app, brand }),
    body: (
      <>
        <Paragraph>{t(locale, 'lead', { app, brand })}</Paragraph>
        <Note>{t(locale, 'details', { time: timeText(locale, call.now) })}</Note>
        <Paragraph>{t(locale, 'what', { brand })}</Paragraph>
      </>
    ),
  }
}
