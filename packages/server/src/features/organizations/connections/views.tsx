/** The pages of an organization's connections. Presentation only. */
import { ButtonForm, Form } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Alert,
  Badge,
  Button,
  ButtonLink,
  Copyable,
  Definition,
  DefinitionList,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { QuestionCard } from '../../../base/page/question.tsx'
import { type AdvisedConnection, FaultAdvice } from '../../../core/connection-advice.tsx'
import { outcomeOf } from '../../../core/connection-events.ts'
import { ProviderMark } from '../../../core/provider-marks.tsx'
import { PROVIDER_IDS, type ProviderId, providerOf } from '../../../core/providers/index.ts'
import type { LeadingDomains } from '../domains/index.ts'
import { OrganizationPage, placeOf, type Shell } from '../frame/index.ts'
import { Certificates, connectionPage } from './certificate-views.tsx'
import type { ShownConnection } from './connections.ts'
import { ReasonText } from './fault-views.tsx'
import { providerText } from './provider-texts.ts'
import { fieldNames, SettingsForm, type SettingsFormProps, SettingsList } from './settings-views.tsx'
import { connectionText as t } from './texts.ts'
import type { Diagnosis } from './upkeep.ts'
import type { ConnectionView } from './view.ts'

const KINDS = { draft: 'info', pending: 'warning', active: 'success', disabled: 'info' } as const

function State({ state }: Pick<ShownConnection, 'state'>) {
  const { locale } = useUi()
  return <Badge kind={KINDS[state]}>{t(locale, `state.${state}`)}</Badge>
}

export interface ConnectionsProps extends FormState {
  shell: Shell
  connections: readonly ShownConnection[]
  mayChange: boolean
}

/** /account/organizations/:id/connections */
export function Connections({ shell, connections, mayChange, ...form }: ConnectionsProps) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="connections">
      <Section title={t(locale, 'list.title')} lead={t(locale, 'list.lead')}>
        {connections.length === 0 ? (
          <EmptyState title={t(locale, 'list.none')} />
        ) : (
          <ItemList>
            {connections.map((one) => (
              <Item
                key={one.id}
                icon={<ProviderMark provider={one.provider} />}
                title={one.name}
                badge={<State {...one} />}
                action={
                  <ButtonLink
                    href={connectionPage(shell, one)}
                    kind="secondary"
                    description={t(locale, 'list.open_one', one)}
                  >
                    {t(locale, 'list.open')}
                  </ButtonLink>
                }
              >
                {providerOf(one.provider).name === one.name ? null : <p>{providerOf(one.provider).name}</p>}
                <p>
                  {one.testedAt === null
                    ? t(locale, 'list.untested')
                    : t.nodes(locale, 'list.tested', { time: <Time at={one.testedAt} /> })}
                </p>
              </Item>
            ))}
          </ItemList>
        )}
      </Section>
      {mayChange ? (
        <Section title={t(locale, 'add.title')} lead={t(locale, 'add.lead')}>
          <Form
            action={placeOf(shell.id, '/connections')}
            // an empty one would not be sent
            hidden={{ after: connections.at(-1)?.id ?? 'con_' }}
            {...form}
          >
            <ProviderChoice title={t(locale, 'add.company')} providers={OF_COMPANIES} />
            <ProviderChoice title={t(locale, 'add.others')} providers={OF_PEOPLE} />
          </Form>
        </Section>
      ) : null}
      <Section title={t(locale, 'links.title')} lead={t(locale, 'links.lead')}>
        <ButtonLink href={placeOf(shell.id, '/connections/setup-links')} kind="secondary">
          {t(locale, 'links.open')}
        </ButtonLink>
      </Section>
    </OrganizationPage>
  )
}

/** Identity providers that organizations run or rent for their people, and those where people have accounts themselves. */
const OF_COMPANIES = ['entra', 'google', 'okta', 'keycloak', 'auth0', 'saml', 'oidc'] as const
const OF_PEOPLE = PROVIDER_IDS.filter((id) => !(OF_COMPANIES as readonly ProviderId[]).includes(id))

