/** The pages of a security policy: the form, its effect before it is saved, and who complies. Presentation only. */
import { can } from '@latchkey/guard'
import type { ComponentChildren } from 'preact'
import { ACCEPTABLE_METHODS } from '../../../base/assurance.ts'
import { Checkbox, Choices, Field, Form, Select } from '../../../base/page/form.tsx'
import { type FormState, timeText, useUi } from '../../../base/page/index.ts'
import {
  Actions,
  Alert,
  Badge,
  Button,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { PASSWORD_PROFILES } from '../../../config/password-profiles.ts'
import { Icon, OrganizationPage, Pager, placeOf, type Shell } from '../frame/index.ts'
import type { SsoEffect } from '../sso/index.ts'
import type { Effect } from './changes.ts'
import type { ComplianceRow, EffectRow } from './members-sql.ts'
import { COMPLIANCE_STATES, type ComplianceState, SIGN_IN_RULES } from './policy.ts'
import type { StoredPolicy } from './sql.ts'
import { policyText as t } from './texts.ts'
import { durationText } from './view.ts'

const FORM_MODES = ['disabled', 'optional', 'require_any', 'require_totp', 'require_passkey'] as const

export interface SecurityPolicyProps extends FormState {
  shell: Shell
  policy: StoredPolicy
  mayChange: boolean
  members: readonly ComplianceRow[]
  counts: EffectRow
  state: ComplianceState | null
  more: string | null
  first: string | null
}

/** /account/organizations/:id/security */
export function SecurityPolicy(props: SecurityPolicyProps) {
  const { shell, policy, mayChange, members, counts, state, more, first, ...form } = props
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="security">
      <Section title={t(locale, 'policy.title')} lead={t(locale, 'policy.lead')}>
        {policy.since === null ? null : (
          <p>{t.nodes(locale, 'policy.since', { time: <Time at={policy.since} to="day" /> })}</p>
        )}
        {policy.ssoLapsedAt !== null ? <Alert kind="error">{t(locale, 'sign_in.lapsed')}</Alert> : null}
        {mayChange ? <PolicyForm id={shell.id} policy={policy} {...form} /> : <PolicyFacts policy={policy} />}
      </Section>
      <Compliance shell={shell} members={members} counts={counts} state={state} more={more} first={first} />
    </OrganizationPage>
  )
}

function PolicyForm({ id, policy, ...form }: FormState & { id: string; policy: StoredPolicy }) {
  const { locale } = useUi()
  const fields = {
    mode: t(locale, 'field.mode'),
    ...Object.fromEntries(ACCEPTABLE_METHODS.map((one) => [`allow_${one}`, t(locale, `field.allow_${one}`)])),
    grace_days: t(locale, 'field.grace_days'),
    notify_days_before: t(locale, 'field.notify_days_before'),
    session_absolute: t(locale, 'field.session_absolute'),
    profile: t(locale, 'field.password_profile'),
    sign_in: t(locale, 'field.sign_in'),
  }
  const profiles = ['server', ...PASSWORD_PROFILES] as const
  return (
    <Form
      action={placeOf(id, '/security/review')}
      fields={fields}
      hidden={{ version: String(policy.version) }}
      {...form}
    >
      <Select
        name="mode"
        value={policy.mode}
        options={Object.fromEntries(FORM_MODES.map((mode) => [mode, t(locale, `mode.${mode}`)]))}
      />
      <Choices legend={t(locale, 'allowed.title')} hint={t(locale, 'allowed.hint')}>
        {ACCEPTABLE_METHODS.map((one) => (
          <Checkbox key={one} name={`allow_${one}`} checked={policy.allowedMethods.includes(one)} />
        ))}
      </Choices>
      <Field
        name="grace_days"
        inputmode="numeric"
        maxlength={3}
        autocomplete="off"
        value={String(policy.graceDays)}
        hint={t(locale, 'grace.hint')}
      />
      <Field
        name="notify_days_before"
        maxlength={60}
        autocomplete="off"
        value={policy.notifyDaysBefore.join(', ')}
        hint={t(locale, 'notify.hint')}
        optional
      />
      <Field
        name="session_absolute"
        maxlength={16}
        autocomplete="off"
        value={policy.sessionAbsolute === null ? '' : durationText(policy.sessionAbsolute)}
        hint={t(locale, 'session.hint')}
        optional
      />
      <Select
        name="profile"
        value={policy.passwordProfile ?? 'server'}
        options={Object.fromEntries(profiles.map((one) => [one, t(locale, `profile.${one}`)]))}
        hint={t(locale, 'profile.hint')}
      />
      <Conformances />
      <Select
        name="sign_in"
        value={policy.signIn}
        options={Object.fromEntries(SIGN_IN_RULES.map((one) => [one, t(locale, `sign_in.${one}`)]))}
        hint={t(locale, 'sign_in.hint')}
      />
      <Button kind="secondary">{t(locale, 'policy.review')}</Button>
    </Form>
  )
}

