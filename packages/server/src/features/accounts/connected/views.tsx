/** The views of connected accounts. Presentation only. */
import type { Locale } from '../../../base/call.ts'
import { useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Alert,
  ButtonLink,
  Card,
  EmptyState,
  Item,
  ItemList,
  LeadTo,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { QuestionCard } from '../../../base/page/question.tsx'
import { authorizePath, type OfferedConnection } from '../../../core/connection-buttons.tsx'
import { ProviderMark } from '../../../core/provider-marks.tsx'
import { type ProviderId, providerOf } from '../../../core/providers/index.ts'
import { connectedText as t } from './texts.ts'

export const CONNECTED_PATH = '/account/connected'
export const CONNECTED_NOTICES = ['connected', 'disconnected'] as const
export type ConnectedNotice = (typeof CONNECTED_NOTICES)[number]

export interface ConnectedItem {
  id: string
  provider: ProviderId
  /** The name of the connection; null where it was deleted. */
  connection: string | null
  /** The address or name at the provider. */
  account: string | null
  lastUsedAt: Date | null
  isUnlinkable: boolean
}

export interface ConnectedProps {
  /** Whether users can add passkeys here. */
  offersPasskeys: boolean
  accounts: readonly ConnectedItem[]
  /** The connections that are not connected, with the name of the organization that has it. */
  offered?: readonly (OfferedConnection & { organization: string | null })[]
  notice?: ConnectedNotice | null
  alert?: string | null
}

const unlinkPath = (id: string): string => `${CONNECTED_PATH}/${encodeURIComponent(id)}/disconnect`

/** /account/connected */
export function Connected({ accounts, offered = [], offersPasskeys, notice, alert }: ConnectedProps) {
  const { locale } = useUi()
  return (
    <AccountPage
      current="security"
      title={t(locale, 'title')}
      notice={notice ? t(locale, `notice.${notice}`) : null}
    >
      {alert ? <Alert kind="error">{alert}</Alert> : null}
      <Section title={t(locale, 'list')} {...(accounts.length > 0 && { lead: t(locale, 'lead') })}>
        {accounts.length === 0 ? (
          <EmptyState title={t(locale, 'none')}>
            <p>{t(locale, offered.length > 0 ? 'none_lead' : 'none_offered')}</p>
          </EmptyState>
        ) : (
          <ItemList>
            {accounts.map((account) => (
              <ConnectedRow key={account.id} item={account} offersPasskeys={offersPasskeys} />
            ))}
          </ItemList>
        )}
      </Section>
      {offered.length > 0 ? (
        <Section title={t(locale, 'connect.title')}>
          <ItemList>
            {offered.map(({ slug, name, provider, organization }) => (
              <Item
                key={slug}
                icon={<ProviderMark provider={provider} />}
                title={name}
                action={
                  // a link, because the browser leaves this server: no form of a page may lead to another one
                  <ButtonLink
                    kind="secondary"
                    href={authorizePath(slug, { flow: 'link' })}
                    description={t(locale, 'connect.of', { connection: name })}
                  >
                    {t(locale, 'connect.button')}
                  </ButtonLink>
                }
              >
                {organization === null ? null : <p>{t(locale, 'connect.organization', { organization })}</p>}
              </Item>
            ))}
          </ItemList>
        </Section>
      ) : null}
      <LinkRow>
        <a href="/account/security?open=connected">{t(locale, 'back_security')}</a>
      </LinkRow>
    </AccountPage>
  )
}

const accountTitle = (locale: Parameters<typeof t>[0], { connection, provider }: ConnectedItem): string =>
  connection ?? t(locale, 'gone', { name: providerOf(provider).name })

/** Why the account cannot be disconnected, and what the user can set up first. */
function LastWay({ offersPasskeys }: { offersPasskeys: boolean }) {
  const { locale } = useUi()
  const password = <a href="/account/security/password">{t(locale, 'last.password')}</a>
  const passkey = <a href="/account/security/passkeys/new">{t(locale, 'last.passkey')}</a>
  return offersPasskeys
    ? t.nodes(locale, 'last', { password, passkey })
    : t.nodes(locale, 'last.only_password', { password })
}

function ConnectedRow({ item, offersPasskeys }: { item: ConnectedItem; offersPasskeys: boolean }) {
  const { id, provider, account, lastUsedAt, isUnlinkable } = item
  const { locale } = useUi()
  const name = accountTitle(locale, item)
  return (
    <Item
      icon={<ProviderMark provider={provider} />}
      title={name}
      action={
        isUnlinkable ? (
          <ButtonLink
            kind="danger"
            href={unlinkPath(id)}
            description={t(locale, 'unlink.of', { connection: name })}
          >
            {t(locale, 'unlink.button')}
          </ButtonLink>
        ) : null
      }
    >
      {account === null ? null : <p>{account}</p>}
      <p>{lastUsedAt ? t.nodes(locale, 'used', { time: <Time at={lastUsedAt} /> }) : t(locale, 'unused')}</p>
      {isUnlinkable ? null : (
        <p>
          <LastWay offersPasskeys={offersPasskeys} />
        </p>
      )}
    </Item>
  )
}

export const questionTitle = (locale: Locale, account: ConnectedItem): string =>
  t(locale, account.isUnlinkable ? 'unlink.title' : 'unlink.title_last', {
    connection: accountTitle(locale, account),
  })

export interface DisconnectProps {
  account: ConnectedItem
  offersPasskeys: boolean
  alert?: string | null
}

/** /account/connected/:id/disconnect */
export function Disconnect({ account, offersPasskeys, alert = null }: DisconnectProps) {
  const { locale } = useUi()
  const connection = accountTitle(locale, account)
  const title = questionTitle(locale, account)
  const back = { href: CONNECTED_PATH, label: t(locale, 'back') }
  if (!account.isUnlinkable)
    return (
      <Card sign="warning" title={title} lead={<LastWay offersPasskeys={offersPasskeys} />}>
        {alert ? <Alert kind="error">{alert}</Alert> : null}
        <LinkRow>
          <a href={back.href}>{back.label}</a>
        </LinkRow>
      </Card>
    )
  return (
    <QuestionCard
      title={title}
      lead={
        account.account === null
          ? t(locale, 'unlink.lead_unnamed')
          : t(locale, 'unlink.lead', { account: account.account })
      }
      action={unlinkPath(account.id)}
      button={t(locale, 'unlink.button')}
      back={back}
      alert={alert}
    >
      <p class="block">{t(locale, 'unlink.there', { connection })}</p>
    </QuestionCard>
  )
}

/** What the row of the security page opens to. */
export function ConnectedSection() {
  const { locale } = useUi()
  return <LeadTo lead={t(locale, 'section.lead')} href={CONNECTED_PATH} label={t(locale, 'section.link')} />
}
