/** Texts of the pages between an app and its user, and where the documentation treats what ends on one. */
import { texts } from '../../../base/page/index.ts'
import type { PageReason } from './request.ts'

export interface DocumentedSection {
  file: string
  section: string
}

const APPS = 'docs/guides/apps.md'

/**
 * For the developers of the app, by file and section; null where the user alone can help. Not a link: the server does not serve its
 * guides, and may have no network.
 */
export const REQUEST_SECTIONS: Readonly<Record<PageReason, DocumentedSection | null>> = {
  unknown_app: { file: APPS, section: 'Adding one' },
  unusable_document: { file: 'docs/guides/apps-that-register-themselves.md', section: 'By a document' },
  unknown_address: { file: APPS, section: 'Redirect URIs' },
  no_address: { file: APPS, section: 'Redirect URIs' },
  malformed: { file: APPS, section: 'Pushing requests' },
  expired: null,
  other_browser: null,
}

export const authorizeText = texts({
  en: {
    'authorize.returning': 'Back to the app',
    'authorize.continue': 'Continue',
    'consent.title': 'Allow {app}?',
    'consent.lead': '{app} would like to use your account.',
    'consent.account': 'You are signed in as {account}.',
    'consent.other': 'Use another account',
    'consent.leads_to': 'Afterwards you are led to {host}.',
    'consent.unproven':
      'Any app on this device could have sent this request. Allow this only if you have just begun it yourself.',
    'consent.itself': 'The app has registered itself: its name, {app}, was not checked here.',
    'consent.by_document': 'The app calls itself {app}, which was not checked here. It is the app of:',
    'consent.of': 'An app of {organization}.',
    'consent.policy': 'Privacy policy',
    'consent.terms': 'Terms of service',
    'consent.allow': 'Allow',
    'consent.deny': 'Do not allow',
    'select.title': 'Which account for {app}?',
    'select.lead': '{app} lets you choose the account that you use there.',
    'select.continue': 'Continue with this account',
    'select.deny': 'Cancel',
    'refused.title': 'This app cannot sign you in',
    'refused.unknown_app': 'The address names no app that is known here, or one that was disabled.',
    'refused.unusable_document':
      'The app describes itself in a document that cannot be read just now, or that has a mistake.',
    'refused.unknown_address':
      'The app wants you to be led to an address that is not registered for it. You have not been led there.',
    'refused.no_address': 'The app does not say where you are to be led afterwards.',
    'refused.malformed': 'The address cannot be read.',
    'refused.advice':
      'Go back to the app and try again. If it happens again, tell the people who run the app: they find the reason in the documentation.',
    'expired.title': 'This sign-in has ended',
    'expired.lead': 'It took too long, or it was completed already. Go back to the app and begin again.',
    'other_browser.lead':
      'It was begun in another browser. Continue there, or go back to the app and begin again here.',
    'code.developers': 'For developers: {error}.',
    'code.documented': 'In the documentation of Latchkey: {file}, “{section}”.',
  },
  de: {
    'authorize.returning': 'Zurück zur App',
    'authorize.continue': 'Weiter',
    'consent.title': '{app} erlauben?',
    'consent.lead': '{app} möchte Ihr Konto verwenden.',
    'consent.account': 'Sie sind angemeldet als {account}.',
    'consent.other': 'Anderes Konto verwenden',
    'consent.leads_to': 'Danach werden Sie zu {host} geleitet.',
    'consent.unproven':
      'Welche App auf diesem Gerät fragt, lässt sich nicht feststellen. Erlauben Sie es nur, wenn Sie es gerade selbst begonnen haben.',
    'consent.itself': 'Die App hat sich selbst eingetragen: Ihr Name, {app}, wurde hier nicht geprüft.',
    'consent.by_document': 'Die App nennt sich {app}, was hier nicht geprüft wurde. Sie ist die App von:',
    'consent.of': 'Eine App von {organization}.',
    'consent.policy': 'Datenschutzerklärung',
    'consent.terms': 'Nutzungsbedingungen',
    'consent.allow': 'Erlauben',
    'consent.deny': 'Nicht erlauben',
    'select.title': 'Welches Konto für {app}?',
    'select.lead': '{app} lässt Sie wählen, welches Konto Sie dort verwenden.',
    'select.continue': 'Mit diesem Konto fortfahren',
    'select.deny': 'Abbrechen',
    'refused.title': 'Diese App kann Sie nicht anmelden',
    'refused.unknown_app':
      'Die Adresse nennt keine App, die hier bekannt ist, oder eine, die gesperrt wurde.',
    'refused.unusable_document':
      'Die App beschreibt sich in einem Dokument, das gerade nicht zu lesen oder nicht so ist, wie es sein muss.',
    'refused.unknown_address':
      'Die App will Sie zu einer Adresse leiten, die nicht für sie eingetragen ist. Sie wurden nicht dorthin geleitet.',
    'refused.no_address': 'Die App sagt nicht, wohin Sie danach geleitet werden sollen.',
    'refused.malformed': 'Die Adresse kann nicht gelesen werden.',
    'refused.advice':
      'Gehen Sie zurück zur App und versuchen Sie es noch einmal. Geschieht es wieder, wenden Sie sich an die Betreiber der App: sie finden den Grund in der Dokumentation.',
    'expired.title': 'Diese Anmeldung ist beendet',
    'expired.lead':
      'Sie hat zu lange gedauert oder wurde schon abgeschlossen. Gehen Sie zurück zur App und beginnen Sie neu.',
    'other_browser.lead':
      'Sie wurde in einem anderen Browser begonnen. Machen Sie dort weiter, oder gehen Sie zurück zur App und beginnen Sie hier neu.',
    'code.developers': 'Für Entwickler: {error}.',
    'code.documented': 'In der Dokumentation von Latchkey: {file}, „{section}“.',
  },
})
