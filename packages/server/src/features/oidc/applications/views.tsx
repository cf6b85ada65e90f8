/** The views of the apps that have access to an account. Presentation only. */
import { useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  ButtonLink,
  EmptyState,
  Item,
  ItemList,
  LeadTo,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { QuestionCard } from '../../../base/page/question.tsx'
import { Pager } from '../../organizations/frame/index.ts'
import { AccessList, type WantedAccessProps } from '../consents/index.ts'
import { applicationText as t } from './texts.ts'

export const APPLICATIONS_PATH = '/account/applications'

export interface ApplicationItem extends WantedAccessProps {
  id: string
  name: string
  /** Its image, as a `data:` address; null for none. */
  logo: string | null
  /** That it belongs to; null: the server. */
  organization: string | null
  /** Its home page. */
  url: string | null
  /** Of the service, which needs no consent. */
  isOwn: boolean
  isOffline: boolean
  sessions: number
  since: Date
  lastUsedAt: Date | null
}

export interface ApplicationsProps {
  applications: readonly ApplicationItem[]
  isRemoved: boolean
  /** The addresses of the next page and of the first. */
  more: string | null
  first: string | null
}

const removePath = (id: string): string => `${APPLICATIONS_PATH}/${encodeURIComponent(id)}/remove`

/** /account/applications */
export function Applications({ applications, isRemoved, more, first }: ApplicationsProps) {
  const { locale } = useUi()
  return (
    <AccountPage
      current="security"
      title={t(locale, 'title')}
      notice={isRemoved ? t(locale, 'notice.removed') : null}
    >
      <Section title={t(locale, 'list')} lead={applications.length > 0 ? t(locale, 'lead') : null}>
        {applications.length === 0 ? (
          <EmptyState title={t(locale, 'none')}>
            <p>{t(locale, 'none_lead')}</p>
          </EmptyState>
        ) : (
          <ItemList>
            {applications.map((item) => (
              <ApplicationRow key={item.id} item={item} />
            ))}
          </ItemList>
        )}
        <Pager more={more} first={first} />
      </Section>
      <LinkRow>
        <a href="/account/security?open=applications">{t(locale, 'back_security')}</a>
      </LinkRow>
    </AccountPage>
  )
}

function ApplicationRow({ item }: { item: ApplicationItem }) {
  const {
    id,
    name,
    logo,
    organization,
    url,
    isOwn,
    scopes,
    resourceScopes,
    isOffline,
    sessions,
    since,
    lastUsedAt,
  } = item
  const { locale } = useUi()
  return (
    <Item
      icon={<AppIcon logo={logo} />}
      title={name}
      action={
        <ButtonLink kind="danger" href={removePath(id)} description={t(locale, 'remove.of', { app: name })}>
          {t(locale, 'remove.button')}
        </ButtonLink>
      }
    >
      {organization === null ? null : <p>{t(locale, 'of', { organization })}</p>}
      {isOwn ? <p>{t(locale, 'own')}</p> : null}
      {url === null ? null : (
        <p>
          <a href={url} rel="noreferrer">
            {new URL(url).host}
          </a>
        </p>
      )}
      {scopes.length + resourceScopes.length > 0 ? (
        <>
          <p>{t(locale, 'may')}</p>
          <AccessList scopes={scopes} resourceScopes={resourceScopes} />
        </>
      ) : null}
      {isOffline && !scopes.includes('offline_access') ? <p>{t(locale, 'offline')}</p> : null}
      {sessions > 0 ? <p class="block">{t(locale, 'signed_in')}</p> : null}
      <p>{t.nodes(locale, 'since', { time: <Time at={since} to="day" /> })}</p>
      {lastUsedAt ? <p>{t.nodes(locale, 'used', { time: <Time at={lastUsedAt} /> })}</p> : null}
    </Item>
  )
}

/** Both of one size, so that the names are in one line. */
const AppIcon = ({ logo }: Pick<ApplicationItem, 'logo'>) => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    {logo === null ? (
      <path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" />
    ) : (
      <image href={logo} width="24" height="24" />
    )}
  </svg>
)

/** /account/applications/:id/remove */
export function RemoveApplication({ application }: { application: ApplicationItem }) {
  const { locale } = useUi()
  const { id, name: app, isOwn } = application
  return (
    <QuestionCard
      title={t(locale, 'remove.title', { app })}
      lead={t(locale, 'remove.lead', { app })}
      action={removePath(id)}
      button={t(locale, 'remove.button')}
      back={{ href: APPLICATIONS_PATH, label: t(locale, 'back') }}
    >
      <p class="block">{t(locale, isOwn ? 'remove.again_own' : 'remove.again')}</p>
      <p class="block">{t(locale, 'remove.there', { app })}</p>
    </QuestionCard>
  )
}

/** What the row of the security page opens to. */
export function ApplicationSection() {
  const { locale } = useUi()
  return (
    <LeadTo lead={t(locale, 'section.lead')} href={APPLICATIONS_PATH} label={t(locale, 'section.link')} />
  )
}
