/** The set-up pages besides that of the settings. Presentation only; no page shows a secret. */
import { ButtonForm, Field, Form, Select } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Actions,
  Alert,
  Badge,
  Button,
  ButtonLink,
  Card,
  EmptyState,
  Item,
  ItemList,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { type AdvisedConnection, FaultAdvice, StuckAdvice } from '../../../core/connection-advice.tsx'
import { outcomeOf } from '../../../core/connection-events.ts'
import { ReasonText } from '../../organizations/connections/index.ts'
import { DomainCard, DomainState } from '../../organizations/domains/index.ts'
import type { SetupChoice, SetupRefusal } from '../../organizations/setup-links/index.ts'
import { type TestConclusion, TestResult, TestWarningText } from '../connection-tests/index.ts'
import type { LastTest, SetupEvent } from './last-test.ts'
import {
  findNext,
  isDone,
  isSet,
  SetupPage,
  type SetupState,
  type SetupStep,
  stepPath,
  stepsOf,
} from './steps.tsx'
import { setupText as t } from './texts.ts'

type StateProps = SetupState & { test: LastTest }

/** /setup/connection/:token */
export function SetupStart({ brand, ...props }: FormState & StateProps & { brand: string }) {
  const { locale } = useUi()
  const { opened, setup, missing, test, ...form } = props
  const { token, organization, link } = opened
  const isOfDomains = link.intent === 'domain'
  const mayComplete = isOfDomains
    ? setup.domains.length > 0
    : isDone({ setup, missing }, 'settings') && isDone({ setup, missing }, 'test')
  const next = findNext({ opened, setup, missing })
  return (
    <SetupPage opened={opened} current="start">
      <Section
        title={t(locale, 'nav.label')}
        lead={t.nodes(locale, isOfDomains ? 'lead_domain' : 'lead', {
          organization: organization.name,
          brand,
          time: <Time at={link.expires_at} />,
        })}
      >
        <ItemList>
          {stepsOf(opened).map((step, at) => (
            <Item
              key={step}
              title={`${at + 1}. ${t(locale, `step.${step}`)}`}
              badge={
                isDone({ setup, missing }, step) ? (
                  <Badge kind="success">{t(locale, 'step.done')}</Badge>
                ) : (
                  <Badge>{t(locale, 'step.open')}</Badge>
                )
              }
            >
              <StepFacts step={step} {...props} />
            </Item>
          ))}
        </ItemList>
        {next ? (
          <ButtonLink href={stepPath(token, next)} kind={mayComplete ? 'secondary' : 'primary'}>
            {t(locale, `start.${next}`)}
          </ButtonLink>
        ) : null}
      </Section>
      {mayComplete ? <Completion {...props} /> : form.alert ? <Alert kind="error">{form.alert}</Alert> : null}
    </SetupPage>
  )
}

/** What was entered in a step. */
function StepFacts({
  step,
  opened,
  setup,
  missing,
  test,
}: StateProps & { step: Exclude<SetupStep, 'start'> }) {
  const { locale } = useUi()
  const { choice, connection, domains } = setup
  if (step === 'provider') return choice && <p>{t.find(locale, `choice.${choice.id}`)}</p>
  if (step === 'settings') {
    const { issuer, tenant, saml } = connection?.settings ?? {}
    const party = issuer ?? tenant ?? saml?.entity_id ?? connection?.clientId
    return isSet({ setup, missing }) && party ? <p>{party}</p> : null
  }
  if (step === 'test') {
    if (test.failed) return <p>{t(locale, 'test.last')}</p>
    const at = isDone({ setup, missing }, step) ? connection?.testedAt : null
    return at ? <p>{t.nodes(locale, 'test.passed', { time: <Time at={at} /> })}</p> : null
  }
  if (domains.length === 0) return opened.link.intent === 'both' ? <p>{t(locale, 'step.later')}</p> : null
  return (
    <>
      {domains.map((one) => (
        <p key={one.id}>
          {one.domain} <DomainState domain={one} />
        </p>
      ))}
    </>
  )
}

