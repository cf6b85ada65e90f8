/** Texts of the pages of an organization's domains. */
import { texts } from '../../../base/page/index.ts'

export const domainText = texts({
  en: {
    'list.title': 'Domains',
    'list.lead':
      'The domains of your organization’s e-mail addresses. Once a domain is verified, your own sign-in can be used for it.',
    'list.none': 'No domains yet.',
    'list.show': 'Open',
    'list.show_one': 'Open {domain}',
    'list.since': 'Verified on {time}',
    'state.verified': 'Verified',
    'state.pending': 'Not verified',
    'state.warning': 'Check fails',
    'add.title': 'Add a domain',
    'add.lead':
      'People with an address at the domain can become members by signing in. You answer for their roles: they get none that you may not grant yourself. This also holds when you add a domain of the organization again that another member has added.',
    'add.button': 'Add domain',
    'field.domain': 'Domain',
    'add.hint': 'What follows the @ in your addresses, such as example.com.',
    'refused.too_many': 'An organization may have at most 100 domains. Remove one first.',
    'one.back': 'All domains',
    'one.pending':
      'Publish the record below where the DNS of the domain is managed, then check it. Until {time} it is checked every hour as well.',
    'one.pending_over':
      'Publish the record below where the DNS of the domain is managed, then check it. It is no longer checked by itself.',
    'one.verified':
      'Your organization has proven that it owns the domain. Keep the record published: it is checked every day.',
    'one.warning':
      'The checks of the record have failed since {time}. The domain stays verified, and signing in works as before. Please see that the record is published.',
    'check.title': 'Last check',
    'check.none': 'The record has not been checked yet.',
    'check.verified': 'Checked {ago}: found the record.',
    'check.not_found': 'Checked {ago}: found nothing. It can take some hours until a new record is visible.',
    'check.other_values': {
      one: 'Checked {ago}: found another value:',
      other: 'Checked {ago}: found {count} other values:',
    },
    'check.taken':
      'Checked {ago}: found the record, but another organization on this server has verified the domain before. It has to remove the domain first; ask the administrator of this server if you do not know the organization.',
    'check.no_answer': 'Checked {ago}: got no answer. {fault}',
    'fault.timeout': 'The name servers of the domain did not answer in time.',
    'fault.servfail':
      'The name servers reported a failure (SERVFAIL), as for a zone whose DNSSEC signatures are wrong.',
    'fault.refused': 'The name servers refused the request (REFUSED).',
    'fault.unreachable': 'No name server could be reached.',
    'fault.malformed': 'The answer of the name servers could not be read.',
    'check.button': 'Check now',
    'check.button_one': 'Check now: {domain}',
    'record.published': 'The published record, which has to stay',
    'record.title': 'The record to publish',
    'record.lead':
      'Most DNS panels want the host, and add the domain by themselves. Others want the full name.',
    'record.type': 'Type',
    'record.host': 'Host',
    'record.name': 'Full name',
    'record.value': 'Value',
    'connection.title': 'Sign-in',
    'connection.lead':
      'The connection by which people with an address at {domain} sign in. You can choose one whose roles you may grant.',
    'connection.first': 'The first active connection',
    'connection.state.draft': '{name} (draft)',
    'connection.state.disabled': '{name} (disabled)',
    'field.connection_id': 'Connection',
    'connection.button': 'Save',
    'remove.link': 'Remove domain',
    'remove.title': 'Remove {domain}?',
    'remove.lead': 'This takes effect immediately.',
    'remove.routing': 'People with an address at the domain are no longer sent to your own sign-in.',
    'remove.ends_sso':
      'This is the last verified domain. The security policy requires members to sign in by your identity provider: without a verified domain this is not enforced, and members sign in by any method.',
    'remove.free': 'Another organization may verify the domain.',
    'remove.keeps': 'Accounts and memberships stay.',
    'remove.again': 'To use the domain again, you add it and publish a new record.',
    'remove.button': 'Remove domain',
    'remove.cancel': 'Cancel',
  },
  de: {
    'list.title': 'Domains',
    'list.lead':
      'Die Domains der E-Mail-Adressen Ihrer Organisation. Ist eine Domain bestätigt, kann Ihre eigene Anmeldung für sie verwendet werden.',
    'list.none': 'Noch keine Domains.',
    'list.show': 'Öffnen',
    'list.show_one': '{domain} öffnen',
    'list.since': 'Bestätigt am {time}',
    'state.verified': 'Bestätigt',
    'state.pending': 'Nicht bestätigt',
    'state.warning': 'Prüfung schlägt fehl',
    'add.title': 'Domain hinzufügen',
    'add.lead':
      'Personen mit einer Adresse bei der Domain können durch ihre Anmeldung Mitglied werden. Sie stehen für deren Rollen ein: Es wird keine vergeben, die Sie nicht selbst vergeben dürfen. Das gilt auch, wenn Sie eine Domain der Organisation noch einmal hinzufügen, die ein anderes Mitglied hinzugefügt hat.',
    'add.button': 'Domain hinzufügen',
    'field.domain': 'Domain',
    'add.hint': 'Was in Ihren Adressen auf das @ folgt, zum Beispiel example.com.',
    'refused.too_many':
      'Eine Organisation kann höchstens 100 Domains haben. Entfernen Sie zuerst eine andere.',
    'one.back': 'Alle Domains',
    'one.pending':
      'Veröffentlichen Sie den Eintrag unten dort, wo das DNS der Domain verwaltet wird, und prüfen Sie ihn dann. Bis {time} wird er außerdem stündlich geprüft.',
    'one.pending_over':
      'Veröffentlichen Sie den Eintrag unten dort, wo das DNS der Domain verwaltet wird, und prüfen Sie ihn dann. Von selbst wird er nicht mehr geprüft.',
    'one.verified':
      'Ihre Organisation hat nachgewiesen, dass ihr die Domain gehört. Lassen Sie den Eintrag veröffentlicht: Er wird täglich geprüft.',
    'one.warning':
      'Die Prüfungen des Eintrags schlagen seit {time} fehl. Die Domain bleibt bestätigt, und die Anmeldung funktioniert wie bisher. Bitte sorgen Sie dafür, dass der Eintrag veröffentlicht ist.',
    'check.title': 'Letzte Prüfung',
    'check.none': 'Der Eintrag wurde noch nicht geprüft.',
    'check.verified': 'Geprüft {ago}: Der Eintrag ist da.',
    'check.not_found':
      'Geprüft {ago}: nichts gefunden. Es kann einige Stunden dauern, bis ein neuer Eintrag sichtbar ist.',
    'check.other_values': {
      one: 'Geprüft {ago}: einen anderen Wert gefunden:',
      other: 'Geprüft {ago}: {count} andere Werte gefunden:',
    },
    'check.taken':
      'Geprüft {ago}: Der Eintrag ist da, aber eine andere Organisation auf diesem Server hat die Domain vorher bestätigt. Sie muss die Domain zuerst entfernen; fragen Sie die Administration dieses Servers, wenn Sie die Organisation nicht kennen.',
    'check.no_answer': 'Geprüft {ago}: keine Antwort. {fault}',
    'fault.timeout': 'Die Nameserver der Domain haben nicht rechtzeitig geantwortet.',
    'fault.servfail':
      'Die Nameserver haben einen Fehler gemeldet (SERVFAIL), wie bei einer Zone mit falschen DNSSEC-Signaturen.',
    'fault.refused': 'Die Nameserver haben die Anfrage abgelehnt (REFUSED).',
    'fault.unreachable': 'Kein Nameserver war erreichbar.',
    'fault.malformed': 'Die Antwort der Nameserver war nicht lesbar.',
    'check.button': 'Jetzt prüfen',
    'check.button_one': 'Jetzt prüfen: {domain}',
    'record.published': 'Der veröffentlichte Eintrag, der bestehen bleiben muss',
    'record.title': 'Der Eintrag',
    'record.lead':
      'Die meisten DNS-Verwaltungen wollen den Host und ergänzen die Domain selbst. Andere wollen den vollen Namen.',
    'record.type': 'Typ',
    'record.host': 'Host',
    'record.name': 'Voller Name',
    'record.value': 'Wert',
    'connection.title': 'Anmeldung',
    'connection.lead':
      'Die Verbindung, über die sich Personen mit einer Adresse bei {domain} anmelden. Sie können eine wählen, deren Rollen Sie vergeben dürfen.',
    'connection.first': 'Die erste aktive Verbindung',
    'connection.state.draft': '{name} (Entwurf)',
    'connection.state.disabled': '{name} (ausgeschaltet)',
    'field.connection_id': 'Verbindung',
    'connection.button': 'Speichern',
    'remove.link': 'Domain entfernen',
    'remove.title': '{domain} entfernen?',
    'remove.lead': 'Das wirkt sofort.',
    'remove.routing':
      'Personen mit einer Adresse bei der Domain werden nicht mehr zu Ihrer eigenen Anmeldung geleitet.',
    'remove.ends_sso':
      'Dies ist die letzte bestätigte Domain. Die Sicherheitsrichtlinie verlangt, dass sich Mitglieder über Ihren Identitätsanbieter anmelden: Ohne bestätigte Domain wird das nicht durchgesetzt, und Mitglieder melden sich mit jeder Methode an.',
    'remove.free': 'Eine andere Organisation kann die Domain bestätigen.',
    'remove.keeps': 'Konten und Mitgliedschaften bleiben bestehen.',
    'remove.again':
      'Um die Domain wieder zu verwenden, fügen Sie sie hinzu und veröffentlichen einen neuen Eintrag.',
    'remove.button': 'Domain entfernen',
    'remove.cancel': 'Abbrechen',
  },
})
