/** The pages of an organization's domains. Presentation only. */
import type { ComponentChildren } from 'preact'
import type { Locale } from '../../../base/call.ts'
import { ButtonForm, Field, Form, Select } from '../../../base/page/form.tsx'
import { agoText, type FormState, useUi } from '../../../base/page/index.ts'
import {
  Actions,
  Alert,
  Badge,
  Button,
  type ButtonKind,
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
import { Icon, OrganizationPage, placeOf, type Shell } from '../frame/index.ts'
import { CHECKED_FOR, type ConnectionChoice, challengeOf } from './domains.ts'
import type { DomainRow } from './sql.ts'
import { domainText as t } from './texts.ts'
import { checkOf } from './view.ts'

const pageOf = (shell: Pick<Shell, 'id'>, { id }: Pick<DomainRow, 'id'>, part = ''): string =>
  placeOf(shell.id, `/domains/${encodeURIComponent(id)}${part}`)

export function DomainState({ domain }: { domain: DomainRow }) {
  const { locale } = useUi()
  if (domain.failing_since !== null) return <Badge kind="warning">{t(locale, 'state.warning')}</Badge>
  return domain.verified_at === null ? (
    <Badge>{t(locale, 'state.pending')}</Badge>
  ) : (
    <Badge kind="success">{t(locale, 'state.verified')}</Badge>
  )
}

/** /account/organizations/:id/domains */
export function Domains({
  shell,
  domains,
  mayChange,
  ...form
}: FormState & { shell: Shell; domains: readonly DomainRow[]; mayChange: boolean }) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="domains">
      <Section title={t(locale, 'list.title')} lead={t(locale, 'list.lead')}>
        {domains.length === 0 ? (
          <EmptyState title={t(locale, 'list.none')} />
        ) : (
          <ItemList>
            {domains.map((one) => (
              <Item
                key={one.id}
                icon={<Icon of="domain" />}
                title={one.domain}
                badge={<DomainState domain={one} />}
                action={
                  <ButtonLink
                    href={pageOf(shell, one)}
                    kind="secondary"
                    description={t(locale, 'list.show_one', one)}
                  >
                    {t(locale, 'list.show')}
                  </ButtonLink>
                }
              >
                {one.verified_at === null ? null : (
                  <p>{t.nodes(locale, 'list.since', { time: <Time at={one.verified_at} to="day" /> })}</p>
                )}
              </Item>
            ))}
          </ItemList>
        )}
      </Section>
      {mayChange ? (
        <Section title={t(locale, 'add.title')} lead={t(locale, 'add.lead')}>
          <Form
            action={placeOf(shell.id, '/domains')}
            fields={{ domain: t(locale, 'field.domain') }}
            {...form}
          >
            <Field name="domain" autocomplete="off" maxlength={253} hint={t(locale, 'add.hint')} />
            <Button>{t(locale, 'add.button')}</Button>
          </Form>
        </Section>
      ) : null}
    </OrganizationPage>
  )
}

export interface DomainProps extends FormState {
  shell: Shell
  domain: DomainRow
  mayChange: boolean
  connections: readonly ConnectionChoice[]
  now: Date
}

/** /account/organizations/:id/domains/:domain_id */
export function Domain({ shell, domain, mayChange, connections, now, ...form }: DomainProps) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="domains">
      <Section>
        <h2>
          {domain.domain} <DomainState domain={domain} />
        </h2>
        <Advice domain={domain} />
      </Section>
      <DomainProof
        domain={domain}
        now={now}
        check={
          mayChange
            ? {
                action: pageOf(shell, domain, '/verify'),
                kind: domain.verified_at === null ? 'primary' : 'secondary',
              }
            : null
        }
      />
      {mayChange && connections.length > 0 ? (
        <Section
          title={t(locale, 'connection.title')}
          lead={t(locale, 'connection.lead', { domain: domain.domain })}
        >
          <Form
            action={pageOf(shell, domain)}
            fields={{ connection_id: t(locale, 'field.connection_id') }}
            {...form}
          >
            <Select
              name="connection_id"
              value={domain.connection_id}
              options={{
                '': t(locale, 'connection.first'),
                ...Object.fromEntries(connections.map((one) => [one.id, connectionName(locale, one)])),
              }}
            />
            <Button>{t(locale, 'connection.button')}</Button>
          </Form>
        </Section>
      ) : null}
      <LinkRow>
        <a href={placeOf(shell.id, '/domains')}>{t(locale, 'one.back')}</a>
        {mayChange ? <a href={pageOf(shell, domain, '/remove')}>{t(locale, 'remove.link')}</a> : null}
      </LinkRow>
    </OrganizationPage>
  )
}

interface ProofProps {
  domain: DomainRow
  now: Date
  /** The form that checks it now; null: the reader may not. */
  check: { action: string; hidden?: Readonly<Record<string, string>>; kind?: ButtonKind } | null
}

