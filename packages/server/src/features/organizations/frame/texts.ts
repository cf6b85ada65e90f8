/**
 * Texts of the frame, and the notices. An action redirects to a page, often one of another module, with the notice's
 * code in the query; so the notices are in one catalogue.
 */
import { z } from 'zod'
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'

export const frameText = texts({
  en: {
    'list.activate': 'Make active',
    'list.activate_one': 'Make active: {name}',
    'list.deactivate': 'Work without it',
    'list.deactivate_one': 'Work without {name}',
    bypassing:
      'You act without the identity provider that this organization requires. The other owners were informed by e-mail.',
    more: 'Show more',
    first: 'Back to the first page',
    'field.name': 'Name',
    'field.slug': 'Short name',
    'field.description': 'Description',
    'field.logo': 'Logo',
    'logo.hint': 'The https address of an image. Apps show it; these pages only link to it.',
    'slug.hint':
      'For web addresses: small letters, digits and hyphens. If you leave it empty, it is derived from the name.',
    'slug.hint_change': 'For web addresses: small letters, digits and hyphens.',
    'done.created': 'Organization created. It is your active organization now.',
    'done.joined': 'You are a member of {name} now.',
    'done.declined': 'Invitation declined.',
    'done.restored': 'Organization restored.',
    'done.deleted': 'Organization deleted.',
    'done.left': 'You have left the organization.',
    'done.active': 'Active organization changed.',
    'done.saved': 'Changes saved.',
    'done.role': 'Role changed.',
    'done.removed': 'Member removed.',
    'done.handed_over': 'Organization transferred.',
    'done.transferred': 'Organization transferred. You are an admin now.',
    'done.invited': 'Invitation sent.',
    'done.resent': 'Invitation sent again. The link in the earlier e-mail no longer works.',
    'done.revoked': 'Invitation revoked.',
    'done.role_created': 'Role created.',
    'done.role_saved': 'Role changed.',
    'done.role_deleted': 'Role deleted.',
    'done.policy': 'Security policy changed.',
    'done.mfa': 'Requirement changed.',
    'done.domain_added': 'Domain added. Publish the record below to verify it.',
    'done.domain_verified': 'Domain verified.',
    'done.domain_checked': 'The record was checked.',
    'done.domain_removed': 'Domain removed.',
    'done.con_added': 'Connection added. Fill in what the provider gives you.',
    'done.con_on': 'Connection enabled.',
    'done.con_off': 'Connection disabled.',
    'done.con_deleted': 'Connection deleted. Those who signed in by it alone no longer can.',
    'done.con_metadata': 'Metadata fetched.',
    'done.con_approved': 'Certificates approved. Sign-ins that they verify are accepted now.',
    'done.con_new_keys': 'New keys published. Let the provider read the metadata, and use them then.',
    'done.con_keys_used': 'The new keys are in use.',
    'done.setup_revoked': 'Set-up link revoked. What was set up with it stays.',
    'nav.label': 'Organization {name}',
    'nav.overview': 'Overview',
    'nav.members': 'Members',
    'nav.invitations': 'Invitations',
    'nav.roles': 'Roles',
    'nav.security': 'Security',
    'nav.domains': 'Domains',
    'nav.connections': 'Sign-in',
    'nav.settings': 'Settings',
    'refused.beyond': 'This goes beyond your own permissions.',
  },
  de: {
    'list.activate': 'Aktivieren',
    'list.activate_one': '{name} aktivieren',
    'list.deactivate': 'Ohne diese arbeiten',
    'list.deactivate_one': 'Ohne {name} arbeiten',
    bypassing:
      'Sie handeln ohne den Identitätsanbieter, den diese Organisation verlangt. Die anderen Inhaber wurden per E-Mail informiert.',
    more: 'Weitere anzeigen',
    first: 'Zurück zur ersten Seite',
    'field.name': 'Name',
    'field.slug': 'Kurzname',
    'field.description': 'Beschreibung',
    'field.logo': 'Logo',
    'logo.hint':
      'Die https-Adresse eines Bildes. Anwendungen zeigen es an, diese Seiten verweisen nur darauf.',
    'slug.hint':
      'Für Webadressen: Kleinbuchstaben, Ziffern und Bindestriche. Ohne Angabe wird er aus dem Namen gebildet.',
    'slug.hint_change': 'Für Webadressen: Kleinbuchstaben, Ziffern und Bindestriche.',
    'done.created': 'Die Organisation wurde angelegt und ist jetzt aktiv.',
    'done.joined': 'Sie sind jetzt Mitglied von {name}.',
    'done.declined': 'Die Einladung wurde abgelehnt.',
    'done.restored': 'Die Organisation wurde wiederhergestellt.',
    'done.deleted': 'Die Organisation wurde gelöscht.',
    'done.left': 'Sie haben die Organisation verlassen.',
    'done.active': 'Die aktive Organisation wurde gewechselt.',
    'done.saved': 'Die Änderungen wurden gespeichert.',
    'done.role': 'Die Rolle wurde geändert.',
    'done.removed': 'Das Mitglied wurde entfernt.',
    'done.handed_over': 'Die Organisation wurde übergeben.',
    'done.transferred': 'Die Organisation wurde übergeben. Ihre Rolle ist jetzt Administration.',
    'done.invited': 'Die Einladung wurde gesendet.',
    'done.resent': 'Die Einladung wurde erneut gesendet. Der Link in der früheren E-Mail gilt nicht mehr.',
    'done.revoked': 'Die Einladung wurde widerrufen.',
    'done.role_created': 'Die Rolle wurde angelegt.',
    'done.role_saved': 'Die Rolle wurde geändert.',
    'done.role_deleted': 'Die Rolle wurde gelöscht.',
    'done.policy': 'Die Sicherheitsrichtlinie wurde geändert.',
    'done.mfa': 'Die Anforderung wurde geändert.',
    'done.domain_added':
      'Die Domain wurde hinzugefügt. Veröffentlichen Sie den Eintrag unten, um sie zu bestätigen.',
    'done.domain_verified': 'Die Domain ist bestätigt.',
    'done.domain_checked': 'Der Eintrag wurde geprüft.',
    'done.domain_removed': 'Die Domain wurde entfernt.',
    'done.con_added': 'Die Verbindung wurde angelegt. Tragen Sie ein, was der Anbieter Ihnen gibt.',
    'done.con_on': 'Die Verbindung wurde eingeschaltet.',
    'done.con_off': 'Die Verbindung wurde ausgeschaltet.',
    'done.con_deleted':
      'Die Verbindung wurde gelöscht. Wer sich nur über sie angemeldet hat, kann es nicht mehr.',
    'done.con_metadata': 'Die Metadaten wurden abgerufen.',
    'done.con_approved':
      'Die Zertifikate sind freigegeben. Anmeldungen, die sie bestätigen, werden jetzt angenommen.',
    'done.con_new_keys':
      'Die neuen Schlüssel sind veröffentlicht. Lassen Sie den Anbieter die Metadaten lesen, und verwenden Sie sie dann.',
    'done.con_keys_used': 'Die neuen Schlüssel werden verwendet.',
    'done.setup_revoked': 'Der Einrichtungslink wurde widerrufen. Was mit ihm eingerichtet wurde, bleibt.',
    'nav.label': 'Organisation {name}',
    'nav.overview': 'Übersicht',
    'nav.members': 'Mitglieder',
    'nav.invitations': 'Einladungen',
    'nav.roles': 'Rollen',
    'nav.security': 'Sicherheit',
    'nav.domains': 'Domains',
    'nav.connections': 'Anmeldung',
    'nav.settings': 'Einstellungen',
    'refused.beyond': 'Das geht über Ihre eigenen Berechtigungen hinaus.',
  },
})

/** The query field `done`: the code of a notice. */
export const PageNotice = z.string().max(20).optional()

/** The notice for a code; null without one, and for a code that does not exist. */
export function noticeText(locale: Locale, done: string | undefined, name = ''): string | null {
  return done === undefined ? null : frameText.find(locale, `done.${done}`, { name })
}
