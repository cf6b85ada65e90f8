/** The email that confirms the deletion of an account. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    subject: 'Your account at {brand} has been deleted',
    lead: 'Your account and all personal data in it have been deleted, as you requested. This is the last e-mail about it.',
    note: 'This cannot be undone. You can sign up again at any time.',
  },
  de: {
    subject: 'Ihr Konto bei {brand} wurde gelöscht',
    lead: 'Ihr Konto und alle persönlichen Daten darin wurden wie gewünscht gelöscht. Dies ist die letzte E-Mail dazu.',
    note: 'Das lässt sich nicht rückgängig machen. Sie können sich jederzeit neu registrieren.',
  },
})

export const accountDeletedEmail = (
  config: Pick<Config, 'brandName'>,
  { to, locale }: { to: string; locale: Locale },
): Email => ({
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
