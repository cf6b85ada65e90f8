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
    'list.deactivate': 'Deactivate',
    'list.deactivate_one': 'Deactivate {name}',
    more: 'Show more',
    first: 'Back to the beginning',
    'field.name': 'Name',
    'field.slug': 'Short name',
    'slug.hint':
      'For addresses of web pages: small letters, digits and hyphens. Without one it is made of the name.',
    'slug.hint_change': 'For addresses of web pages: small letters, digits and hyphens.',
    'done.created': 'The organization is created, and active.',
    'done.joined': 'You belong to {name} now.',
    'done.declined': 'The invitation is declined.',
    'done.restored': 'The organization is restored.',
    'done.deleted': 'The organization is deleted.',
    'done.left': 'You have left the organization.',
    'done.active': 'Your active organization has changed.',
    'done.saved': 'The changes are saved.',
    'done.role': 'The role is changed.',
    'done.removed': 'The member is removed.',
    'done.handed_over': 'The organization is handed over.',
    'done.transferred': 'The organization is handed over. You are an admin from now on.',
    'done.invited': 'The invitation is on its way.',
    'done.resent': 'A new e-mail is on its way. The link of the one before does not work any more.',
    'done.revoked': 'The invitation is revoked.',
    'done.role_created': 'The role is created.',
    'done.role_saved': 'The role is saved.',
    'done.role_deleted': 'The role is deleted.',
    'nav.label': 'Organization {name}',
    'nav.overview': 'Overview',
    'nav.members': 'Members',
    'nav.invitations': 'Invitations',
    'nav.roles': 'Roles',
    'nav.settings': 'Settings',
    'refused.beyond': 'This goes beyond what you may do yourself.',
  },
  de: {
    'list.activate': 'Aktivieren',
    'list.activate_one': '{name} aktivieren',
    'list.deactivate': 'Deaktivieren',
    'list.deactivate_one': '{name} deaktivieren',
    more: 'Weitere anzeigen',
    first: 'Zurück zum Anfang',
    'field.name': 'Name',
    'field.slug': 'Kurzname',
    'slug.hint':
      'Für Webadressen: Kleinbuchstaben, Ziffern und Bindestriche. Ohne Angabe wird er aus dem Namen gebildet.',
    'slug.hint_change': 'Für Webadressen: Kleinbuchstaben, Ziffern und Bindestriche.',
    'done.created': 'Die Organisation ist angelegt und aktiv.',
    'done.joined': 'Sie gehören jetzt zu {name}.',
    'done.declined': 'Die Einladung ist abgelehnt.',
    'done.restored': 'Die Organisation ist wiederhergestellt.',
    'done.deleted': 'Die Organisation ist gelöscht.',
    'done.left': 'Sie haben die Organisation verlassen.',
    'done.active': 'Ihre aktive Organisation hat gewechselt.',
    'done.saved': 'Die Änderungen sind gespeichert.',
    'done.role': 'Die Rolle ist geändert.',
    'done.removed': 'Das Mitglied ist entfernt.',
    'done.handed_over': 'Die Organisation ist übergeben.',
    'done.transferred': 'Die Organisation ist übergeben. Ihre Rolle ist jetzt Administration.',
    'done.invited': 'Die Einladung ist unterwegs.',
    'done.resent': 'Eine neue E-Mail ist unterwegs. Der Link der vorigen gilt nicht mehr.',
    'done.revoked': 'Die Einladung ist widerrufen.',
    'done.role_created': 'Die Rolle ist angelegt.',
    'done.role_saved': 'Die Rolle ist gespeichert.',
    'done.role_deleted': 'Die Rolle ist gelöscht.',
    'nav.label': 'Organisation {name}',
    'nav.overview': 'Übersicht',
    'nav.members': 'Mitglieder',
    'nav.invitations': 'Einladungen',
    'nav.roles': 'Rollen',
    'nav.settings': 'Einstellungen',
    'refused.beyond': 'Das geht über das hinaus, was Sie selbst dürfen.',
  },
})

/** The query field `done`: the code of a notice. */
export const PageNotice = z.string().max(20).optional()

/** The notice for a code; null without one, and for a code that does not exist. */
export function noticeText(locale: Locale, done: string | undefined, name = ''): string | null {
  return done === undefined ? null : frameText.find(locale, `done.${done}`, { name })
}
