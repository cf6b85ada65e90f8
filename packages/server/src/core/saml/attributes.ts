/**
 * Attributes of SAML assertions: under which names identity providers send what is known of a user. Presets as data; the
 * settings of a connection take precedence. Pure.
 */
import { addressOf, claimText, groupsOf, statedProfile, wholeName } from '../providers/profile.ts'
import type { ConnectionSettings } from '../providers/settings.ts'
import type { UserProfile } from '../user-profile.ts'

type AttributeMap = NonNullable<ConnectionSettings['attributes']>
type Field = Exclude<keyof AttributeMap, 'subject'>

/** The attributes of an assertion by their Name, each with its values. */
export type Attributes = ReadonlyMap<string, readonly string[]>

const CLAIMS = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims'
const MICROSOFT = 'http://schemas.microsoft.com/ws/2008/06/identity/claims'

/** Which attribute has which field, by the provider that sends it so. An assertion may mix them; the first that is there counts. */
export const ATTRIBUTE_PRESETS: Readonly<Record<string, Readonly<Partial<Record<Field, string>>>>> = {
  entra: {
    email: `${CLAIMS}/emailaddress`,
    username: `${CLAIMS}/name`,
    full_name: 'http://schemas.microsoft.com/identity/claims/displayname',
    given_name: `${CLAIMS}/givenname`,
    family_name: `${CLAIMS}/surname`,
    groups: `${MICROSOFT}/groups`,
  },
  adfs: {
    email: `${CLAIMS}/emailaddress`,
    username: `${CLAIMS}/upn`,
    full_name: `${CLAIMS}/name`,
    given_name: `${CLAIMS}/givenname`,
    family_name: `${CLAIMS}/surname`,
    groups: 'http://schemas.xmlsoap.org/claims/Group',
  },
  /** eduPerson and inetOrgPerson by their OIDs, as Shibboleth and universities send them. */
  eduperson: {
    email: 'urn:oid:0.9.2342.19200300.100.1.3',
    username: 'urn:oid:1.3.6.1.4.1.5923.1.1.1.6',
    full_name: 'urn:oid:2.16.840.1.113730.3.1.241',
    given_name: 'urn:oid:2.5.4.42',
    family_name: 'urn:oid:2.5.4.4',
    groups: 'urn:oid:1.3.6.1.4.1.5923.1.5.1.1',
  },
  okta: {
    email: 'email',
    username: 'login',
    full_name: 'displayName',
    given_name: 'firstName',
    family_name: 'lastName',
    groups: 'groups',
  },
  google: {
    email: 'email',
    username: 'username',
    full_name: 'name',
    given_name: 'first_name',
    family_name: 'last_name',
    groups: 'groups',
  },
  /** Names of LDAP, as SimpleSAMLphp and Keycloak send them. */
  ldap: {
    email: 'mail',
    username: 'uid',
    full_name: 'cn',
    given_name: 'givenName',
    family_name: 'sn',
    groups: 'memberOf',
  },
}

const PRESETS = Object.values(ATTRIBUTE_PRESETS)

/** The attributes that have an address, where the settings name none. */
export const EMAIL_ATTRIBUTES: readonly string[] = [...new Set(PRESETS.flatMap(({ email }) => email ?? []))]

export interface MappedAttributes {
  /** The attribute that the settings name as the subject; null where they name none, or it is absent or has several values. */
  subject: string | null
  email: string | null
  username: string | null
  fullName: string | null
  /** The names that can be part of a profile; absent: none. */
  stated?: UserProfile
  /** Null: the assertion has no attribute with groups. */
  groups: readonly string[] | null
}

/** @param map the settings of the connection, which take precedence over the presets */
export function mapAttributes(attributes: Attributes, map: AttributeMap = {}): MappedAttributes {
  const valuesOf = (field: Field): readonly string[] | undefined => {
    const name = map[field]
    if (name !== undefined) return attributes.get(name)
    const found = PRESETS.flatMap((preset) => {
      const values = attributes.get(preset[field] ?? '')
      return values === undefined ? [] : [values]
    })
    return found.find((values) => values.length > 0) ?? found[0]
  }
  const one = (field: Field): string | undefined => valuesOf(field)?.[0]
  const subjects = map.subject === undefined ? [] : (attributes.get(map.subject) ?? [])
  return {
    subject: subjects.length === 1 ? (subjects[0] ?? null) : null,
    email: addressOf(one('email')),
    username: claimText(one('username'), 100),
    fullName: wholeName(one('full_name'), one('given_name'), one('family_name')),
    ...statedProfile({ given_name: one('given_name'), family_name: one('family_name') }),
    groups: groupsOf(valuesOf('groups')),
  }
}
