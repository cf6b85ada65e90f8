/**
 * Keycloak: the export of a realm with its users (`kc.sh export --users realm_file`, or the files `…-users-0.json`).
 * Roles that every realm has are left out.
 */
import {
  flagOf,
  fullNameOf,
  type ImportPreset,
  itemsOf,
  objectOf,
  profileOf,
  type Raw,
  slugOf,
  stringOrNone,
  timeOf,
} from './preset.ts'

const TECHNICAL = /^(?:default-roles-.*|offline_access|uma_authorization)$/

/** By the alias, which is the name of the provider unless an administrator has chosen another. */
const BROKERS: NonNullable<ImportPreset['connections']> = {
  google: 'google',
  github: 'github',
  gitlab: 'gitlab',
  apple: 'apple',
  discord: 'discord',
  facebook: 'facebook',
  linkedin: 'linkedin',
  'linkedin-openid-connect': 'linkedin',
  twitter: 'x',
  // the id of Microsoft Graph, while ID tokens have another one for each app
  microsoft: null,
}

export const keycloak: ImportPreset = {
  name: 'keycloak',
  system: 'Keycloak',
  list: 'users',
  connections: BROKERS,
  read(raw, options) {
    if (stringOrNone(raw.serviceAccountClientId)) return { ignored: 'It is the service account of a client.' }
    const credentials = itemsOf(raw.credentials).map(objectOf)
    const password = credentials.find(({ type }) => type === 'password')
    const groups = [...new Set(itemsOf(raw.groups).flatMap((path) => String(path).split('/')[1] ?? []))]
    const roles = itemsOf(raw.realmRoles).filter((role) => !TECHNICAL.test(String(role)))
    const left = [
      ...credentials.flatMap(({ type }) => (type === 'password' ? [] : `a credential of the type ${type}`)),
      ...(options.groupsAsOrganizations ? [] : groups.map((group) => `the group ${group}`)),
      ...(Object.keys(objectOf(raw.clientRoles)).length > 0 ? ['roles of clients'] : []),
    ]
    const username = stringOrNone(raw.username)
    return {
      record: {
        external_id: stringOrNone(raw.id),
        email: stringOrNone(raw.email),
        email_verified: flagOf(raw.emailVerified),
        username: username?.includes('@') ? undefined : username,
        full_name: fullNameOf(raw.firstName, raw.lastName),
        locale: stringOrNone(itemsOf(objectOf(raw.attributes).locale)[0]),
        profile: profileOf({ given_name: raw.firstName, family_name: raw.lastName }),
        roles: roles.length > 0 ? roles : undefined,
        status: raw.enabled === false ? 'disabled' : 'active',
        created_at: timeOf(raw.createdTimestamp),
        password_hash: password && hashOf(password),
        password_changed_at: password && timeOf(password.createdDate),
        organizations: options.groupsAsOrganizations
          ? groups.map((group) => ({ slug: slugOf(group), name: group, role: 'member' }))
          : undefined,
        identities: itemsOf(raw.federatedIdentities)
          .map(objectOf)
          .map((one) => ({
            connection: stringOrNone(one.identityProvider),
            subject: stringOrNone(one.userId),
            name: stringOrNone(one.userName),
          })),
      },
      left,
    }
  },
}

const hashOf = ({ credentialData, secretData }: Raw): string | undefined =>
  stringOrNone(credentialData) && stringOrNone(secretData) && JSON.stringify({ credentialData, secretData })
