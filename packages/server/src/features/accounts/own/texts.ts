/** The texts of the account pages. */
import { texts } from '../../../base/page/index.ts'

export const accountText = texts({
  en: {
    'field.full_name': 'Full name',
    'field.email': 'E-mail address',
    'field.username': 'Username',
    'field.locale': 'Language',
    'mail.not_configured':
      'E-mails are not sent, because no mail server is configured. Set LATCHKEY_SMTP_URL and restart the server.',
    'mail.failing':
      'The latest e-mails could not be delivered ({error}). Check LATCHKEY_SMTP_URL and the mail server; `latchkey doctor` tests the connection.',
    'mail.consequence': 'Until then, users cannot confirm an address or reset a password.',
    'account.title': 'Your account',
    'account.identity': 'Sign-in',
    'account.verified': 'Confirmed',
    'account.unverified': 'Not confirmed yet',
    'account.member_since': 'Member since',
    'account.pending_email': 'Waiting for confirmation: {email}',
    'account.change_email': 'Change e-mail address',
    'account.profile': 'Profile',
    'account.username_hint':
      '3 to 32 letters, digits, dots, hyphens or underscores. You can also sign in with it.',
    'account.locale_browser': 'Same as the browser',
    'account.save': 'Save profile',
    'account.saved': 'Profile saved.',
    'account.delete': 'Delete account',
    'account.delete_lead': 'Permanently deletes your account and all personal data in it.',
    'account.delete_link': 'Delete account …',
    'delete.title': 'Delete your account?',
    'delete.lead': 'This takes effect immediately and cannot be undone.',
    'delete.profile': 'Your profile, your address {email} and your password are deleted.',
    'delete.sessions': 'You are signed out on all devices.',
    'delete.apps': 'You can no longer use this account to sign in to apps, and its API keys stop working.',
    'delete.organization': 'The organization {name}, whose only member you are, is deleted too.',
    'delete.password': 'Your password, to confirm',
    'delete.button': 'Delete my account',
    'delete.cancel': 'Keep my account',
    'delete.hand_over': 'Choose another owner',
    'delete.kept.last_owner':
      'You are the only owner of an organization with other members. Make another member its owner, or delete the organization first.',
    'delete.kept.last_administrator':
      'You are the last administrator. Give another user the administrator role first.',
  },
  de: {
    'field.full_name': 'Vor- und Nachname',
    'field.email': 'E-Mail-Adresse',
    'field.username': 'Benutzername',
    'field.locale': 'Sprache',
    'mail.not_configured':
      'Es werden keine E-Mails gesendet, weil kein Mailserver eingerichtet ist. Setzen Sie LATCHKEY_SMTP_URL, und starten Sie den Server neu.',
    'mail.failing':
      'Die letzten E-Mails konnten nicht zugestellt werden ({error}). Prüfen Sie LATCHKEY_SMTP_URL und den Mailserver; `latchkey doctor` testet die Verbindung.',
    'mail.consequence': 'Bis dahin kann niemand eine Adresse bestätigen oder ein Passwort zurücksetzen.',
    'account.title': 'Ihr Konto',
    'account.identity': 'Anmeldung',
    'account.verified': 'Bestätigt',
    'account.unverified': 'Noch nicht bestätigt',
    'account.member_since': 'Dabei seit',
    'account.pending_email': 'Wartet auf Bestätigung: {email}',
    'account.change_email': 'E-Mail-Adresse ändern',
    'account.profile': 'Profil',
    'account.username_hint':
      '3 bis 32 Buchstaben, Ziffern, Punkte, Binde- oder Unterstriche. Auch damit können Sie sich anmelden.',
    'account.locale_browser': 'Wie im Browser',
    'account.save': 'Profil speichern',
    'account.saved': 'Profil gespeichert.',
    'account.delete': 'Konto löschen',
    'account.delete_lead': 'Löscht Ihr Konto und alle persönlichen Daten darin endgültig.',
    'account.delete_link': 'Konto löschen …',
    'delete.title': 'Ihr Konto löschen?',
    'delete.lead': 'Das geschieht sofort und lässt sich nicht rückgängig machen.',
    'delete.profile': 'Ihr Profil, Ihre Adresse {email} und Ihr Passwort werden gelöscht.',
    'delete.sessions': 'Sie werden auf allen Geräten abgemeldet.',
    'delete.apps':
      'Sie können sich mit diesem Konto nicht mehr bei Apps anmelden, und seine API-Schlüssel gelten nicht mehr.',
    'delete.organization':
      'Die Organisation {name}, deren einziges Mitglied Sie sind, wird ebenfalls gelöscht.',
    'delete.password': 'Ihr Passwort zur Bestätigung',
    'delete.button': 'Mein Konto löschen',
    'delete.cancel': 'Konto behalten',
    'delete.hand_over': 'Anderes Mitglied zum Inhaber machen',
    'delete.kept.last_owner':
      'Sie sind der einzige Inhaber einer Organisation mit weiteren Mitgliedern. Machen Sie zuerst ein anderes Mitglied zum Inhaber, oder löschen Sie die Organisation.',
    'delete.kept.last_administrator':
      'Sie sind die letzte Person in der Administration. Geben Sie zuerst einer anderen Person diese Rolle.',
  },
})
