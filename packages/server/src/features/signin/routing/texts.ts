/** Texts of the pages that lead to an organization's identity provider. */
import { texts } from '../../../base/page/index.ts'

export const routingText = texts({
  en: {
    'route.title': 'Sign in with {organization}',
    'route.required': 'People with an address of {domain} sign in with {connection}.',
    'route.optional': 'People with an address of {domain} can sign in with {connection}.',
    'route.button': 'Continue with {connection}',
    'route.password': 'Use your password instead',
    'route.change': 'Use another account',
  },
  de: {
    'route.title': 'Mit {organization} anmelden',
    'route.required': 'Wer eine Adresse von {domain} hat, meldet sich mit {connection} an.',
    'route.optional': 'Wer eine Adresse von {domain} hat, kann sich mit {connection} anmelden.',
    'route.button': 'Weiter mit {connection}',
    'route.password': 'Stattdessen das Passwort verwenden',
    'route.change': 'Anderes Konto verwenden',
  },
})
