/**
 * The e-mails of a change of address. The recipient of the first may not know of the request, so none shows what a
 * stranger typed.
 */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import { type Ended, EndedList } from '../../signin/planted/index.ts'

const t = texts({
  en: {
    'confirm.subject': 'Confirm your new address for {brand}',
    'confirm.lead':
      'A user of {brand} wants to use this address for their account. If it was you, confirm that the address is yours:',
    'confirm.action': 'Confirm address',
    'confirm.lifetime':
      'The link works once, for 24 hours. Until then, sign in with the address that you have used so far.',
    'confirm.ignore': 'If it was not you, do nothing. Without the confirmation nothing changes.',
    'owned.subject': 'This address already has an account at {brand}',
    'owned.lead':
      'A user of {brand} wanted to use this address for another account. It belongs to your account already, and nothing was changed.',
    'owned.note':
      'If it was you: change the address of this account or delete it first. If it was not you, do nothing.',
    'changed.subject': 'The address of your account at {brand} was changed',
    'changed.lead':
      'The account that used this address has a new e-mail address, which was confirmed. It no longer signs in with this one.',
    'changed.undo':
      'If it was not you, undo the change. All sessions and API keys of the account end, and so do its password and the second factors that were set up since:',
    'changed.action': 'Undo the change',
    'changed.lifetime': 'The link works once, for seven days.',
    'changed.back': 'If you did not expect this, contact the operator of {brand}.',
    'undone.subject': 'The change of your address at {brand} was undone',
    'undone.lead':
      'Your account has this e-mail address again. All sessions and API keys have ended. Choose a new password; the old one, which the change required, no longer works:',
    'undone.action': 'Choose a new password',
    'undone.lifetime': 'The link works once, for one hour.',
    'removed.lead':
      'This address is no longer the address of an account at {brand}: the change was undone through an e-mail to the earlier address. All sessions have ended.',
  },
  de: {
    'confirm.subject': 'Bestätigen Sie Ihre neue Adresse für {brand}',
    'confirm.lead':
      'Jemand möchte diese Adresse für ein Konto bei {brand} verwenden. Wenn Sie das sind, bestätigen Sie, dass die Adresse Ihnen gehört:',
    'confirm.action': 'Adresse bestätigen',
    'confirm.lifetime':
      'Der Link gilt einmal und 24 Stunden lang. Bis dahin melden Sie sich mit der bisherigen Adresse an.',
    'confirm.ignore': 'Wenn Sie das nicht sind, tun Sie nichts. Ohne die Bestätigung ändert sich nichts.',
    'owned.subject': 'Diese Adresse hat bereits ein Konto bei {brand}',
    'owned.lead':
      'Jemand wollte diese Adresse für ein anderes Konto bei {brand} verwenden. Sie gehört bereits zu Ihrem Konto, und nichts wurde geändert.',
    'owned.note':
      'Wenn Sie das waren: Ändern Sie zuerst die Adresse dieses Kontos, oder löschen Sie es. Wenn Sie das nicht waren, tun Sie nichts.',
    'changed.subject': 'Die Adresse Ihres Kontos bei {brand} wurde geändert',
    'changed.lead':
      'Das Konto mit dieser Adresse hat eine neue E-Mail-Adresse, die bestätigt wurde. Mit dieser hier ist keine Anmeldung mehr möglich.',
    'changed.undo':
      'Wenn Sie das nicht waren, machen Sie die Änderung rückgängig. Alle Sitzungen und API-Schlüssel des Kontos enden dann, und das Passwort und die seitdem eingerichteten zweiten Faktoren gelten nicht mehr:',
    'changed.action': 'Änderung rückgängig machen',
    'changed.lifetime': 'Der Link gilt einmal und sieben Tage lang.',
    'changed.back': 'Wenn Sie das nicht erwartet haben, wenden Sie sich an den Betreiber von {brand}.',
    'undone.subject': 'Die Änderung Ihrer Adresse bei {brand} wurde rückgängig gemacht',
    'undone.lead':
      'Ihr Konto hat wieder diese E-Mail-Adresse. Alle Sitzungen und API-Schlüssel sind beendet. Wählen Sie ein neues Passwort; das alte, das die Änderung erforderte, gilt nicht mehr:',
    'undone.action': 'Neues Passwort wählen',
    'undone.lifetime': 'Der Link gilt einmal und eine Stunde lang.',
    'removed.lead':
      'Diese Adresse gehört nicht mehr zu einem Konto bei {brand}: Die Änderung wurde durch eine E-Mail an die frühere Adresse rückgängig gemacht. Alle Sitzungen sind beendet.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>
type To = { to: string; locale: Locale }

/** To the new address. */
export const confirmEmail = (config: Brand, { to, locale, token }: To & { token: string }): Email => ({
  to,
  locale,
  subject: t(locale, 'confirm.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'confirm.lead', { brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/email-change?token=${token}`}>{t(locale, 'confirm.action')}</Action>
      <Paragraph>{t(locale, 'confirm.lifetime')}</Paragraph>
      <Note>{t(locale, 'confirm.ignore')}</Note>
    </>
  ),
})

/** To the new address where it belongs to another account. */
export const addressOwnedEmail = (config: Brand, { to, locale }: To): Email => ({
  to,
  locale,
  subject: t(locale, 'owned.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'owned.lead', { brand: config.brandName })}</Paragraph>
      <Note>{t(locale, 'owned.note')}</Note>
    </>
  ),
})

/** To the old address; without a token where the change returned to an earlier address. */
export const changedEmail = (config: Brand, { to, locale, token }: To & { token: string | null }): Email => ({
  to,
  locale,
  subject: t(locale, 'changed.subject', { brand: config.brandName }),
  body:
    token === null ? (
      <>
        <Paragraph>{t(locale, 'changed.lead')}</Paragraph>
        <Note>{t(locale, 'changed.back', { brand: config.brandName })}</Note>
      </>
    ) : (
      <>
        <Paragraph>{t(locale, 'changed.lead')}</Paragraph>
        <Paragraph>{t(locale, 'changed.undo')}</Paragraph>
        <Action href={`${config.publicUrl}/email-change/undo?token=${token}`}>
          {t(locale, 'changed.action')}
        </Action>
        <Paragraph>{t(locale, 'changed.lifetime')}</Paragraph>
      </>
    ),
})

/** To the restored address, with a link to choose a new password; without a token to the address that was removed. */
export const undoneEmail = (
  config: Brand,
  { to, locale, token, ended }: To & { token: string | null; ended: Ended },
): Email => ({
  to,
  locale,
  subject: t(locale, 'undone.subject', { brand: config.brandName }),
  body:
    token === null ? (
      <>
        <Paragraph>{t(locale, 'removed.lead', { brand: config.brandName })}</Paragraph>
        <Note>{t(locale, 'changed.back', { brand: config.brandName })}</Note>
      </>
    ) : (
      <>
        <Paragraph>{t(locale, 'undone.lead')}</Paragraph>
        <Action href={`${config.publicUrl}/reset-password?token=${token}`}>
          {t(locale, 'undone.action')}
        </Action>
        <Paragraph>{t(locale, 'undone.lifetime')}</Paragraph>
        <EndedList locale={locale} ended={ended} />
      </>
    ),
})
