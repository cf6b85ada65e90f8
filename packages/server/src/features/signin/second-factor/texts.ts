/** Texts of the pages on which a second factor is proven or set up. */
import { texts } from '../../../base/page/index.ts'

export const secondFactorText = texts({
  en: {
    'prove.title': 'Confirm that it is you',
    'prove.button': 'Continue',
    'prove.others': 'Try another way:',
    'prove.remember_days': {
      one: 'Do not ask again on this device for {count} day',
      other: 'Do not ask again on this device for {count} days',
    },
    'prove.remember_hours': {
      one: 'Do not ask again on this device for {count} hour',
      other: 'Do not ask again on this device for {count} hours',
    },
    'enrol.title': 'Set up a second factor',
    'enrol.required': 'Your account must have a second factor. Set one up to continue.',
    'enrol.required_by': '{organization} requires a second factor. Set one up to continue.',
    'prove.required_by': '{organization} requires a second factor.',
    'enrol.button': 'Set up and continue',
    'enrol.others': 'Set up something else:',
    'enrol.none': 'This server offers no factor that meets the requirement. Ask your administrator.',
    'prove.none': 'There is no way to continue here. Ask your administrator.',
    'blocked.factor_refused':
      'Your second factor is refused: there may be a copy of your passkey, or it belongs to another site. Ask your administrator to reset your second factors.',
    'blocked.recent_reset':
      'Your password was reset by e-mail less than an hour ago. Until an hour has passed, a code by e-mail is not accepted as the second factor. Sign in again later, or ask your administrator.',
    'prove.lost': 'I have none of these',
    'prove.lost_lead':
      'Ask an administrator to reset your second factors. Afterwards you sign in with your password, and can set up new ones.',
    restart: 'Sign in as another user',
  },
  de: {
    'prove.title': 'Bestätigen Sie Ihre Identität',
    'prove.button': 'Weiter',
    'prove.others': 'Anders bestätigen:',
    'prove.remember_days': {
      one: 'Auf diesem Gerät {count} Tag lang nicht wieder fragen',
      other: 'Auf diesem Gerät {count} Tage lang nicht wieder fragen',
    },
    'prove.remember_hours': {
      one: 'Auf diesem Gerät {count} Stunde lang nicht wieder fragen',
      other: 'Auf diesem Gerät {count} Stunden lang nicht wieder fragen',
    },
    'enrol.title': 'Zweiten Faktor einrichten',
    'enrol.required': 'Ihr Konto braucht einen zweiten Faktor. Richten Sie einen ein, um fortzufahren.',
    'enrol.required_by':
      '{organization} verlangt einen zweiten Faktor. Richten Sie einen ein, um fortzufahren.',
    'prove.required_by': '{organization} verlangt einen zweiten Faktor.',
    'enrol.button': 'Einrichten und fortfahren',
    'enrol.others': 'Etwas anderes einrichten:',
    'enrol.none':
      'Dieser Server bietet keinen Faktor an, der die Anforderung erfüllt. Fragen Sie Ihre Administration.',
    'prove.none': 'Hier geht es nicht weiter. Fragen Sie Ihre Administration.',
    'blocked.factor_refused':
      'Ihr zweiter Faktor wird abgewiesen: Von Ihrem Passkey gibt es vielleicht eine Kopie, oder er gehört zu einer anderen Website. Bitten Sie Ihre Administration, Ihre zweiten Faktoren zurückzusetzen.',
    'blocked.recent_reset':
      'Ihr Passwort wurde vor weniger als einer Stunde per E-Mail zurückgesetzt. Bis eine Stunde vergangen ist, wird ein Code per E-Mail nicht als zweiter Faktor angenommen. Melden Sie sich später wieder an, oder fragen Sie Ihre Administration.',
    'prove.lost': 'Ich habe nichts davon',
    'prove.lost_lead':
      'Bitten Sie Ihre Administration, Ihre zweiten Faktoren zurückzusetzen. Danach melden Sie sich mit Ihrem Passwort an und können neue einrichten.',
    restart: 'Als andere Person anmelden',
  },
})