/** The record that proves a domain, and its last check. */
function DomainProof({ domain, now, check }: ProofProps) {
  const { locale } = useUi()
  return (
    <>
      <Section title={t(locale, 'record.title')} lead={t(locale, 'record.lead')}>
        <RecordParts domain={domain} suffix="" />
      </Section>
      <Section title={t(locale, 'check.title')}>
        <Check domain={domain} now={now} />
        {check ? <ButtonForm {...check} label={t(locale, 'check.button')} /> : null}
      </Section>
    </>
  )
}

/** The same of one of several domains, in one card. The record of a verified one is folded. `children`: further forms. */
export function DomainCard({ domain, now, check, children }: ProofProps & { children?: ComponentChildren }) {
  const { locale } = useUi()
  const isVerified = domain.verified_at !== null
  const record = <RecordParts domain={domain} suffix={`-${domain.id}`} />
  return (
    <Section>
      <h2>
        {domain.domain} <DomainState domain={domain} />
      </h2>
      {isVerified ? (
        <details>
          <summary>{t(locale, 'record.published')}</summary>
          {record}
        </details>
      ) : (
        <>
          <h3>{t(locale, 'record.title')}</h3>
          <p class="lead">{t(locale, 'record.lead')}</p>
          {record}
          <h3>{t(locale, 'check.title')}</h3>
        </>
      )}
      <Check domain={domain} now={now} />
      {check || children ? (
        <Actions>
          {check ? (
            <ButtonForm
              {...check}
              label={t(locale, 'check.button')}
              description={t(locale, 'check.button_one', domain)}
            />
          ) : null}
          {children}
        </Actions>
      ) : null}
    </Section>
  )
}

/** @param suffix of the ids, on a page with several domains */
function RecordParts({ domain, suffix }: { domain: DomainRow; suffix: string }) {
  const { locale } = useUi()
  const record = challengeOf(domain)
  return (
    <DefinitionList>
      <Definition term={t(locale, 'record.type')}>{record.type}</Definition>
      {(['host', 'name', 'value'] as const).map((part) => (
        <Definition key={part} term={t(locale, `record.${part}`)}>
          <Copyable id={`record-${part}${suffix}`} value={record[part]} />
        </Definition>
      ))}
    </DefinitionList>
  )
}

const connectionName = (locale: Locale, { name, status }: ConnectionChoice): string =>
  t.find(locale, `connection.state.${status}`, { name }) ?? name

/** What to do, or what holds. */
function Advice({ domain }: { domain: DomainRow }) {
  const { locale } = useUi()
  if (domain.failing_since !== null)
    return (
      <Alert kind="error">
        {t.nodes(locale, 'one.warning', { time: <Time at={domain.failing_since} /> })}
      </Alert>
    )
  if (domain.verified_at !== null) return <p class="block">{t(locale, 'one.verified')}</p>
  const until = new Date(domain.created_at.getTime() + CHECKED_FOR)
  return (
    <p class="block">
      {domain.next_check_at === null
        ? t(locale, 'one.pending_over')
        : t.nodes(locale, 'one.pending', { time: <Time at={until} to="day" /> })}
    </p>
  )
}

function Check({ domain, now }: { domain: DomainRow; now: Date }) {
  const { locale } = useUi()
  const check = checkOf(domain)
  if (check === null) return <p class="block">{t(locale, 'check.none')}</p>
  const { outcome, found, fault, checkedAt } = check
  const ago = agoText(locale, checkedAt, now)
  if (outcome === 'no_answer')
    return (
      <p class="block">
        {t(locale, 'check.no_answer', { ago, fault: fault ? t(locale, `fault.${fault}`) : '' })}
      </p>
    )
  if (outcome !== 'other_values') return <p class="block">{t(locale, `check.${outcome}`, { ago })}</p>
  return (
    <>
      <p class="block">{t(locale, 'check.other_values', { ago, count: found.length })}</p>
      <ul class="plain">
        {found.map((value) => (
          <li key={value}>
            <code>{value}</code>
          </li>
        ))}
      </ul>
    </>
  )
}

/** /account/organizations/:id/domains/:domain_id/remove */
export function RemoveDomain({
  shell,
  domain,
  endsSso,
  ...form
}: FormState & {
  shell: Shell
  domain: DomainRow
  /** The security policy requires a sign-in by a connection, which is not enforced without the domain. */
  endsSso: boolean
}) {
  const { locale } = useUi()
  return (
    <QuestionCard
      title={t(locale, 'remove.title', domain)}
      lead={t(locale, 'remove.lead')}
      action={pageOf(shell, domain, '/remove')}
      button={t(locale, 'remove.button')}
      back={{ href: pageOf(shell, domain), label: t(locale, 'remove.cancel') }}
      {...form}
    >
      {endsSso ? <Alert kind="warning">{t(locale, 'remove.ends_sso')}</Alert> : null}
      {domain.verified_at === null ? null : (
        <ul class="plain">
          <li>{t(locale, 'remove.routing')}</li>
          <li>{t(locale, 'remove.free')}</li>
          <li>{t(locale, 'remove.keeps')}</li>
          <li>{t(locale, 'remove.again')}</li>
        </ul>
      )}
    </QuestionCard>
  )
}
