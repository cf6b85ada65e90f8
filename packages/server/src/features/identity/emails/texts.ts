/** Texts of the pages of e-mail verification. */
import { texts } from '../../../base/page/index.ts'

export const emailsText = texts({
  en: {
    'check.title': 'Check your e-mail',
    'check.lead': 'We have sent an e-mail to {address}. Open the link in it to confirm the address.',
    'check.spam': 'No e-mail after a minute or two? Check the spam folder, or send the e-mail again.',
    'check.resend': 'Send the e-mail again',
    'check.resent': 'If the address is waiting to be confirmed, a new e-mail is on its way.',
    'check.other': 'Use another address',
    'check.sign_in': 'Back to sign-in',
    'confirm.title': 'Confirm your address',
    'confirm.lead': 'Is {address} your address?',
    'confirm.lead_unknown': 'Press the button to confirm your address.',
    'confirm.button': 'Confirm address',
    'confirm.unproven':
      'This address was not confirmed until now. Unless you are signed in here, everything that was set up in the account ends: password, connected accounts, second factors, API keys and sessions.',
    'confirm.connected':
      'Your address was entered by a person who signed in with the account below. If that was you, keep it: it signs you in.',
    'confirm.keep': 'It is mine: confirm and keep it',
    'confirm.drop': 'It is not mine: confirm without it',
    'confirm.not_you': 'If you did not create an account, close this page. Nothing changes.',
    'invalid.title_expired': 'This link has expired',
    'invalid.lead_expired': 'For your safety, links work for a limited time only.',
    'invalid.title': 'This link no longer works',
    'invalid.lead':
      'It was used already, was replaced by a newer one, or is incomplete. If you have confirmed your address already, sign in.',
    'invalid.email': 'E-mail address',
    'invalid.resend': 'Send a new e-mail',
    'verified.title': 'Your address is confirmed',
    'verified.lead': 'Thank you. You can sign in now.',
    'verified.lead_signed_in': 'Thank you. Your account is ready.',
    'verified.lead_dropped': 'The other account no longer signs in here. Set a password to sign in.',
    'verified.password': 'Set a password',
    'verified.sign_in': 'Sign in',
    'verified.account': 'Go to your account',
    'verified.continue': 'Continue',
  },
  de: {
    'check.title': 'Sehen Sie in Ihr Postfach',
    'check.lead':
      'Wir haben eine E-Mail an {address} geschickt. Öffnen Sie den Link darin, um die Adresse zu bestätigen.',
    'check.spam':
      'Nach ein, zwei Minuten keine E-Mail? Sehen Sie im Spam-Ordner nach, oder senden Sie die E-Mail erneut.',
    'check.resend': 'E-Mail erneut senden',
    'check.resent': 'Falls die Adresse auf Bestätigung wartet, ist eine neue E-Mail unterwegs.',
    'check.other': 'Andere Adresse verwenden',
    'check.sign_in': 'Zurück zur Anmeldung',
    'confirm.title': 'E-Mail-Adresse bestätigen',
    'confirm.lead': 'Ist {address} Ihre Adresse?',
    'confirm.lead_unknown': 'Klicken Sie auf die Schaltfläche, um Ihre Adresse zu bestätigen.',
    'confirm.button': 'Adresse bestätigen',
    'confirm.unproven':
      'Diese Adresse wurde bisher nicht bestätigt. Wenn Sie hier nicht angemeldet sind, endet alles, was im Konto eingerichtet wurde: Passwort, verbundene Konten, zweite Faktoren, API-Schlüssel und Sitzungen.',
    'confirm.connected':
      'Ihre Adresse wurde bei einer Anmeldung mit dem unten genannten Konto eingegeben. Wenn Sie das waren, behalten Sie es: Damit melden Sie sich an.',
    'confirm.keep': 'Es ist meines: bestätigen und behalten',
    'confirm.drop': 'Es ist nicht meines: ohne dieses bestätigen',
    'confirm.not_you':
      'Falls Sie kein Konto angelegt haben, schließen Sie diese Seite. Es ändert sich nichts.',
    'invalid.title_expired': 'Dieser Link ist abgelaufen',
    'invalid.lead_expired': 'Zu Ihrer Sicherheit gelten Links nur für begrenzte Zeit.',
    'invalid.title': 'Dieser Link gilt nicht mehr',
    'invalid.lead':
      'Er wurde schon benutzt, durch einen neueren ersetzt oder ist unvollständig. Falls Sie Ihre Adresse bereits bestätigt haben, melden Sie sich an.',
    'invalid.email': 'E-Mail-Adresse',
    'invalid.resend': 'Neue E-Mail senden',
    'verified.title': 'Ihre Adresse ist bestätigt',
    'verified.lead': 'Vielen Dank. Sie können sich jetzt anmelden.',
    'verified.lead_signed_in': 'Vielen Dank. Ihr Konto ist bereit.',
    'verified.lead_dropped':
      'Mit dem anderen Konto kann man sich hier nicht mehr anmelden. Legen Sie ein Passwort fest, um sich anzumelden.',
    'verified.password': 'Passwort festlegen',
    'verified.sign_in': 'Anmelden',
    'verified.account': 'Zu Ihrem Konto',
    'verified.continue': 'Weiter',
  },
})
