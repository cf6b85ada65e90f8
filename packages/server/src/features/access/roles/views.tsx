/**
 * View of the page of a user's permissions. Presentation only; the pages of organizations use `Permissions` as well.
 */
import type { Locale } from '../../../base/call.ts'
import { useUi } from '../../../base/page/index.ts'
import { AccountPage, ButtonLink, Definition, DefinitionList, Section } from '../../../base/page/parts.tsx'
import { permissionText, type Realm, roleName, accessText as t } from './texts.ts'

export interface AccessProps {
  roles: readonly { name: string; description: string | null }[]
  permissions: readonly string[]
  /** The organization that the session acts in. */
  organization: { id: string; name: string; role: string | null; permissions: readonly string[] } | null
  /** The app's descriptions of its permissions, by name. */
  described: ReadonlyMap<string, string>
}

/** /account/access */
export function OwnAccess({ roles, permissions, organization, described }: AccessProps) {
  const { locale, brand } = useUi()
  return (
    <AccountPage current="access" title={t(locale, 'access.title')}>
      <Section title={t(locale, 'access.server', { brand: brand.name })}>
        <DefinitionList>
          <Definition term={t(locale, roles.length === 1 ? 'access.role' : 'access.roles')}>
            {roles.length === 0 ? t(locale, 'access.no_roles') : null}
            {roles.map(({ name, description }) => (
              <p key={name}>
                <strong>{name}</strong> {description ? <span class="quiet">– {description}</span> : null}
              </p>
            ))}
          </Definition>
        </DefinitionList>
        {permissions.length === 0 ? (
          <p class="lead">{t(locale, 'access.no_permissions')}</p>
        ) : (
          <>
            <Permissions realm="server" permissions={permissions} described={described} />
            <p class="lead">{t(locale, 'access.own_account')}</p>
          </>
        )}
      </Section>
      {organization ? (
        <Section
          title={t(locale, 'access.in', { organization: organization.name })}
          lead={t(locale, 'access.in_lead')}
        >
          {organization.role ? (
            <DefinitionList>
              <Definition term={t(locale, 'access.role')}>
                <strong>{roleName(locale, organization.role)}</strong>
              </Definition>
            </DefinitionList>
          ) : null}
          <Permissions realm="organization" permissions={organization.permissions} described={described} />
          <ButtonLink href="/account/organizations" kind="secondary">
            {t(locale, 'access.to_organizations')}
          </ButtonLink>
        </Section>
      ) : (
        <Section title={t(locale, 'access.in_none')} lead={t(locale, 'access.in_none_lead')}>
          <ButtonLink href="/account/organizations" kind="secondary">
            {t(locale, 'access.to_organizations')}
          </ButtonLink>
        </Section>
      )}
    </AccountPage>
  )
}

/** Permissions grouped by resource, each with its sentence. */
export function Permissions({
  realm,
  permissions,
  described,
}: {
  realm: Realm
  permissions: readonly string[]
  described: ReadonlyMap<string, string>
}) {
  const { locale } = useUi()
  return (
    <DefinitionList>
      {[...byResource(permissions)].map(([resource, names]) => (
        <Definition key={resource} term={resourceText(locale, resource)}>
          <ul class="permissions">
            {names.map((name) => (
              <li key={name}>
                {permissionSentence(locale, realm, name, described)} <code>{name}</code>
              </li>
            ))}
          </ul>
        </Definition>
      ))}
    </DefinitionList>
  )
}

/** The sentence of a permission: built in, the app's description, or one for a pattern with `*`. */
export function permissionSentence(
  locale: Locale,
  realm: Realm,
  name: string,
  described: ReadonlyMap<string, string>,
): string | null {
  if (name === '*') return t(locale, 'access.everything_there')
  const known = permissionText(locale, realm, name) ?? described.get(name)
  return known ?? (name.endsWith(':*') ? t(locale, 'access.all_of') : null)
}

function byResource(permissions: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const name of permissions) {
    const [resource = ''] = name.split(':', 1)
    groups.set(resource, [...(groups.get(resource) ?? []), name])
  }
  return groups
}

function resourceText(locale: Locale, resource: string): string {
  if (resource === '*') return t(locale, 'access.everything')
  return t.find(locale, `resource.${resource}`) ?? resource
}
