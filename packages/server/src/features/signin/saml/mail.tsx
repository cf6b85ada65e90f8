/** The e-mail about a certificate that expires soon. */
import type { Locale } from '../../../base/call.ts'
import { timeText } from '../../../base/page/index.ts'
import { Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import type { CertificateState } from '../../../core/saml/index.ts'
import { samlText as t } from './texts.ts'

export interface ExpiringCertificate {
  /** The connection. */
  name: string
  metadataUrl: string
  certificate: CertificateState
  /** The warning: 30, 7 or 1. */
  days: number
}

export function certificateEmail(
  { to, locale }: { to: string; locale: Locale },
  { name, metadataUrl, certificate, days }: ExpiringCertificate,
): Email {
  const { owner, not_after: at } = certificate
  return {
    to,
    locale,
    subject: t(locale, 'expiry.subject', { name, count: days }),
    body: (
      <>
        <Paragraph>{t(locale, `expiry.${owner}`, { name, date: timeText(locale, at, 'day') })}</Paragraph>
        <Note>{t(locale, 'expiry.metadata', { url: metadataUrl })}</Note>
      </>
    ),
  }
}
