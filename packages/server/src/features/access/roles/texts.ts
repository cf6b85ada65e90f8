/** Texts of the page of a user's permissions; sentences for built-in permissions and roles, in every language. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import { ORGANIZATION_PERMISSIONS, SERVER_PERMISSIONS } from '../../../core/permissions/index.ts'
import { isBuiltIn } from '../../../core/roles/index.ts'

export const accessText = texts({
  en: {
    'access.title': 'Your permissions',
    'access.server': 'On {brand}',
    'access.roles': 'Your roles',
    'access.role': 'Your role',
    'access.no_roles': 'You have no role.',
    'access.permissions': 'Permissions',
    'access.no_permissions': 'Your roles give you no permissions beyond your own account.',
    'access.own_account': 'You can also change your own account.',
    'access.in': 'In {organization}',
    'access.in_lead': 'Your active organization. These permissions apply only there.',
    'access.in_none': 'In organizations',
    'access.in_none_lead': 'No organization is active at the moment.',
    'access.to_organizations': 'Your organizations',
    'access.everything': 'Everything',
    'access.everything_there': 'All permissions.',
    'access.all_of': 'All permissions of this kind.',
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
    'access.title': 'Ihre Berechtigungen',
    'access.server': 'Bei {brand}',
    'access.roles': 'Ihre Rollen',
    'access.role': 'Ihre Rolle',
    'access.no_roles': 'Sie haben keine Rolle.',
    'access.permissions': 'Berechtigungen',
    'access.no_permissions': 'Ihre Rollen geben Ihnen keine Berechtigungen über Ihr eigenes Konto hinaus.',
    'access.own_account': 'Außerdem können Sie Ihr eigenes Konto ändern.',
    'access.in': 'In {organization}',
    'access.in_lead': 'Ihre aktive Organisation. Diese Berechtigungen gelten nur dort.',
    'access.in_none': 'In Organisationen',
    'access.in_none_lead': 'Zurzeit ist keine Organisation aktiv.',
    'access.to_organizations': 'Ihre Organisationen',
    'access.everything': 'Alles',
    'access.everything_there': 'Alle Berechtigungen.',
    'access.all_of': 'Alle Berechtigungen dieser Art.',
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

/** The sentences of the catalogues of permissions. */
export const permissionsText = texts({
  en: { ...under('server', SERVER_PERMISSIONS), ...under('organization', ORGANIZATION_PERMISSIONS) },
  de: {
    ...under('server', {
      'users:read': 'Konten, Sitzungen und Rollen aller sehen.',
      'users:write': 'Konten anlegen, ändern, sperren, deaktivieren und aktivieren, ihre Sitzungen beenden.',
      'users:delete': 'Konten löschen.',
      'users:grant': 'Anderen Rollen geben und nehmen, im Rahmen der eigenen.',
      'api_keys:read': 'Die API-Schlüssel aller Konten sehen.',
      'api_keys:write': 'API-Schlüssel aller Konten widerrufen, im Rahmen der eigenen Berechtigungen.',
      'roles:read': 'Rollen und die Liste der Berechtigungen sehen.',
      'roles:write':
        'Rollen und die Berechtigungen der App anlegen, ändern und löschen, im Rahmen der eigenen.',
      'organizations:read': 'Alle Organisationen sehen, mit Mitgliedern, Rollen und Einladungen.',
      'organizations:write': 'In jeder Organisation alles tun, was deren Inhaber dürfen.',
      'connections:read': 'Die Verbindungen des Servers zu Identitätsanbietern und ihre Diagnose sehen.',
      'connections:write':
        'Verbindungen des Servers zu Identitätsanbietern anlegen, ändern, testen und löschen.',
      'oauth_clients:read': 'Die Apps sehen, die hier anmelden, und die APIs, für die ihre Tokens gelten.',
      'oauth_clients:write':
        'Diese Apps und APIs anlegen, ändern und löschen, auch die Geheimnisse der Apps.',
      'impersonation:create':
        'In Apps des Betreibers im Namen anderer handeln, innerhalb der eigenen Berechtigungen. Jedes Mal mit einem Grund, der protokolliert wird.',
      'audit:read': 'Das Audit-Protokoll lesen und exportieren.',
      'revocations:read': 'Erfahren, was widerrufen wird, wie ein Guard.',
      'metrics:read': 'Die Metriken des Servers lesen, wie ein Überwachungssystem.',
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
      'security:read': 'Die Sicherheitsrichtlinie sehen, und welche Mitglieder sie erfüllen.',
      'security:write': 'Die Sicherheitsrichtlinie ändern, und was sie von einzelnen Mitgliedern verlangt.',
      'connections:read':
        'Die Domains der Organisation, ihre Verbindungen zu Identitätsanbietern und deren Diagnose sehen.',
      'connections:write': 'Domains nachweisen; Verbindungen anlegen, ändern, testen und löschen.',
      'oauth_clients:read': 'Die Apps der Organisation sehen.',
      'oauth_clients:write': 'Apps der Organisation und ihre Geheimnisse anlegen, ändern und löschen.',
      'audit:read': 'Das Audit-Protokoll der Organisation lesen.',
    }),
  },
})

/** Where a permission applies; the same name has another meaning in each. */
export type Realm = 'server' | 'organization'

/** The sentence of a built-in permission; null for a permission of the app. */
export const permissionText = (locale: Locale, realm: Realm, name: string): string | null =>
  permissionsText.find(locale, `${realm}/${name}`)

/**
 * German descriptions of the presets' roles, by the English ones, those of earlier versions included: a database keeps the
 * description with which its role was created. A description that an administrator changed is shown as written.
 */
const PRESET_ROLES: Readonly<Record<string, string>> = {
  'Everything.': 'Alles.',
  'Operates the system: settings, API keys, the audit log, and everything a manager does.':
    'Betreibt das System: Einstellungen, API-Schlüssel, das Audit-Protokoll und alles, was manager darf.',
  'Manages users’ accounts.': 'Verwaltet Konten.',
  'Views the dashboard and its figures.': 'Sieht das Dashboard und seine Zahlen.',
  'Works on clients’ data and assigns roles.': 'Bearbeitet die Daten von Kunden und vergibt Rollen.',
  'Default role of new users.': 'Standardrolle neuer Konten.',
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

/** The description of a role in the reader's language where it is a preset's; otherwise as written. */
export const roleText = (locale: Locale, description: string | null): string | null =>
  locale === 'de' && description !== null ? (PRESET_ROLES[description] ?? description) : description

/** The display name of a role inside an organization: built-in roles in the reader's language, other roles by their name. */
export const roleName = (locale: Locale, role: string): string =>
  isBuiltIn(role) ? accessText(locale, `role.${role}`) : role
