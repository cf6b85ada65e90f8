/** Texts of the pages of signing out at the request of an app. */
import { texts } from '../../../base/page/index.ts'

export const logoutText = texts({
  en: {
    'question.title': 'Sign out?',
    'question.lead': '{app} wants you to sign out.',
    'question.lead_unknown': 'An app wants you to sign out.',
    'question.account': 'You are signed in as {account}.',
    'question.other': 'Other apps that you have signed in to with this account are informed.',
    'question.sign_out': 'Sign out',
    'question.stay': 'Stay signed in',
    'done.title': 'You are signed out',
    'done.lead': 'On a shared computer, close the browser as well.',
    'done.continue': 'Continue to {app}',
    'done.again': 'Sign in again',
    'fault.id_token_hint': 'For developers: id_token_hint is no ID token of this server.',
    'fault.client_id': 'For developers: client_id names no active app, or not the one of the id_token_hint.',
    'fault.post_logout_redirect_uri':
      'For developers: post_logout_redirect_uri is not registered for the app exactly as it was sent.',
    'fault.no_app':
      'For developers: post_logout_redirect_uri needs an id_token_hint, or the client_id of the app.',
    'fault.documented': 'In the documentation of Latchkey: {file}, “{section}”.',
    'fault.expired': 'The request of the app has expired. You have not been led back to it.',
  },
  de: {
    'question.title': 'Abmelden?',
    'question.lead': '{app} möchte, dass Sie sich abmelden.',
    'question.lead_unknown': 'Eine App möchte, dass Sie sich abmelden.',
    'question.account': 'Sie sind angemeldet als {account}.',
    'question.other': 'Andere Apps, bei denen Sie mit diesem Konto angemeldet sind, werden benachrichtigt.',
    'question.sign_out': 'Abmelden',
    'question.stay': 'Angemeldet bleiben',
    'done.title': 'Sie sind abgemeldet',
    'done.lead': 'Schließen Sie an einem gemeinsam genutzten Computer auch den Browser.',
    'done.continue': 'Weiter zu {app}',
    'done.again': 'Wieder anmelden',
    'fault.id_token_hint': 'Für Entwickler: id_token_hint ist kein ID-Token dieses Servers.',
    'fault.client_id':
      'Für Entwickler: client_id nennt keine aktive App, oder eine andere als die des id_token_hint.',
    'fault.post_logout_redirect_uri':
      'Für Entwickler: post_logout_redirect_uri ist für die App nicht genau so eingetragen, wie sie gesendet wurde.',
    'fault.no_app':
      'Für Entwickler: post_logout_redirect_uri braucht einen id_token_hint oder die client_id der App.',
    'fault.documented': 'In der Dokumentation von Latchkey: {file}, „{section}“.',
    'fault.expired': 'Die Anfrage der App ist abgelaufen. Sie wurden nicht zu ihr zurückgeleitet.',
  },
})
