/** The texts of the pages of sign-up and set-up. */
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
    'external.organization': 'Organization of {name}',
    'setup.title': 'Welcome to {brand}',
    'setup.lead': 'This is the first account. It gets the administrator role, with all permissions.',
    'setup.button': 'Create administrator',
    'setup_invalid.title': 'This set-up link is no longer valid',
    'setup_invalid.lead':
      'The link works once, and for a limited time. Until an administrator exists, each start of the server prints a new link.',
    'setup_invalid.exists':
      'An administrator exists already. Sign in, or ask the administrator for an account.',
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
    'external.organization': 'Organisation von {name}',
    'setup.title': 'Willkommen bei {brand}',
    'setup.lead':
      'Dies ist das erste Konto. Es erhält die Rolle der Administration mit allen Berechtigungen.',
    'setup.button': 'Konto der Administration anlegen',
    'setup_invalid.title': 'Dieser Einrichtungslink ist nicht mehr gültig',
    'setup_invalid.lead':
      'Der Link gilt einmal und für begrenzte Zeit. Solange es kein Konto der Administration gibt, zeigt jeder Start des Servers einen neuen Link.',
    'setup_invalid.exists':
      'Es gibt bereits ein Konto der Administration. Melden Sie sich an, oder bitten Sie die Administration um ein Konto.',
    'setup_invalid.sign_in': 'Zur Anmeldung',
  },
})
