/** What the pages of signing up and of the first start say. */
import { texts } from '../../../base/page/index.ts'

export const registrationText = texts({
  en: {
    'field.full_name': 'Full name',
    'field.email': 'E-mail address',
    'field.password': 'Password',
    'field.password_confirm': 'Repeat the password',
    'sign_up.title': 'Create your account',
    'sign_up.button': 'Create account',
    'sign_up.known': 'Already have an account?',
    'sign_up.sign_in': 'Sign in',
    'setup.title': 'Welcome to {brand}',
    'setup.lead': 'This is the first account. It will be an administrator, with every permission.',
    'setup.button': 'Create administrator',
    'setup_invalid.title': 'This set-up link does not work any more',
    'setup_invalid.lead':
      'It works once, and for a limited time. While there is no administrator, every start of the server prints a new one.',
    'setup_invalid.sign_in': 'Go to sign-in',
  },
  de: {
    'field.full_name': 'Vor- und Nachname',
    'field.email': 'E-Mail-Adresse',
    'field.password': 'Passwort',
    'field.password_confirm': 'Passwort wiederholen',
    'sign_up.title': 'Konto anlegen',
    'sign_up.button': 'Konto anlegen',
    'sign_up.known': 'Sie haben schon ein Konto?',
    'sign_up.sign_in': 'Anmelden',
    'setup.title': 'Willkommen bei {brand}',
    'setup.lead': 'Dies ist das erste Konto. Es erhält die Administration mit allen Berechtigungen.',
    'setup.button': 'Administration anlegen',
    'setup_invalid.title': 'Dieser Einrichtungslink gilt nicht mehr',
    'setup_invalid.lead':
      'Er gilt einmal und für begrenzte Zeit. Solange es keine Administration gibt, zeigt jeder Start des Servers einen neuen.',
    'setup_invalid.sign_in': 'Zur Anmeldung',
  },
})
