/** Texts about test sign-ins. */
import { texts } from '../../../base/page/index.ts'

export const testText = texts({
  en: {
    title: 'The test of {connection} succeeded',
    'failed.title': 'The test of {connection} failed',
    lead: 'This is what {connection} said, and what is made of it. No user was signed in.',
    'failed.lead': 'Nothing was changed, and no user was signed in.',
    'warning.no_address':
      'The provider named no e-mail address. People would have to enter one at their first sign-in and confirm it by e-mail. Let it send the address, or name the attribute that has it.',
    'warning.outside':
      'The address {email} is of no domain for which the connection speaks ({domains}). People with such an address do not become members by it. Test with an address of the organization, or add its domain.',
    back: 'Back',
    'gone.title': 'This page has expired',
    'gone.lead': 'Test the connection again.',
    'made.title': 'What is made of it',
    'made.subject': 'Permanent id',
    'made.email': 'E-mail',
    'made.email_verified': '{email} (counts as verified)',
    'made.email_unverified': '{email} (people confirm it themselves)',
    'made.full_name': 'Name',
    'made.username': 'Username',
    'made.groups': 'Groups',
    'made.none': 'Nothing',
    'made.unsaid': 'Not stated',
    'raw.title': 'What the provider said',
  },
  de: {
    title: 'Der Test von {connection} war erfolgreich',
    'failed.title': 'Der Test von {connection} ist fehlgeschlagen',
    lead: 'Das hat {connection} gesendet, und das wird daraus. Es wurde niemand angemeldet.',
    'failed.lead': 'Es wurde nichts geändert und niemand angemeldet.',
    'warning.no_address':
      'Der Anbieter hat keine E-Mail-Adresse genannt. Sie müsste bei der ersten Anmeldung eingegeben und per E-Mail bestätigt werden. Lassen Sie ihn die Adresse senden, oder nennen Sie das Attribut, das sie enthält.',
    'warning.outside':
      'Die Adresse {email} gehört zu keiner Domain, für die die Verbindung spricht ({domains}). Mit einer solchen Adresse wird man durch sie nicht Mitglied. Testen Sie mit einer Adresse der Organisation, oder fügen Sie deren Domain hinzu.',
    back: 'Zurück',
    'gone.title': 'Diese Seite ist abgelaufen',
    'gone.lead': 'Testen Sie die Verbindung noch einmal.',
    'made.title': 'Was daraus wird',
    'made.subject': 'Dauerhafte Kennung',
    'made.email': 'E-Mail',
    'made.email_verified': '{email} (gilt als bestätigt)',
    'made.email_unverified': '{email} (wird selbst bestätigt)',
    'made.full_name': 'Name',
    'made.username': 'Benutzername',
    'made.groups': 'Gruppen',
    'made.none': 'Nichts',
    'made.unsaid': 'Nicht angegeben',
    'raw.title': 'Was der Anbieter gesendet hat',
  },
})