function ProviderChoice({ title, providers }: { title: string; providers: readonly ProviderId[] }) {
  const { locale } = useUi()
  return (
    <fieldset>
      <legend>{title}</legend>
      <div class="choices">
        {providers.map((id) => (
          <Button key={id} kind="secondary" sent={{ name: 'provider', value: id }}>
            <ProviderMark provider={id} />
            {t.find(locale, `add.${id}`) ?? providerOf(id).name}
          </Button>
        ))}
      </div>
    </fieldset>
  )
}

export interface ConnectionProps extends SettingsFormProps {
  addresses: { callbackUrl: string | null; saml: ConnectionView['saml'] }
  /** Null: it is not SAML. */
  certificates: ConnectionView['certificates']
  metadata: ConnectionView['metadata']
  /** Whether the organization requires a sign-in by a connection, and this is the last one. */
  isRequired: boolean
  mayChange: boolean
}

/** /account/organizations/:id/connections/:connection_id */
export function ConnectionDetails(props: ConnectionProps) {
  const { locale } = useUi()
  const { addresses, certificates, metadata, isRequired, mayChange, ...settings } = props
  const { shell, connection, missing } = settings
  const { state, status } = connection
  return (
    <OrganizationPage shell={shell} current="connections">
      <Section>
        <h2>
          {connection.name} <State state={state} />
        </h2>
        {state === 'pending' ? <p class="block">{t(locale, 'one.pending')}</p> : null}
        {missing.length > 0 ? (
          <p class="block">{t(locale, 'one.missing', { fields: fieldNames(locale, missing) })}</p>
        ) : null}
        <LinkRow>
          {state === 'pending' ? (
            <a href={placeOf(shell.id, '/domains')}>{t(locale, 'one.domains')}</a>
          ) : null}
          {mayChange && missing.length === 0 ? (
            <a href={connectionPage(shell, connection, '/test')}>{t(locale, 'one.test')}</a>
          ) : null}
          <a href={connectionPage(shell, connection, '/events')}>{t(locale, 'one.events')}</a>
        </LinkRow>
      </Section>
      <Registration connection={connection} addresses={addresses} />
      <Certificates
        shell={shell}
        connection={connection}
        certificates={certificates}
        metadata={metadata}
        mayChange={mayChange}
      />
      <Section title={t(locale, 'settings.title')}>
        {mayChange ? <SettingsForm {...settings} /> : <SettingsList connection={connection} />}
      </Section>
      {mayChange ? (
        <Section
          title={t(locale, 'status.title')}
          {...(status === 'active' && { lead: t(locale, 'ends.sessions') })}
        >
          {isRequired ? <Alert kind="warning">{t(locale, 'ends.requirement')}</Alert> : null}
          {status === 'active' ? (
            <ButtonForm
              action={connectionPage(shell, connection, '/disable')}
              label={t(locale, 'status.disable')}
            />
          ) : missing.length > 0 ? (
            <p class="block">{t(locale, 'status.incomplete')}</p>
          ) : (
            <ButtonForm
              action={connectionPage(shell, connection, '/enable')}
              kind="primary"
              label={t(locale, 'status.enable')}
            />
          )}
        </Section>
      ) : null}
      <LinkRow>
        <a href={placeOf(shell.id, '/connections')}>{t(locale, 'one.back')}</a>
        {mayChange ? (
          <a href={connectionPage(shell, connection, '/delete')}>{t(locale, 'delete.link')}</a>
        ) : null}
      </LinkRow>
    </OrganizationPage>
  )
}

