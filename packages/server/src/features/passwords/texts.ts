/** What the pages of a forgotten password say. */
import { texts } from '../../base/page/index.ts'

export const passwordsText = texts({
  en: {
    'forgot.title': 'Forgot your password?',
    'forgot.lead': 'Enter your e-mail address. We send you a link with which you choose a new one.',
    'forgot.email': 'E-mail address',
    'forgot.button': 'Send the link',
    'forgot.back': 'Back to sign-in',
    'sent.title': 'Check your mail',
    'sent.lead': 'If there is an account for {address}, an e-mail with a link is on its way.',
    'sent.spam': 'Nothing there after a minute or two? Have a look at the spam folder, or try again.',
    'sent.again': 'Try again',
    'reset.title': 'Choose a new password',
    'reset.lead': 'For {address}. Everywhere you are signed in, you will be signed out.',
    'reset.lead_unknown': 'Everywhere you are signed in, you will be signed out.',
    'reset.password': 'New password',
    'reset.confirm': 'Repeat the new password',
    'reset.button': 'Save password',
    'invalid.title_expired': 'This link has expired',
    'invalid.lead_expired': 'For your safety, links work for a limited time only. Ask for a new one.',
    'invalid.title': 'This link does not work any more',
    'invalid.lead': 'It was used already, replaced by a newer one, or is not complete. Ask for a new one.',
    'invalid.button': 'Ask for a new link',
  },
  de: {
    'forgot.title': 'Passwort vergessen?',
    'forgot.lead':
      'Geben Sie Ihre E-Mail-Adresse ein. Wir senden Ihnen einen Link, mit dem Sie ein neues wählen.',
    'forgot.email': 'E-Mail-Adresse',
    'forgot.button': 'Link senden',
    'forgot.back': 'Zurück zur Anmeldung',
    'sent.title': 'Sehen Sie in Ihr Postfach',
    'sent.lead': 'Falls es ein Konto für {address} gibt, ist eine E-Mail mit einem Link unterwegs.',
    'sent.spam':
      'Nach ein, zwei Minuten nichts da? Sehen Sie im Spam-Ordner nach, oder versuchen Sie es noch einmal.',
    'sent.again': 'Noch einmal versuchen',
    'reset.title': 'Neues Passwort wählen',
    'reset.lead': 'Für {address}. Überall, wo Sie angemeldet sind, werden Sie abgemeldet.',
    'reset.lead_unknown': 'Überall, wo Sie angemeldet sind, werden Sie abgemeldet.',
    'reset.password': 'Neues Passwort',
    'reset.confirm': 'Neues Passwort wiederholen',
    'reset.button': 'Passwort speichern',
    'invalid.title_expired': 'Dieser Link ist abgelaufen',
    'invalid.lead_expired':
      'Zu Ihrer Sicherheit gelten Links nur für begrenzte Zeit. Fordern Sie einen neuen an.',
    'invalid.title': 'Dieser Link gilt nicht mehr',
    'invalid.lead':
      'Er wurde schon benutzt, durch einen neueren ersetzt oder ist unvollständig. Fordern Sie einen neuen an.',
    'invalid.button': 'Neuen Link anfordern',
  },
})
