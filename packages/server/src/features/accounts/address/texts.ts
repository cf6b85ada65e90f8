/** The texts of the pages of a change of address. */
import { texts } from '../../../base/page/index.ts'

export const addressText = texts({
  en: {
    title: 'Change your e-mail address',
    'section.title': 'E-mail',
    'section.lead': 'Links to reset your password and reports of new devices are sent to {email}.',
    lead: 'Your address is {email}. We send a link to the new one. Until you open it, you sign in with the present address.',
    'field.email': 'New e-mail address',
    'field.password': 'Your password, to confirm',
    'form.button': 'Send the link',
    'form.back': 'Back to your account',
    'pending.title': 'Waiting for confirmation',
    'pending.lead': 'We have sent a link to {email}. The new address counts once you open it.',
    'pending.until': 'The link works until {time}.',
    'pending.cancel': 'Withdraw the change',
    'pending.again': 'Change to another address',
    cancelled: 'The change was withdrawn. Your address is unchanged.',
    'confirm.title': 'Confirm your new address',
    'confirm.lead': 'Use {email} for your account from now on?',
    'confirm.button': 'Confirm address',
    'confirm.not_you': 'If you did not request this, close this page. Nothing changes.',
    'confirm.taken':
      'This address belongs to another account by now. The address of your account is unchanged.',
    'done.title': 'Your address was changed',
    'done.lead':
      'From now on, sign in with the new address. We have told the old one; the change can be undone from there for seven days.',
    'done.account': 'Go to your account',
    'undo.title': 'Undo the change of your address?',
    'undo.lead':
      'Your account gets the address back that this link was sent to. All its sessions and API keys end, and so do its password and the second factors that were set up since.',
    'undo.button': 'Undo the change',
    'undo.not_you': 'If you changed the address yourself, close this page. Nothing changes.',
    'undone.title': 'The change was undone',
    'undone.lead':
      'Your account has its earlier address again. All sessions and API keys have ended. Choose a new password now: the old one, which the change required, no longer works.',
    'undone.reset': 'Choose a new password',
    'invalid.title': 'This link no longer works',
    'invalid.title_expired': 'This link has expired',
    'invalid.lead':
      'It was used already, was replaced by a newer one, or is incomplete. Your address is shown in your account.',
    'invalid.lead_expired': 'For your safety, links work for a limited time only.',
  },
  de: {
    title: 'E-Mail-Adresse ändern',
    'section.title': 'E-Mail',
    'section.lead': 'Links zum Zurücksetzen des Passworts und Meldungen über neue Geräte gehen an {email}.',
    lead: 'Ihre Adresse ist {email}. Wir senden einen Link an die neue. Bis Sie ihn öffnen, melden Sie sich mit der jetzigen Adresse an.',
    'field.email': 'Neue E-Mail-Adresse',
    'field.password': 'Ihr Passwort zur Bestätigung',
    'form.button': 'Link senden',
    'form.back': 'Zurück zu Ihrem Konto',
    'pending.title': 'Wartet auf Bestätigung',
    'pending.lead': 'Wir haben einen Link an {email} gesendet. Die neue Adresse gilt, sobald Sie ihn öffnen.',
    'pending.until': 'Der Link gilt bis {time}.',
    'pending.cancel': 'Änderung zurückziehen',
    'pending.again': 'Zu einer anderen Adresse wechseln',
    cancelled: 'Die Änderung wurde zurückgezogen. Ihre Adresse bleibt, wie sie ist.',
    'confirm.title': 'Neue Adresse bestätigen',
    'confirm.lead': 'Möchten Sie künftig {email} für Ihr Konto verwenden?',
    'confirm.button': 'Adresse bestätigen',
    'confirm.not_you':
      'Falls Sie das nicht angefordert haben, schließen Sie diese Seite. Es ändert sich nichts.',
    'confirm.taken':
      'Diese Adresse gehört inzwischen zu einem anderen Konto. Die Adresse Ihres Kontos bleibt, wie sie ist.',
    'done.title': 'Ihre Adresse wurde geändert',
    'done.lead':
      'Melden Sie sich künftig mit der neuen Adresse an. Die bisherige haben wir benachrichtigt; von dort lässt sich die Änderung sieben Tage lang rückgängig machen.',
    'done.account': 'Zu Ihrem Konto',
    'undo.title': 'Änderung Ihrer Adresse rückgängig machen?',
    'undo.lead':
      'Ihr Konto erhält die Adresse zurück, an die dieser Link gesendet wurde. Alle Sitzungen und API-Schlüssel enden, und das Passwort und die seitdem eingerichteten zweiten Faktoren gelten nicht mehr.',
    'undo.button': 'Änderung rückgängig machen',
    'undo.not_you':
      'Falls Sie die Adresse selbst geändert haben, schließen Sie diese Seite. Es ändert sich nichts.',
    'undone.title': 'Die Änderung wurde rückgängig gemacht',
    'undone.lead':
      'Ihr Konto hat wieder die frühere Adresse. Alle Sitzungen und API-Schlüssel sind beendet. Wählen Sie jetzt ein neues Passwort: Das alte, das die Änderung erforderte, gilt nicht mehr.',
    'undone.reset': 'Neues Passwort wählen',
    'invalid.title': 'Dieser Link gilt nicht mehr',
    'invalid.title_expired': 'Dieser Link ist abgelaufen',
    'invalid.lead':
      'Er wurde schon benutzt, durch einen neueren ersetzt oder ist unvollständig. Ihre Adresse steht in Ihrem Konto.',
    'invalid.lead_expired': 'Zu Ihrer Sicherheit gelten Links nur für begrenzte Zeit.',
  },
})
