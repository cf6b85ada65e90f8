/** The page that leads to an organization's identity provider. Presentation only. */
import { useUi } from '../../../base/page/index.ts'
import { ButtonLink, Card, LinkRow } from '../../../base/page/parts.tsx'
import { routingText as t } from './texts.ts'

export interface RoutedSignInProps {
  domain: string
  organization: string
  connection: string
  isRequired: boolean
  /** Where the browser begins to sign in with the connection. */
  href: string
  /** The form with the password of the same identifier. */
  passwordHref: string
  /** The form for another identifier. */
  changeHref: string
}

/**
 * A link, because a form may not lead to another site (the CSP's form-action, which holds for its redirects too). Where there is
 * no choice, the script follows it at once.
 */
export function RoutedSignIn(props: RoutedSignInProps) {
  const { domain, organization, connection, isRequired, href, passwordHref, changeHref } = props
  const { locale } = useUi()
  return (
    <Card
      title={t(locale, 'route.title', { organization })}
      lead={t(locale, isRequired ? 'route.required' : 'route.optional', { domain, connection })}
    >
      <ButtonLink href={href} isFollowed={isRequired}>
        {t(locale, 'route.button', { connection })}
      </ButtonLink>
      <LinkRow>
        <a href={passwordHref}>{t(locale, 'route.password')}</a>
      </LinkRow>
      <LinkRow>
        <a href={changeHref}>{t(locale, 'route.change')}</a>
      </LinkRow>
    </Card>
  )
}
