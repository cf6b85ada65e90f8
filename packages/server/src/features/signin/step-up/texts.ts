/** Texts of the page that sends a kept form, and of the one that says that it was lost. */
import { texts } from '../../../base/page/index.ts'

export const stepUpText = texts({
  en: {
    'continue.title': 'Continue where you were',
    'continue.lead':
      'You have confirmed that it is you. What you entered was kept: it is sent when you continue.',
    'continue.partial':
      'You have confirmed that it is you. What you entered was kept, except passwords, which you enter again.',
    'continue.button': 'Continue',
    'continue.back': 'Do not send it',
    'lost.title': 'Please enter it again',
    'lost.lead': 'What you had entered could not be kept. Nothing was sent or changed.',
    'lost.button': 'Back to the form',
  },
  de: {
    'continue.title': 'Fortfahren, wo Sie waren',
    'continue.lead':
      'Ihre Identität ist bestätigt. Ihre Eingaben wurden aufbewahrt und werden gesendet, wenn Sie fortfahren.',
    'continue.partial':
      'Ihre Identität ist bestätigt. Ihre Eingaben wurden aufbewahrt, außer Passwörtern, die Sie erneut eingeben.',
    'continue.button': 'Weiter',
    'continue.back': 'Nicht senden',
    'lost.title': 'Bitte erneut eingeben',
    'lost.lead':
      'Ihre Eingaben konnten nicht aufbewahrt werden. Es wurde nichts gesendet und nichts geändert.',
    'lost.button': 'Zurück zum Formular',
  },
})
