/** The letter that confirms a deleted account. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Letter } from '../../../core/mail/index.ts'
import { Note, Paragraph } from '../../../core/mail/letter.tsx'

const t = texts({
  en: {
    subject: 'Your account at {brand} is deleted',
    lead: 'Your account and everything personal in it are deleted, as you asked. This is the last e-mail about it.',
    note: 'It cannot be undone. You are welcome to sign up again at any time.',
  },
  de: {
    subject: 'Ihr Konto bei {brand} ist gelöscht',
    lead: 'Ihr Konto und alles Persönliche darin sind gelöscht, wie von Ihnen gewünscht. Dies ist die letzte E-Mail dazu.',
    note: 'Das lässt sich nicht rückgängig machen. Sie können sich jederzeit neu registrieren.',
  },
})

export const deletedLetter = (
  config: Pick<Config, 'brandName'>,
  { to, locale }: { to: string; locale: Locale },
): Letter => ({
  to,
  locale,
  subject: t(locale, 'subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'lead')}</Paragraph>
      <Note>{t(locale, 'note')}</Note>
    </>
  ),
})
