/** Texts of the page that sends a kept form, and of the one that says that it was lost. */
import { texts } from '../../../base/page/index.ts'

export const stepUpText = texts({
  en: {
    'continue.title': 'Continue where you were',
    'continue.lead':
      'You have confirmed that it is you. What you started was kept, and takes effect when you continue.',
    'continue.partial':
      'You have confirmed that it is you. What you started was kept, except passwords, which you enter again.',
    'continue.button': 'Continue',
    'lost.title': 'Please enter it again',
    'lost.lead': 'What you had entered could not be kept. Nothing was sent or changed.',
    'lost.button': 'Back to the form',
  },
  de: {
    'continue.title': 'Fortfahren, wo Sie waren',
    'continue.lead':
      'Ihre Identität ist bestätigt. Was Sie begonnen haben, wurde aufbewahrt und wird ausgeführt, wenn Sie fortfahren.',
    'continue.partial':
      'Ihre Identität ist bestätigt. Was Sie begonnen haben, wurde aufbewahrt, außer Passwörtern, die Sie erneut eingeben.',
    'continue.button': 'Weiter',
    'lost.title': 'Bitte erneut eingeben',
    'lost.lead':
      'Ihre Eingaben konnten nicht aufbewahrt werden. Es wurde nichts gesendet und nichts geändert.',
    'lost.button': 'Zurück zum Formular',
  },
})
