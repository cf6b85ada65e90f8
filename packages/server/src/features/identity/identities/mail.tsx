/** The e-mails about an account at a provider that was connected or disconnected. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'linked.subject': '{connection} was connected to your account at {brand}',
    'linked.lead': 'From now on {account} at {connection} signs in to your account.',
    'linked.lead_unnamed': 'From now on an account at {connection} signs in to your account.',
    'linked.not_you':
      'If you did not expect this, disconnect it at once, change your password, and end your other sessions:',
    'unlinked.subject': '{connection} was disconnected from your account at {brand}',
    'unlinked.lead': '{account} at {connection} no longer signs in to your account.',
    'unlinked.lead_unnamed': 'Your account at {connection} no longer signs in to your account here.',
    'unlinked.not_you':
      'If you did not expect this, check how your account can be signed in to, and end your other sessions:',
    'kept.subject': '{connection} still signs in to your account at {brand}',
    'kept.lead':
      'You are not a member of the organization that administers {connection}. {account} still signs in to your account, because it is your only way to sign in.',
    'kept.lead_unnamed':
      'You are not a member of the organization that administers {connection}. Your account there still signs in to your account here, because it is your only way to sign in.',
    'kept.not_you':
      'Who administers the provider can sign in as you until you disconnect it. Set a password or connect another account first:',
    action: 'Connected accounts',
  },
  de: {
    'linked.subject': '{connection} wurde mit Ihrem Konto bei {brand} verbunden',
    'linked.lead': 'Ab jetzt kann man sich mit {account} bei {connection} an Ihrem Konto anmelden.',
    'linked.lead_unnamed': 'Ab jetzt kann man sich mit einem Konto bei {connection} an Ihrem Konto anmelden.',
    'linked.not_you':
      'Wenn Sie das nicht erwartet haben, trennen Sie die Verbindung sofort, ändern Sie Ihr Passwort und beenden Sie Ihre anderen Sitzungen:',
    'unlinked.subject': '{connection} wurde von Ihrem Konto bei {brand} getrennt',
    'unlinked.lead': 'Mit {account} bei {connection} kann man sich nicht mehr an Ihrem Konto anmelden.',
    'unlinked.lead_unnamed':
      'Mit Ihrem Konto bei {connection} kann man sich nicht mehr an Ihrem Konto hier anmelden.',
    'unlinked.not_you':
      'Wenn Sie das nicht erwartet haben, prüfen Sie, womit man sich an Ihrem Konto anmelden kann, und beenden Sie Ihre anderen Sitzungen:',
    'kept.subject': 'Mit {connection} kann man sich weiter an Ihrem Konto bei {brand} anmelden',
    'kept.lead':
      'Sie sind kein Mitglied der Organisation, die {connection} verwaltet. Mit {account} kann man sich weiter an Ihrem Konto anmelden, weil Sie keine andere Anmeldung haben.',
    'kept.lead_unnamed':
      'Sie sind kein Mitglied der Organisation, die {connection} verwaltet. Mit Ihrem Konto dort kann man sich weiter an Ihrem Konto hier anmelden, weil Sie keine andere Anmeldung haben.',
    'kept.not_you':
      'Wer den Anbieter verwaltet, kann sich als Sie anmelden, bis Sie die Verbindung trennen. Legen Sie zuerst ein Passwort fest oder verbinden Sie ein anderes Konto:',
    action: 'Verbundene Konten',
  },
})

interface IdentityNotice {
  to: string
  locale: Locale
  /** The name of the connection. */
  connection: string
  /** The address or name at the provider; null where it has stated none. */
  account: string | null
}

const notice =
  (what: 'linked' | 'unlinked' | 'kept') =>
  (
    config: Pick<Config, 'publicUrl' | 'brandName'>,
    { to, locale, connection, account }: IdentityNotice,
  ): Email => ({
    to,
    locale,
    subject: t(locale, `${what}.subject`, { connection, brand: config.brandName }),
    body: (
      <>
        <Paragraph>
          {account === null
            ? t(locale, `${what}.lead_unnamed`, { connection })
            : t(locale, `${what}.lead`, { account, connection })}
        </Paragraph>
        <Paragraph>{t(locale, `${what}.not_you`)}</Paragraph>
        <Action href={`${config.publicUrl}/account/connected`}>{t(locale, 'action')}</Action>
      </>
    ),
  })

/** `kept`: to a former member of the connection's organization who has no other way in. */
export const identityEmails = {
  linked: notice('linked'),
  unlinked: notice('unlinked'),
  kept: notice('kept'),
}
