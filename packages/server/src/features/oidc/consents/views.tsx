/** What an app will be able to do, as a list. Presentation only. */
import { useUi } from '../../../base/page/index.ts'
import { wantedText as t } from './texts.ts'
import type { WantedScope } from './wanted.ts'

const KNOWN = [
  'openid', 'profile', 'email', 'phone', 'address', 'roles', 'organization', 'offline_access',
] as const // biome-ignore format: a list

export interface WantedAccessProps {
  scopes: readonly string[]
  resourceScopes: readonly WantedScope[]
}

/** What an app will be able to do. */
export function WantedAccess({ scopes, resourceScopes }: WantedAccessProps) {
  const { locale } = useUi()
  if (scopes.length + resourceScopes.length === 0) return null
  return (
    <>
      <p class="lead">{t(locale, 'what')}</p>
      <AccessList scopes={scopes} resourceScopes={resourceScopes} />
    </>
  )
}

/** What an app may do, as the list alone. */
export function AccessList({ scopes, resourceScopes }: WantedAccessProps) {
  const { locale } = useUi()
  return (
    <ul class="plain">
      {KNOWN.filter((scope) => scopes.includes(scope)).map((scope) => (
        <li key={scope}>{t(locale, scope)}</li>
      ))}
      {resourceScopes.map(({ description, resource }) => (
        <li key={`${resource} ${description}`}>
          {description === null
            ? t(locale, 'at_resource', { resource })
            : t(locale, 'resource', { scope: description, resource })}
        </li>
      ))}
    </ul>
  )
}
