/** E-mails about sign-ins from new devices and about lock-outs. */
import type { Locale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'device.subject': 'New sign-in to {brand}',
    'device.lead': 'Your account was used from a device we have not seen before.',
    'locked.subject': 'Failed sign-ins to {brand}',
    'locked.lead':
      'Several sign-ins to your account failed: the password or a code was wrong. Further attempts from there are refused for a while; devices you have used before still work.',
    'locked.more': 'There may be more such attempts: we send at most one e-mail an hour about them.',
    'second.subject': 'Wrong second factors at {brand}',
    'second.lead':
      'A wrong second factor was entered for your account several times, after the first step had succeeded by your password or your e-mail, or in one of your sessions. If it was not you, another person may know your password, read your e-mail or use your device.',
    details: 'Time: {time}. Device: {device}. Address: {address}.',
    unknown: 'unknown',
    you: 'If it was you, there is nothing to do. If not, change your password:',
    action: 'Check your account',
    'device.more': 'Or end all sessions and the password at once, by this link:',
    'device.link': 'This was not me',
    'locked.own': 'If you are locked out yourself, end the lock-out where you want to sign in:',
    'locked.link': 'End the lock-out',
  },
  de: {
    'device.subject': 'Neue Anmeldung bei {brand}',
    'device.lead': 'Ihr Konto wurde von einem Gerät benutzt, das wir noch nicht kennen.',
    'locked.subject': 'Fehlgeschlagene Anmeldungen bei {brand}',
    'locked.lead':
      'Mehrere Anmeldungen bei Ihrem Konto sind fehlgeschlagen: Das Passwort oder ein Code war falsch. Weitere Versuche von dort werden eine Zeit lang abgewiesen; Geräte, die Sie schon benutzt haben, funktionieren weiter.',
    'locked.more':
      'Es kann weitere solche Versuche geben: Wir senden darüber höchstens eine E-Mail in der Stunde.',
    'second.subject': 'Falsche zweite Faktoren bei {brand}',
    'second.lead':
      'Für Ihr Konto wurde mehrmals ein falscher zweiter Faktor eingegeben, nachdem der erste Schritt mit Ihrem Passwort oder per E-Mail gelungen war, oder in einer Ihrer Sitzungen. Wenn Sie das nicht waren, kennt eine andere Person vielleicht Ihr Passwort, liest Ihre E-Mails oder benutzt Ihr Gerät.',
    details: 'Zeit: {time}. Gerät: {device}. Adresse: {address}.',
    unknown: 'unbekannt',
    you: 'Wenn Sie das waren, ist nichts zu tun. Wenn nicht, ändern Sie Ihr Passwort:',
    action: 'Konto prüfen',
    'device.more': 'Oder beenden Sie mit diesem Link sofort alle Sitzungen und das Passwort:',
    'device.link': 'Das war ich nicht',
    'locked.own':
      'Wenn Sie selbst ausgesperrt sind, heben Sie die Sperre dort auf, wo Sie sich anmelden möchten:',
    'locked.link': 'Sperre aufheben',
  },
})

export interface SignInNotice {
  userId: string
  to: string
  locale: Locale
  at: Date
  ip: string | null
  device: string | null
  /** The token of a link that disowns the sign-in or ends the lock-out; null for none. */
  token: string | null
}

/** The pages of `notices`, which is above this module. */
const PATHS = { device: '/not-me', locked: '/unlock' } as const

const notice =
  (what: 'device' | 'locked' | 'second') =>
  (config: Pick<Config, 'publicUrl' | 'brandName'>, about: SignInNotice): Email => {
    const { locale } = about
    const unknown = t(locale, 'unknown')
    return {
      to: about.to,
      locale,
      subject: t(locale, `${what}.subject`, { brand: config.brandName }),
      body: (
        <>
          <Paragraph>{t(locale, `${what}.lead`)}</Paragraph>
          <Note>
            {t(locale, 'details', {
              time: timeText(locale, about.at),
              device: about.device ?? unknown,
              address: about.ip ?? unknown,
            })}
          </Note>
          {what === 'device' ? null : <Note>{t(locale, 'locked.more')}</Note>}
          <Paragraph>{t(locale, 'you')}</Paragraph>
          <Action href={`${config.publicUrl}/account/security`}>{t(locale, 'action')}</Action>
          {about.token === null || what === 'second' ? null : (
            <>
              <Paragraph>{t(locale, what === 'device' ? 'device.more' : 'locked.own')}</Paragraph>
              <Action
                href={`${config.publicUrl}${PATHS[what]}?${new URLSearchParams({ token: about.token })}`}
              >
                {t(locale, `${what}.link`)}
              </Action>
            </>
          )}
        </>
      ),
    }
  }

export const newDeviceEmail = notice('device')
export const lockedEmail = notice('locked')
export const secondFactorEmail = notice('second')
