/** Texts of the pages of signing out. */
import { texts } from '../../../base/page/index.ts'

export const signOutText = texts({
  en: {
    'signed_out.title': 'You are signed out',
    'signed_out.lead': 'On a shared computer, close the browser as well.',
    'signed_out.provider':
      '{name} has not confirmed that your session there has ended. You may still be signed in there: sign out there as well.',
    'signed_out.continue': 'Continue',
    'signed_out.again': 'Sign in again',
    'sign_out.title': 'Sign out?',
    'sign_out.lead': 'You will have to sign in again on this device.',
    'sign_out.button': 'Sign out',
  },
  de: {
    'signed_out.title': 'Sie sind abgemeldet',
    'signed_out.lead': 'Schließen Sie an einem gemeinsam genutzten Computer auch den Browser.',
    'signed_out.provider':
      '{name} hat nicht bestätigt, dass Ihre Sitzung dort beendet ist. Möglicherweise sind Sie dort noch angemeldet: Melden Sie sich auch dort ab.',
    'signed_out.continue': 'Weiter',
    'signed_out.again': 'Wieder anmelden',
    'sign_out.title': 'Abmelden?',
    'sign_out.lead': 'Danach müssen Sie sich auf diesem Gerät neu anmelden.',
    'sign_out.button': 'Abmelden',
  },
})
