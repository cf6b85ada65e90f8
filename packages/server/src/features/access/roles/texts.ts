/** What the page of one's permissions says, and what each permission and role of ours comes to, in every language. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import { isBuiltIn, ORGANIZATION_PERMISSIONS, SERVER_PERMISSIONS } from '../../../core/roles/index.ts'

export const accessText = texts({
  en: {
    'access.title': 'What you may do',
    'access.server': 'On {brand}',
    'access.roles': 'Your roles',
    'access.role': 'Your role',
    'access.no_roles': 'You have no role.',
    'access.permissions': 'Permissions',
    'access.no_permissions': 'Your roles permit nothing beyond your own account.',
    'access.own_account': 'Besides, your own account is yours to change.',
    'access.in': 'In {organization}',
    'access.in_lead': 'Your active organization. This holds there and nowhere else.',
    'access.in_none': 'In organizations',
    'access.in_none_lead': 'No organization is active at the moment.',
    'access.to_organizations': 'Your organizations',
    'access.everything': 'Everything',
    'access.everything_there': 'Everything there is to do.',
    'access.all_of': 'Everything of this kind.',
    'access.any_kind': 'Of every kind',
    'resource.users': 'Accounts',
    'resource.roles': 'Roles',
    'resource.organizations': 'Organizations',
    'resource.organization': 'The organization',
    'resource.members': 'Members',
    'resource.invitations': 'Invitations',
    'resource.audit': 'Audit log',
    'resource.revocations': 'Revocations',
    'resource.api_keys': 'API keys',
    'resource.system': 'System',
    'role.owner': 'Owner',
    'role.admin': 'Admin',
    'role.member': 'Member',
    'role.guest': 'Guest',
  },
  de: {
    'access.title': 'Was Sie dürfen',
    'access.server': 'Bei {brand}',
    'access.roles': 'Ihre Rollen',
    'access.role': 'Ihre Rolle',
    'access.no_roles': 'Sie haben keine Rolle.',
    'access.permissions': 'Berechtigungen',
    'access.no_permissions': 'Ihre Rollen erlauben nichts über Ihr eigenes Konto hinaus.',
    'access.own_account': 'Außerdem können Sie Ihr eigenes Konto ändern.',
    'access.in': 'In {organization}',
    'access.in_lead': 'Ihre aktive Organisation. Das gilt dort und nirgends sonst.',
    'access.in_none': 'In Organisationen',
    'access.in_none_lead': 'Zurzeit ist keine Organisation aktiv.',
    'access.to_organizations': 'Ihre Organisationen',
    'access.everything': 'Alles',
    'access.everything_there': 'Alles, was es zu tun gibt.',
    'access.all_of': 'Alles dieser Art.',
    'access.any_kind': 'Jeder Art',
    'resource.users': 'Konten',
    'resource.roles': 'Rollen',
    'resource.organizations': 'Organisationen',
    'resource.organization': 'Die Organisation',
    'resource.members': 'Mitglieder',
    'resource.invitations': 'Einladungen',
    'resource.audit': 'Audit-Protokoll',
    'resource.revocations': 'Widerrufe',
    'resource.api_keys': 'API-Schlüssel',
    'resource.system': 'System',
    'role.owner': 'Inhaber',
    'role.admin': 'Administration',
    'role.member': 'Mitglied',
    'role.guest': 'Gast',
  },
})

const under = <P extends string, T extends Readonly<Record<string, string>>>(prefix: P, all: T) =>
  Object.fromEntries(Object.entries(all).map(([name, text]) => [`${prefix}/${name}`, text])) as {
    [K in keyof T & string as `${P}/${K}`]: T[K]
  }

/** The sentences of the catalogues. */
export const permissionsText = texts({
  en: { ...under('server', SERVER_PERMISSIONS), ...under('organization', ORGANIZATION_PERMISSIONS) },
  de: {
    ...under('server', {
      'users:read': 'Konten, Sitzungen und Rollen aller sehen.',
      'users:write': 'Konten anlegen, ändern, sperren, deaktivieren und aktivieren, ihre Sitzungen beenden.',
      'users:delete': 'Konten löschen.',
      'users:grant': 'Anderen Rollen geben und nehmen, im Rahmen der eigenen.',
      'roles:read': 'Rollen und die Liste der Berechtigungen sehen.',
      'roles:write':
        'Rollen und die Berechtigungen der App anlegen, ändern und löschen, im Rahmen der eigenen.',
      'organizations:read': 'Alle Organisationen sehen, mit Mitgliedern, Rollen und Einladungen.',
      'organizations:write': 'In jeder Organisation alles tun, was deren Inhaber dürfen.',
      'audit:read': 'Das Audit-Protokoll lesen und exportieren.',
      'revocations:read': 'Erfahren, was widerrufen wird, wie ein Guard.',
    }),
    ...under('organization', {
      'organization:read': 'Die Organisation sehen.',
      'organization:update': 'Namen und Einstellungen der Organisation ändern.',
      'organization:delete': 'Die Organisation löschen, und wiederherstellen, solange das möglich ist.',
      'organization:transfer': 'Die Organisation in andere Hände geben.',
      'members:read': 'Sehen, wer zur Organisation gehört.',
      'members:update': 'Rollen von Mitgliedern ändern.',
      'members:remove': 'Mitglieder entfernen.',
      'invitations:read': 'Offene Einladungen sehen.',
      'invitations:write': 'Einladen, Einladungen erneut senden und widerrufen.',
      'roles:read': 'Die Rollen der Organisation sehen.',
      'roles:write': 'Eigene Rollen der Organisation anlegen, ändern und löschen.',
      'audit:read': 'Das Audit-Protokoll der Organisation lesen.',
    }),
  },
})

/** Where a permission holds; the same name says something else there. */
export type Realm = 'server' | 'organization'

/** What a permission of ours allows, in a sentence; null for one of the app's. */
export const permissionText = (locale: Locale, realm: Realm, name: string): string | null =>
  permissionsText.find(locale, `${realm}/${name}`)

/** The presets' roles in German; in English they say it themselves, and whoever changed one wrote it as they wish. */
const PRESET_ROLES: Readonly<Record<string, string>> = {
  'Everything.': 'Alles.',
  'Runs the system: settings, API keys, the audit log, and everything a manager does.':
    'Betreibt das System: Einstellungen, API-Schlüssel, das Audit-Protokoll und alles, was manager tut.',
  'Looks after people’s accounts.': 'Kümmert sich um die Konten der Menschen.',
  'Answers chats and concerns.': 'Beantwortet Chats und Anliegen.',
  'Sees the dashboard and its figures.': 'Sieht das Dashboard und seine Zahlen.',
  'Acts on clients’ data and gives others their roles.':
    'Bearbeitet die Daten von Kunden und gibt anderen ihre Rollen.',
  'Reads the clients assigned to them and adds insights.':
    'Liest zugewiesene Kundendaten und fügt Erkenntnisse hinzu.',
  'Reads and changes their own data.': 'Liest und ändert die eigenen Daten.',
  'Everybody new.': 'Alle, die neu sind.',
}

/** The description of a role in the reader's language, as far as it is one of the presets'. */
export const roleText = (locale: Locale, description: string | null): string | null =>
  locale === 'de' && description !== null ? (PRESET_ROLES[description] ?? description) : description

/** A role inside an organization by the name that people read: the built-in ones in their language, an organization's own as it is. */
export const roleName = (locale: Locale, role: string): string =>
  isBuiltIn(role) ? accessText(locale, `role.${role}`) : role
