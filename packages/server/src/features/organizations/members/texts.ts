/** Texts of the pages of members. */
import { texts } from '../../../base/page/index.ts'

export const membersText = texts({
  en: {
    'field.role': 'Role',
    'field.email': 'E-mail address',
    'field.search': 'Name, username or e-mail address begins with',
    'leave.title': 'Leave {name}?',
    'leave.lead': 'You lose access immediately. To come back, you need a new invitation.',
    'leave.button': 'Leave organization',
    'leave.cancel': 'Stay in the organization',
    'leave.only_owner':
      'An organization always has an owner. You are the only one: make another member an owner first.',
    'leave.only_owner_link': 'Choose another owner',
    'leave.only_member':
      'An organization always has an owner. You are its only member: delete the organization instead.',
    'leave.only_member_link': 'Delete organization …',
    'members.title': 'Members',
    'members.search': 'Search',
    'members.all': 'Show all members',
    'members.you': 'You',
    'members.since': 'Since {time}',
    'members.none': 'No members found.',
    'members.manage': 'Manage',
    'members.manage_one': 'Manage {name}',
    'members.back': 'All members',
    'member.role': 'Change role',
    'member.role_lead': 'Takes effect immediately.',
    'member.role_button': 'Save role',
    'member.remove': 'Remove',
    'member.remove_lead': 'The member loses access to this organization immediately.',
    'member.remove_button': 'Remove member',
    'member.transfer': 'Transfer ownership',
    'member.transfer_lead': 'This member becomes an owner in your place. You stay as an admin.',
    'member.transfer_link': 'Transfer organization …',
    'member.beyond':
      'This member has permissions that you do not have. Only a member with at least the same permissions can change or remove them.',
    'transfer.title': 'Transfer {name}?',
    'transfer.lead':
      '{member} becomes an owner and may do everything here: change or delete the organization, and remove you.',
    'transfer.you': 'You become an admin. Only an owner can make you an owner again.',
    'transfer.button': 'Transfer organization',
    'transfer.cancel': 'Keep organization',
    'refused.last_owner':
      'An organization always has an owner. Make another member an owner first, or delete the organization.',
    'refused.owner': 'This member is an owner already.',
  },
  de: {
    'field.role': 'Rolle',
    'field.email': 'E-Mail-Adresse',
    'field.search': 'Name, Benutzername oder E-Mail-Adresse beginnt mit',
    'leave.title': '{name} verlassen?',
    'leave.lead': 'Sie verlieren den Zugang sofort. Um zurückzukehren, brauchen Sie eine neue Einladung.',
    'leave.button': 'Organisation verlassen',
    'leave.cancel': 'In der Organisation bleiben',
    'leave.only_owner':
      'Eine Organisation hat immer einen Inhaber. Sie sind der einzige: Machen Sie zuerst ein anderes Mitglied zum Inhaber.',
    'leave.only_owner_link': 'Anderen Inhaber wählen',
    'leave.only_member':
      'Eine Organisation hat immer einen Inhaber. Sie sind das einzige Mitglied: Löschen Sie stattdessen die Organisation.',
    'leave.only_member_link': 'Organisation löschen …',
    'members.title': 'Mitglieder',
    'members.search': 'Suchen',
    'members.all': 'Alle Mitglieder anzeigen',
    'members.you': 'Sie',
    'members.since': 'Seit {time}',
    'members.none': 'Keine Mitglieder gefunden.',
    'members.manage': 'Verwalten',
    'members.manage_one': '{name} verwalten',
    'members.back': 'Alle Mitglieder',
    'member.role': 'Rolle ändern',
    'member.role_lead': 'Die Änderung gilt sofort.',
    'member.role_button': 'Rolle speichern',
    'member.remove': 'Entfernen',
    'member.remove_lead': 'Das Mitglied verliert den Zugang zu dieser Organisation sofort.',
    'member.remove_button': 'Mitglied entfernen',
    'member.transfer': 'Übergeben',
    'member.transfer_lead':
      'Dieses Mitglied wird an Ihrer Stelle Inhaber. Sie bleiben mit der Rolle Administration.',
    'member.transfer_link': 'Organisation übergeben …',
    'member.beyond':
      'Dieses Mitglied hat Berechtigungen, die Sie nicht haben. Nur wer mindestens dieselben Berechtigungen hat, kann es ändern oder entfernen.',
    'transfer.title': '{name} übergeben?',
    'transfer.lead':
      '{member} wird Inhaber und darf hier alles: die Organisation ändern oder löschen und Sie entfernen.',
    'transfer.you': 'Ihre Rolle ist dann Administration. Nur ein Inhaber kann Sie wieder zum Inhaber machen.',
    'transfer.button': 'Organisation übergeben',
    'transfer.cancel': 'Organisation behalten',
    'refused.last_owner':
      'Eine Organisation hat immer einen Inhaber. Machen Sie zuerst ein anderes Mitglied zum Inhaber, oder löschen Sie die Organisation.',
    'refused.owner': 'Dieses Mitglied ist bereits Inhaber.',
  },
})