/** What each profile follows and what not, where it is chosen. */
function Conformances() {
  const { locale } = useUi()
  return (
    <DefinitionList>
      {PASSWORD_PROFILES.map((one) => (
        <Definition key={one} term={t(locale, `profile.${one}`)}>
          {t(locale, `conformance.${one}`)}
        </Definition>
      ))}
    </DefinitionList>
  )
}

/** The policy for a reader who may not change it. */
function PolicyFacts({ policy }: { policy: StoredPolicy }) {
  const { locale } = useUi()
  return (
    <>
      <DefinitionList>
        <Definition term={t(locale, 'field.mode')}>{t(locale, `mode.${policy.mode}`)}</Definition>
        <Definition term={t(locale, 'field.grace_days')}>{policy.graceDays}</Definition>
        <Definition term={t(locale, 'field.sign_in')}>{t(locale, `sign_in.${policy.signIn}`)}</Definition>
        <Definition term={t(locale, 'field.password_profile')}>
          {t(locale, `profile.${policy.passwordProfile ?? 'server'}`)}
          {policy.passwordProfile === null ? null : (
            <p class="quiet">{t(locale, `conformance.${policy.passwordProfile}`)}</p>
          )}
        </Definition>
      </DefinitionList>
      <p class="quiet">{t(locale, 'policy.read_only')}</p>
    </>
  )
}

const KINDS: Readonly<Record<ComplianceState, 'info' | 'success' | 'warning'>> = {
  not_applicable: 'info',
  pending: 'info',
  in_grace: 'info',
  compliant: 'success',
  past_due: 'warning',
  suspended: 'warning',
}

type ComplianceProps = Pick<SecurityPolicyProps, 'shell' | 'members' | 'counts' | 'state' | 'more' | 'first'>

function Compliance({ shell, members, counts, state, more, first }: ComplianceProps) {
  const { locale } = useUi()
  const place = placeOf(shell.id, '/security')
  const filters = COMPLIANCE_STATES.filter((one) => (counts.states[one] ?? 0) > 0 || one === state)
  return (
    <Section title={t(locale, 'compliance.title')}>
      <LinkRow>
        <a href={place} aria-current={state === null ? 'true' : undefined}>
          {t(locale, 'compliance.all')}
        </a>
        {filters.map((one) => (
          <>
            {' · '}
            <a key={one} href={`${place}?state=${one}`} aria-current={one === state ? 'true' : undefined}>
              {t(locale, 'compliance.filter', {
                state: t(locale, `state.${one}`),
                count: counts.states[one] ?? 0,
              })}
            </a>
          </>
        ))}
      </LinkRow>
      {members.length === 0 ? (
        <EmptyState title={t(locale, 'compliance.none')} />
      ) : (
        <ItemList>
          {members.map((row) => (
            <MemberRow key={row.user_id} shell={shell} row={row} />
          ))}
        </ItemList>
      )}
      <Pager more={more} first={first} />
      <LinkRow>
        <a href={`/api/v1/organizations/${encodeURIComponent(shell.id)}/mfa-compliance/export?format=csv`}>
          {t(locale, 'compliance.export')}
        </a>
      </LinkRow>
    </Section>
  )
}

function MemberRow({ shell, row }: { shell: Shell; row: ComplianceRow }) {
  const { locale } = useUi()
  const name = row.full_name ?? row.username ?? row.email
  const isOpen = row.state === 'pending' || row.state === 'in_grace'
  const isOverdue = row.state === 'past_due' || row.state === 'suspended'
  return (
    <Item
      icon={<Icon of="person" />}
      title={name}
      badge={<Badge kind={KINDS[row.state]}>{t(locale, `state.${row.state}`)}</Badge>}
      action={
        can(shell, 'members:read') ? (
          <ButtonLink
            href={placeOf(shell.id, `/members/${encodeURIComponent(row.user_id)}`)}
            kind="secondary"
            description={t(locale, 'compliance.open_one', { name })}
          >
            {t(locale, 'compliance.open')}
          </ButtonLink>
        ) : null
      }
    >
      <p>{row.email}</p>
      {(isOpen || isOverdue) && row.due_at ? (
        <p>
          {t.nodes(locale, isOpen ? 'compliance.due' : 'compliance.overdue', {
            time: <Time at={row.due_at} to="day" />,
          })}
        </p>
      ) : null}
    </Item>
  )
}