/** The button that ends the set-up, with what then happens. */
function Completion({ opened, setup, test, ...form }: FormState & StateProps) {
  const { locale } = useUi()
  const { link, token } = opened
  const { alert, errors } = form
  const action = stepPath(token, 'complete')
  if (link.intent === 'domain')
    return (
      <Section title={t(locale, 'complete.domain_button')} lead={t(locale, 'complete.domain')}>
        <ButtonForm
          action={action}
          kind="primary"
          label={t(locale, 'complete.domain_button')}
          {...{ alert, errors }}
        />
      </Section>
    )
  const { state, verified } = setup.use
  return (
    <Section title={t(locale, 'complete.title')} lead={t(locale, 'complete.lead')}>
      <p class="block">{t(locale, `complete.${state}`, { domains: verified.join(', ') })}</p>
      {test.failed ? (
        <Alert kind="warning">
          <p class="strong">{t(locale, 'complete.failed')}</p>
          <ReasonText {...test.failed} />
        </Alert>
      ) : null}
      <TestWarningText warning={test.warning} />
      <ButtonForm
        action={action}
        kind="primary"
        label={t(locale, 'complete.button')}
        {...{ alert, errors }}
      />
    </Section>
  )
}

/** The same address, once the set-up is completed: what was set up, and the diagnostics. */
export function SetupDone({
  opened,
  setup,
  events,
  now,
  publicUrl,
}: Pick<SetupState, 'opened' | 'setup'> & { events: readonly SetupEvent[]; now: Date; publicUrl: string }) {
  const { locale } = useUi()
  const { organization, link } = opened
  const { connection, domains, use } = setup
  const isActive = connection?.status === 'active'
  const own = `${publicUrl}/account/organizations/${organization.id}/domains`
  return (
    <SetupPage opened={opened} current="start">
      <Section
        title={t(locale, 'done.what')}
        lead={t.nodes(locale, 'done.lead', {
          organization: organization.name,
          time: <Time at={link.expires_at} />,
        })}
      >
        {connection === null ? null : (
          <p class="block">
            {isActive
              ? t.nodes(locale, `done.${use.state}`, {
                  domains: use.verified.join(', '),
                  page: <a href={`${publicUrl}/sign-in`}>{`${publicUrl}/sign-in`}</a>,
                  choose: <a href={own}>{t(locale, 'done.choose')}</a>,
                })
              : t(locale, 'done.changed')}
          </p>
        )}
      </Section>
      {domains.map((one) => (
        <DomainCard key={one.id} domain={one} now={now} check={null} />
      ))}
      {connection === null ? null : <Events events={events} />}
    </SetupPage>
  )
}

function Events({ events }: { events: readonly SetupEvent[] }) {
  const { locale } = useUi()
  return (
    <Section title={t(locale, 'done.events')}>
      {events.length === 0 ? <EmptyState title={t(locale, 'done.none')} /> : null}
      <ItemList>
        {events.map((event) => (
          <Item key={event.id} title={t(locale, `events.${outcomeOf(event)}`)} badge={null}>
            <p>
              <Time at={event.at} />
            </p>
            <ReasonText {...event} />
            {event.requestId === null ? null : (
              <p class="quiet">{t(locale, 'events.reference', { reference: event.requestId })}</p>
            )}
          </Item>
        ))}
      </ItemList>
    </Section>
  )
}

/** …/provider */
export function ChooseProvider({
  opened,
  setup,
  choices,
  ...form
}: FormState & Pick<SetupState, 'opened' | 'setup'> & { choices: readonly SetupChoice[] }) {
  const { locale } = useUi()
  const { token, organization } = opened
  const [first] = choices
  const isChosen = setup.connection !== null
  const named = (id: string): string => t.find(locale, `choice.${id}`) ?? id
  return (
    <SetupPage opened={opened} current="provider">
      <Section
        title={t(locale, 'provider.title')}
        lead={t(locale, 'provider.lead', { organization: organization.name })}
      >
        {isChosen && choices.length > 1 ? <p class="block">{t(locale, 'provider.replace')}</p> : null}
        {first && choices.length === 1 ? (
          <>
            <p class="block strong">{named(first.id)}</p>
            <ButtonForm
              action={stepPath(token, 'provider')}
              hidden={{ choice: first.id }}
              kind="primary"
              label={t(locale, 'provider.button')}
              {...form}
            />
          </>
        ) : (
          <Form action={stepPath(token, 'provider')} fields={{ choice: t(locale, 'field.choice') }} {...form}>
            <Select
              name="choice"
              value={setup.choice?.id ?? first?.id ?? null}
              hint={t(locale, 'hint.choice')}
              options={Object.fromEntries(choices.map(({ id }) => [id, named(id)]))}
            />
            <Button>{t(locale, 'provider.button')}</Button>
          </Form>
        )}
      </Section>
    </SetupPage>
  )
}

