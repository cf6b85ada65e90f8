/** Texts of the pages on which a second factor is proven or set up. */
import { texts } from '../../../base/page/index.ts'

export const secondFactorText = texts({
  en: {
    'prove.title': 'Confirm that it is you',
    'prove.button': 'Continue',
    'prove.others': 'Try another way:',
    'prove.remember': 'Do not ask again on this device',
    'enrol.title': 'Set up a second factor',
    'enrol.required': 'Your account must have a second factor. Set one up to continue.',
    'enrol.button': 'Set up and continue',
    'enrol.others': 'Set up something else:',
    'enrol.none': 'This server offers no factor that meets the requirement. Ask your administrator.',
    'prove.none': 'There is no way to continue here. Ask your administrator.',
    back: 'Back to sign-in',
  },
  de: {
    'prove.title': 'Bestätigen Sie Ihre Identität',
    'prove.button': 'Weiter',
    'prove.others': 'Anders bestätigen:',
    'prove.remember': 'Auf diesem Gerät nicht wieder fragen',
    'enrol.title': 'Zweiten Faktor einrichten',
    'enrol.required': 'Ihr Konto braucht einen zweiten Faktor. Richten Sie einen ein, um fortzufahren.',
    'enrol.button': 'Einrichten und fortfahren',
    'enrol.others': 'Etwas anderes einrichten:',
    'enrol.none':
      'Dieser Server bietet keinen Faktor an, der die Anforderung erfüllt. Fragen Sie Ihre Administration.',
    'prove.none': 'Hier geht es nicht weiter. Fragen Sie Ihre Administration.',
    back: 'Zurück zur Anmeldung',
  },
})
