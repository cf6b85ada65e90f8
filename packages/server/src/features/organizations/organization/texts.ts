/** Texts of the pages of one organization: overview, settings, deletion. */
import { texts } from '../../../base/page/index.ts'

export const organizationText = texts({
  en: {
    'list.active': 'Active',
    'field.slug': 'Short name',
    'field.description': 'Description',
    'field.logo': 'Logo',
    'overview.about': 'About',
    'overview.sign_in': 'Sign-in address',
    'overview.created': 'Created',
    'overview.you': 'Your permissions',
    'overview.no_member': 'You are not a member. You see this page because you administer this server.',
    'overview.own_role': 'Your role',
    'overview.leave': 'Leave',
    'overview.leave_lead': 'You lose access to everything in this organization.',
    'overview.leave_link': 'Leave organization …',
    'settings.title': 'Settings',
    'settings.name': 'General',
    'settings.save': 'Save changes',
    'settings.transfer': 'Transfer ownership',
    'settings.transfer_lead': 'Another member becomes an owner in your place. Choose the member first.',
    'settings.transfer_link': 'Choose a member',
    'settings.transfer_alone': 'Another member becomes an owner in your place. Invite a person first.',
    'settings.invite_link': 'Invite a person',
    'settings.delete': 'Delete',
    'settings.delete_lead':
      'All members lose access. After a grace period, the organization is deleted permanently.',
    'settings.delete_link': 'Delete organization …',
    'delete.title': 'Delete {name}?',
    'delete.lead': 'All members lose access immediately.',
    'delete.restore': {
      one: 'Its owners can restore it for one day.',
      other: 'Its owners can restore it for {count} days.',
    },
    'delete.restore_hours': {
      one: 'Its owners can restore it for one hour.',
      other: 'Its owners can restore it for {count} hours.',
    },
    'delete.gone': 'After that it is deleted permanently, with its members, roles, invitations and API keys.',
    'delete.sessions':
      'Everyone who has signed in by a connection of the organization alone is signed out, which may include you, and stays so if it is restored.',
    'delete.mail': 'All owners receive an e-mail.',
    'delete.button': 'Delete organization',
    'delete.cancel': 'Keep organization',
  },
  de: {
    'list.active': 'Aktiv',
    'field.slug': 'Kurzname',
    'field.description': 'Beschreibung',
    'field.logo': 'Logo',
    'overview.about': 'Angaben',
    'overview.sign_in': 'Anmeldeadresse',
    'overview.created': 'Angelegt',
    'overview.you': 'Ihre Berechtigungen',
    'overview.no_member': 'Sie sind kein Mitglied. Sie sehen diese Seite, weil Sie diesen Server verwalten.',
    'overview.own_role': 'Ihre Rolle',
    'overview.leave': 'Verlassen',
    'overview.leave_lead': 'Sie verlieren den Zugang zu allem in dieser Organisation.',
    'overview.leave_link': 'Organisation verlassen …',
    'settings.title': 'Einstellungen',
    'settings.name': 'Allgemein',
    'settings.save': 'Änderungen speichern',
    'settings.transfer': 'Organisation übergeben',
    'settings.transfer_lead':
      'Ein anderes Mitglied wird an Ihrer Stelle Inhaber. Wählen Sie zuerst das Mitglied aus.',
    'settings.transfer_link': 'Mitglied auswählen',
    'settings.transfer_alone':
      'Ein anderes Mitglied wird an Ihrer Stelle Inhaber. Laden Sie zuerst eine Person ein.',
    'settings.invite_link': 'Person einladen',
    'settings.delete': 'Löschen',
    'settings.delete_lead':
      'Alle Mitglieder verlieren den Zugang. Nach einer Frist wird die Organisation endgültig gelöscht.',
    'settings.delete_link': 'Organisation löschen …',
    'delete.title': '{name} löschen?',
    'delete.lead': 'Alle Mitglieder verlieren den Zugang sofort.',
    'delete.restore': {
      one: 'Einen Tag lang können Inhaber sie wiederherstellen.',
      other: '{count} Tage lang können Inhaber sie wiederherstellen.',
    },
    'delete.restore_hours': {
      one: 'Eine Stunde lang können Inhaber sie wiederherstellen.',
      other: '{count} Stunden lang können Inhaber sie wiederherstellen.',
    },
    'delete.gone':
      'Danach wird sie endgültig gelöscht, mit Mitgliedern, Rollen, Einladungen und API-Schlüsseln.',
    'delete.sessions':
      'Alle, die sich allein über eine Verbindung der Organisation angemeldet haben, werden abgemeldet, vielleicht auch Sie selbst. Das bleibt so, wenn sie wiederhergestellt wird.',
    'delete.mail': 'Alle Inhaber erhalten eine E-Mail.',
    'delete.button': 'Organisation löschen',
    'delete.cancel': 'Organisation behalten',
  },
})