/** …/domain */
export function SetupDomains({
  opened,
  setup,
  missing,
  test: _,
  now,
  ...form
}: FormState & StateProps & { now: Date }) {
  const { locale } = useUi()
  const { token } = opened
  const { domains } = setup
  const next = findNext({ opened, setup, missing })
  // a further step, or the overview, where the set-up is completed
  const onwards = next === null || next === 'domain' ? 'start' : next
  return (
    <SetupPage opened={opened} current="domain">
      <Section title={t(locale, 'domain.title')} lead={t(locale, 'domain.lead')}>
        {domains.length === 0 ? <EmptyState title={t(locale, 'domain.none')} /> : null}
        <Form action={stepPath(token, 'domain')} fields={{ domain: t(locale, 'field.domain') }} {...form}>
          <Field name="domain" autocomplete="off" maxlength={253} hint={t(locale, 'hint.domain')} />
          <Button kind={domains.length === 0 ? 'primary' : 'secondary'}>{t(locale, 'domain.add')}</Button>
        </Form>
      </Section>
      {domains.map((domain) => (
        <DomainCard
          key={domain.id}
          domain={domain}
          now={now}
          check={{ action: stepPath(token, 'domain/check'), hidden: { domain_id: domain.id } }}
        >
          {domain.verified_at === null ? (
            <ButtonForm
              action={stepPath(token, 'domain/remove')}
              hidden={{ domain_id: domain.id }}
              label={t(locale, 'domain.remove')}
              description={t(locale, 'domain.remove_one', domain)}
            />
          ) : null}
        </DomainCard>
      ))}
      {domains.length === 0 && opened.link.intent === 'domain' ? null : (
        <Section>
          <p>
            {t(
              locale,
              domains.length === 0 ? 'domain.skip' : next === 'domain' ? 'domain.later' : 'domain.done',
            )}
          </p>
          <ButtonLink href={stepPath(token, onwards)} kind={domains.length === 0 ? 'secondary' : 'primary'}>
            {t(locale, onwards === 'start' ? 'start.begin' : `start.${onwards}`)}
          </ButtonLink>
        </Section>
      )}
    </SetupPage>
  )
}

/** …/test */
export function SetupTest({
  outcome,
  of,
  ...state
}: StateProps & {
  of: AdvisedConnection
  /** Of the test that has just ended in this browser. */
  outcome: TestConclusion | null
}) {
  const { locale } = useUi()
  const { opened, setup, test } = state
  const { token } = opened
  const testedAt = setup.connection?.testedAt ?? null
  const failed = outcome === null ? test.failed : 'fault' in outcome ? outcome : null
  const isPassed = failed === null && testedAt !== null
  const next = findNext(state)
  return (
    <SetupPage opened={opened} current="test">
      <Section title={t(locale, 'test.title')} lead={t(locale, 'test.lead')}>
        {failed ? (
          <Alert kind="error">
            <p class="strong">{t(locale, 'test.last')}</p>
            <ReasonText {...failed} />
            <FaultAdvice fault={failed.fault} of={of} />
          </Alert>
        ) : null}
        {failed && testedAt !== null ? (
          <p class="block">{t.nodes(locale, 'test.before', { time: <Time at={testedAt} /> })}</p>
        ) : null}
        {isPassed ? (
          <Alert kind="success">{t.nodes(locale, 'test.passed', { time: <Time at={testedAt} /> })}</Alert>
        ) : null}
        {outcome !== null && 'identity' in outcome ? (
          <>
            {testedAt === null ? <Alert kind="info">{t(locale, 'test.stale')}</Alert> : null}
            <TestResult outcome={outcome} domains={setup.use.domains} of={of} />
          </>
        ) : isPassed ? (
          <TestWarningText warning={test.warning} />
        ) : null}
        {isSet(state) && !isPassed ? <StuckAdvice of={of} /> : null}
        {isSet(state) ? (
          <Actions>
            {isPassed ? (
              <ButtonLink href={stepPath(token, next ?? 'start')}>
                {t(locale, next === null ? 'start.begin' : `start.${next}`)}
              </ButtonLink>
            ) : null}
            <ButtonLink href={stepPath(token, 'test/begin')} kind={isPassed ? 'secondary' : 'primary'}>
              {t(locale, outcome === null && testedAt === null && !failed ? 'test.button' : 'test.again')}
            </ButtonLink>
          </Actions>
        ) : (
          <p class="block">
            <a href={stepPath(token, 'settings')}>{t(locale, 'test.incomplete')}</a>
          </p>
        )}
      </Section>
    </SetupPage>
  )
}

/** A link that is refused says why, and nothing of the organization. */
export function SetupRefused({ refused }: { refused: SetupRefusal }) {
  const { locale } = useUi()
  return <Card sign="link" title={t(locale, 'refused.title')} lead={t(locale, `refused.${refused}`)} />
}