export interface ReviewProps {
  shell: Shell
  /** The fields of the form, as they were sent. */
  sent: Readonly<Record<string, string>>
  effect: Pick<Effect, 'after' | 'sso' | 'changesSignIn'>
  now: Date
}

/** The second step of the form: what the change means, and the button that makes it. */
export function Review({ shell, sent, effect: { after, sso, changesSignIn }, now }: ReviewProps) {
  const { locale } = useUi()
  const { loses_session: losing, must_enrol: enrolling } = after
  const begun = changesSignIn ? sso : null
  const lead = begun
    ? t(locale, 'review.sso', { connections: begun.connections.join(', ') })
    : t(locale, 'review.any')
  return (
    <Card
      sign="people"
      title={t(locale, 'review.title')}
      lead={changesSignIn ? lead : <FactorEffect effect={after} now={now} />}
    >
      {begun ? <SsoConsequences effect={begun} /> : null}
      {changesSignIn && enrolling > 0 ? (
        <p class="block">
          <FactorEffect effect={after} now={now} />
        </p>
      ) : null}
      {losing > 0 ? (
        <Alert kind="info">
          {t(locale, begun ? 'review.sso_sessions' : 'review.sessions', { count: losing })}
        </Alert>
      ) : null}
      {enrolling > 0 ? <p class="lead">{t(locale, 'review.emails', { count: enrolling })}</p> : null}
      <Form action={placeOf(shell.id, '/security')} hidden={sent}>
        <Actions>
          <Button>{t(locale, 'review.save')}</Button>
          <ButtonLink href={placeOf(shell.id, '/security')} kind="secondary">
            {t(locale, 'review.cancel')}
          </ButtonLink>
        </Actions>
      </Form>
    </Card>
  )
}

/** Who cannot sign in by the connections yet, and how owners work without them. */
function SsoConsequences({ effect }: { effect: SsoEffect }) {
  const { locale } = useUi()
  const { members, must_connect, other_address, owners, owners_waiting: waiting } = effect
  const { owners_without_factor: unable, owners_ready_at: readyAt } = effect
  const lacking = unable - waiting
  return (
    <>
      <ul class="plain">
        <li>
          {must_connect === 0
            ? t(locale, 'review.sso_all')
            : t(locale, 'review.sso_connect', { members, count: must_connect })}
        </li>
        {other_address > 0 ? <li>{t(locale, 'review.sso_other', { count: other_address })}</li> : null}
        <li>{t(locale, 'review.sso_owners')}</li>
      </ul>
      {unable > 0 ? (
        <Alert kind={unable === owners ? 'error' : 'info'}>
          {lacking === owners ? (
            <p>
              {t.nodes(locale, 'review.sso_no_owner', {
                link: <a href="/account/security">{t(locale, 'review.sso_factor')}</a>,
              })}
            </p>
          ) : null}
          {lacking > 0 && lacking < owners ? (
            <p>{t(locale, 'review.sso_some_owners', { owners, count: lacking })}</p>
          ) : null}
          {readyAt === null ? null : (
            <p>
              {t(locale, 'review.sso_waiting', {
                owners,
                count: waiting,
                time: timeText(locale, readyAt, 'minute'),
              })}
            </p>
          )}
        </Alert>
      ) : null}
    </>
  )
}

function FactorEffect({ effect, now }: { effect: EffectRow; now: Date }): ComponentChildren {
  const { locale } = useUi()
  const { members, must_enrol: count, due_at: dueAt } = effect
  const isOnly = members === 1
  if (count === 0 || dueAt === null)
    return isOnly ? t(locale, 'review.only_none') : t(locale, 'review.none', { members })
  if (dueAt <= now)
    return isOnly ? t(locale, 'review.only_at_once') : t(locale, 'review.at_once', { members, count })
  const date = timeText(locale, dueAt, 'day')
  return isOnly
    ? t(locale, 'review.only_effect', { date })
    : t(locale, 'review.effect', { members, count, date })
}
