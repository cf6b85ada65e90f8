/** Texts of the pages that the links in e-mails about sign-ins open. */
import { texts } from '../../../base/page/index.ts'

export const noticeText = texts({
  en: {
    'unlock.title': 'End the lock-out?',
    'unlock.lead':
      'Your account is locked here after failed sign-ins. You can end that for this device and this network.',
    'unlock.button': 'End the lock-out',
    'unlock.done_title': 'The lock-out has ended',
    'unlock.done_lead': 'You can sign in again.',
    'unlock.next': 'Sign in',
    'not_me.title': 'Was this sign-in not yours?',
    'not_me.lead':
      'All your sessions and API keys end, the devices that you have used are forgotten, and your password stops working. Second factors that were set up since that sign-in are removed, others stay. Then choose a new password.',
    'not_me.button': 'It was not me',
    'not_me.cancel': 'If the sign-in was yours, close this page. Nothing changes.',
    'not_me.done_title': 'Your account is yours again',
    'not_me.done_lead': 'All sessions and API keys have ended, and the old password does not work any more.',
    'not_me.next': 'Choose a new password',
    'invalid.title': 'This link no longer works',
    'invalid.title_expired': 'This link has expired',
    'invalid.lead': 'It was used already, or it is incomplete.',
    'invalid.lead_expired': 'For your safety, links work for a limited time only.',
    'invalid.next': 'Sign in',
  },
  de: {
    'unlock.title': 'Sperre aufheben?',
    'unlock.lead':
      'Ihr Konto ist hier nach fehlgeschlagenen Anmeldungen gesperrt. Sie können das für dieses Gerät und dieses Netz aufheben.',
    'unlock.button': 'Sperre aufheben',
    'unlock.done_title': 'Die Sperre ist aufgehoben',
    'unlock.done_lead': 'Sie können sich wieder anmelden.',
    'unlock.next': 'Anmelden',
    'not_me.title': 'War diese Anmeldung nicht von Ihnen?',
    'not_me.lead':
      'Alle Ihre Sitzungen und API-Schlüssel enden, die benutzten Geräte werden vergessen, und Ihr Passwort gilt nicht mehr. Zweite Faktoren, die seit dieser Anmeldung eingerichtet wurden, werden entfernt, andere bleiben. Danach wählen Sie ein neues Passwort.',
    'not_me.button': 'Das war ich nicht',
    'not_me.cancel': 'Wenn Sie sich angemeldet haben, schließen Sie diese Seite. Nichts ändert sich.',
    'not_me.done_title': 'Ihr Konto gehört wieder Ihnen',
    'not_me.done_lead':
      'Alle Sitzungen und API-Schlüssel sind beendet, und das alte Passwort gilt nicht mehr.',
    'not_me.next': 'Neues Passwort wählen',
    'invalid.title': 'Dieser Link gilt nicht mehr',
    'invalid.title_expired': 'Dieser Link ist abgelaufen',
    'invalid.lead': 'Er wurde schon benutzt, oder er ist unvollständig.',
    'invalid.lead_expired': 'Zu Ihrer Sicherheit gelten Links nur für begrenzte Zeit.',
    'invalid.next': 'Anmelden',
  },
})
