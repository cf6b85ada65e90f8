/** Texts of the security page. */
import { texts } from '../../../base/page/index.ts'

export const securityText = texts({
  en: {
    title: 'Security',
    'recovery.title': 'Recovery',
    'recovery.summary': 'If you cannot sign in',
    'recovery.password': 'If you forget your password, we send a link to your e-mail address.',
    'email.link':
      'You can also sign in without your password, by a link that we send to your e-mail address.',
    'email.code':
      'You can also sign in without your password, by a code that we send to your e-mail address.',
    'email.both':
      'You can also sign in without your password, by a link or a code that we send to your e-mail address.',
    'recovery.factor':
      'If you lose your phone or your security key, sign in with a backup code. A link by e-mail does not replace a second factor.',
    'recovery.administrator':
      'If you have no backup code left, an administrator can remove the second factors of your account.',
    'recovery.sessions': 'Show where you are signed in',
  },
  de: {
    title: 'Sicherheit',
    'recovery.title': 'Wiederherstellung',
    'recovery.summary': 'Wenn Sie sich nicht anmelden können',
    'recovery.password': 'Wenn Sie Ihr Passwort vergessen, senden wir einen Link an Ihre E-Mail-Adresse.',
    'email.link':
      'Sie können sich auch ohne Passwort anmelden, mit einem Link, den wir an Ihre E-Mail-Adresse senden.',
    'email.code':
      'Sie können sich auch ohne Passwort anmelden, mit einem Code, den wir an Ihre E-Mail-Adresse senden.',
    'email.both':
      'Sie können sich auch ohne Passwort anmelden, mit einem Link oder einem Code, den wir an Ihre E-Mail-Adresse senden.',
    'recovery.factor':
      'Wenn Sie Ihr Telefon oder Ihren Sicherheitsschlüssel verlieren, melden Sie sich mit einem Backup-Code an. Ein Link per E-Mail ersetzt keinen zweiten Faktor.',
    'recovery.administrator':
      'Wenn Sie keinen Backup-Code mehr haben, kann die Administration die zweiten Faktoren Ihres Kontos entfernen.',
    'recovery.sessions': 'Zeigen, wo Sie angemeldet sind',
  },
})