/** What is registered at the provider, and where. */
function Registration({
  connection,
  addresses: { callbackUrl, saml },
}: Pick<ConnectionProps, 'connection' | 'addresses'>) {
  const { locale } = useUi()
  const { provider } = connection
  // names of protocols, not of providers
  const isGeneric = provider === 'oidc' || provider === 'saml'
  return (
    <Section
      title={
        isGeneric
          ? t(locale, 'register.generic')
          : t(locale, 'register.title', { provider: providerOf(provider).name })
      }
      lead={providerText(locale, `steps.${provider}`)}
    >
      <DefinitionList>
        {callbackUrl === null ? null : (
          <Definition term={t(locale, 'register.callback')}>
            <Copyable id="register-callback" value={callbackUrl} />
          </Definition>
        )}
        {saml === null ? null : (
          <>
            <Definition term={t(locale, 'register.entity_id')}>
              <Copyable id="register-entity" value={saml.entity_id} />
            </Definition>
            <Definition term={t(locale, 'register.acs')}>
              <Copyable id="register-acs" value={saml.acs_url} />
            </Definition>
            <Definition term={t(locale, 'register.login')}>
              <Copyable id="register-login" value={saml.login_url} />
            </Definition>
            <Definition term={t(locale, 'register.logout')}>
              <Copyable id="register-logout" value={saml.logout_url} />
            </Definition>
            <Definition term={t(locale, 'register.metadata')}>
              <Copyable id="register-metadata" value={saml.metadata_url} />
            </Definition>
          </>
        )}
      </DefinitionList>
    </Section>
  )
}

/** /account/organizations/:id/connections/:connection_id/events */
export function ConnectionEvents({
  shell,
  connection,
  events,
  of,
}: {
  shell: Shell
  connection: ShownConnection
  events: readonly Diagnosis[]
  of: AdvisedConnection
}) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="connections">
      <Section title={t(locale, 'events.title', connection)} lead={t(locale, 'events.lead')}>
        {events.length === 0 ? (
          <EmptyState title={t(locale, 'events.none')} />
        ) : (
          <ItemList>
            {events.map((one) => (
              <EventItem key={one.id} event={one} of={of} />
            ))}
          </ItemList>
        )}
      </Section>
      <LinkRow>
        <a href={connectionPage(shell, connection)}>{t(locale, 'events.back')}</a>
      </LinkRow>
    </OrganizationPage>
  )
}

function EventItem({ event, of }: { event: Diagnosis; of: AdvisedConnection }) {
  const { locale } = useUi()
  const { flow, subject, claims, at, requestId } = event
  const outcome = outcomeOf(event)
  return (
    <Item
      title={t.find(locale, `flow.${flow}`) ?? flow}
      badge={
        <Badge kind={outcome === 'failed' ? 'warning' : outcome === 'asked' ? 'info' : 'success'}>
          {t(locale, `events.${outcome}`)}
        </Badge>
      }
    >
      <p>
        <Time at={at} />
      </p>
      <ReasonText {...event} />
      {flow === 'test' && event.fault !== null ? <FaultAdvice fault={event.fault} of={of} /> : null}
      {subject === null ? null : <p>{t(locale, 'events.subject', { subject })}</p>}
      {requestId === null ? null : (
        <p class="quiet">{t(locale, 'events.reference', { reference: requestId })}</p>
      )}
      {claims === null ? null : (
        <details>
          <summary>{t(locale, 'events.claims')}</summary>
          <pre>{JSON.stringify(claims, null, 2)}</pre>
        </details>
      )}
    </Item>
  )
}

/** /account/organizations/:id/connections/:connection_id/delete */
export function DeleteConnection({
  shell,
  connection,
  leading: { domains, next },
  isRequired,
  ...form
}: FormState & Pick<ConnectionProps, 'shell' | 'connection' | 'isRequired'> & { leading: LeadingDomains }) {
  const { locale } = useUi()
  const names = domains.map(({ domain }) => domain).join(', ')
  return (
    <QuestionCard
      title={t(locale, 'delete.title', connection)}
      lead={t(locale, 'delete.lead')}
      action={connectionPage(shell, connection, '/delete')}
      button={t(locale, 'delete.button')}
      back={{ href: connectionPage(shell, connection), label: t(locale, 'delete.cancel') }}
      {...form}
    >
      {connection.status === 'draft' ? null : <p class="block">{t(locale, 'ends.sessions')}</p>}
      {connection.hasIdentities ? <p class="block">{t(locale, 'delete.identities')}</p> : null}
      {domains.length === 0 ? null : (
        <p class="block">
          {next === null
            ? t(locale, 'delete.domains_end', { domains: names })
            : t(locale, 'delete.domains', { domains: names, next: next.name })}
        </p>
      )}
      {isRequired ? <Alert kind="warning">{t(locale, 'ends.requirement')}</Alert> : null}
    </QuestionCard>
  )
}
