/** The e-mails about passkeys: added, removed, and refused because there seems to be a copy. */
import { type Call, findLocale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import type { User } from '../../identity/users/index.ts'

const t = texts({
  en: {
    'added.subject': 'A passkey was added to your account at {brand}',
    'added.lead': 'The passkey “{name}” was added to your account. It signs in without a password.',
    'added.what': 'If you did not add it, remove it, and change your password:',
    'removed.subject': 'A passkey was removed from your account at {brand}',
    'removed.lead':
      'The passkey “{name}” was removed from your account. It can no longer be used to sign in, and the other sessions that a passkey signed in to have ended.',
    'removed.what': 'If you did not remove it, check how your account can be signed in to:',
    'copied.subject': 'A passkey of your account at {brand} was refused',
    'copied.lead':
      'The passkey “{name}” was used, but its counter says that it has been used elsewhere in the meantime. There may be a copy of it, so it is refused from now on.',
    'copied.what': 'Remove it and add a new one:',
    details: 'Time: {time}. Address: {address}.',
    unknown: 'unknown',
    action: 'Check your passkeys',
  },
  de: {
    'added.subject': 'Ihrem Konto bei {brand} wurde ein Passkey hinzugefügt',
    'added.lead':
      'Der Passkey „{name}“ wurde Ihrem Konto hinzugefügt. Mit ihm kann man sich ohne Passwort anmelden.',
    'added.what': 'Wenn Sie ihn nicht hinzugefügt haben, entfernen Sie ihn, und ändern Sie Ihr Passwort:',
    'removed.subject': 'Ein Passkey Ihres Kontos bei {brand} wurde entfernt',
    'removed.lead':
      'Der Passkey „{name}“ wurde aus Ihrem Konto entfernt. Mit ihm kann man sich nicht mehr anmelden, und die anderen Sitzungen, die mit einem Passkey begonnen wurden, sind beendet.',
    'removed.what':
      'Wenn Sie ihn nicht entfernt haben, prüfen Sie, wie man sich bei Ihrem Konto anmelden kann:',
    'copied.subject': 'Ein Passkey Ihres Kontos bei {brand} wurde abgewiesen',
    'copied.lead':
      'Der Passkey „{name}“ wurde benutzt, aber sein Zähler besagt, dass er inzwischen anderswo benutzt wurde. Vielleicht gibt es eine Kopie; deshalb wird er ab jetzt abgewiesen.',
    'copied.what': 'Entfernen Sie ihn, und fügen Sie einen neuen hinzu:',
    details: 'Zeit: {time}. Adresse: {address}.',
    unknown: 'unbekannt',
    action: 'Passkeys prüfen',
  },
})

export function passkeyEmail(
  config: Pick<Config, 'publicUrl' | 'brandName'>,
  what: 'added' | 'removed' | 'copied',
  { user, name }: { user: Pick<User, 'email' | 'locale'>; name: string },
  call: Call,
): Email {
  const locale = findLocale(user.locale) ?? call.locale
  const time = timeText(locale, call.now)
  return {
    to: user.email,
    locale,
    subject: t(locale, `${what}.subject`, { brand: config.brandName }),
    body: (
      <>
        <Paragraph>{t(locale, `${what}.lead`, { name })}</Paragraph>
        <Note>{t(locale, 'details', { time, address: call.ip ?? t(locale, 'unknown') })}</Note>
        <Paragraph>{t(locale, `${what}.what`)}</Paragraph>
        <Action href={`${config.publicUrl}/account/security/passkeys`}>{t(locale, 'action')}</Action>
      </>
    ),
  }
}
