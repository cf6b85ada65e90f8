/** The pages on which a second factor is proven or set up. Presentation only. */

import type { Locale } from '../../../base/call.ts'
import { baseText } from '../../../base/page/base-texts.ts'
import { ButtonForm, Checkbox, Form } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Button, Card, LinkRow, withReturnTo } from '../../../base/page/parts.tsx'
import type { Blocked } from '../../../base/refused-factors.ts'
import type { Panel } from './method.ts'
import { secondFactorText as t } from './texts.ts'

export interface ChallengeProps extends FormState {
  what: 'prove' | 'enrol'
  /** Whether it raises a session; otherwise it is part of a sign-in. */
  isStepUp: boolean
  /** Where the form is sent. */
  action: string
  /** The id of the attempt that the form continues. */
  attempt: string
  /** The name of the method, and its part of the page; null where there is none. */
  chosen: { name: string; panel: Panel } | null
  /** The other methods, by name and label. */
  others: readonly { name: string; label: string }[]
  /** The name of the organization that requires it. */
  organization: string | null
  /** Why there is no method. */
  blocked?: Blocked | null
  /** For how many milliseconds the form offers to remember the browser; null: it does not. */
  rememberFor: number | null
  returnTo?: string | null
}

export function Challenge(props: ChallengeProps) {
  const { what, isStepUp, action, attempt, chosen, others, organization, blocked } = props
  const { rememberFor, returnTo, typed, errors, alert, challenge } = props
  const form = { typed, errors, alert, challenge }
  const { locale } = useUi()
  const title = t(locale, `${what}.title`)
  if (!chosen)
    return (
      <Card title={title} lead={t(locale, blocked ? `blocked.${blocked}` : `${what}.none`)}>
        <Leave isStepUp={isStepUp} returnTo={returnTo} />
      </Card>
    )
  const { name, panel } = chosen
  const isRemembering = rememberFor !== null && panel.action === undefined
  const remember = isRemembering ? { remember_device: rememberLabel(locale, rememberFor) } : {}
  return (
    <Card title={title} lead={`${demandText(locale, what, organization)}${panel.lead}`}>
      {panel.links ?? (
        <Form
          action={panel.action ?? action}
          fields={{ ...panel.fields, ...remember }}
          hidden={{ attempt, method: name }}
          returnTo={returnTo}
          {...(panel.data && { data: panel.data })}
          {...form}
        >
          {panel.body}
          {isRemembering ? <Checkbox name="remember_device" /> : null}
          <Button>{panel.button ?? t(locale, `${what}.button`)}</Button>
        </Form>
      )}
      {panel.instead}
      {panel.below}
      {others.length > 0 ? (
        <LinkRow>
          <span class="quiet">{t(locale, `${what}.others`)}</span>
          {others.map((other) => (
            <a key={other.name} href={`${action}?method=${other.name}`}>
              {other.label}
            </a>
          ))}
        </LinkRow>
      ) : null}
      {what === 'prove' && hasFactor([chosen, ...others]) ? (
        <details>
          <summary>{t(locale, 'prove.lost')}</summary>
          <p class="quiet">{t(locale, 'prove.lost_lead')}</p>
        </details>
      ) : null}
      <Leave isStepUp={isStepUp} returnTo={returnTo} />
    </Card>
  )
}

/** Whose demand it is, as a sentence before the others. */
function demandText(locale: Locale, what: 'prove' | 'enrol', organization: string | null): string {
  if (organization !== null) return `${t(locale, `${what}.required_by`, { organization })} `
  return what === 'enrol' ? `${t(locale, 'enrol.required')} ` : ''
}

/** Whether there is a way to continue that an administrator can reset: no password, and no account at a provider. */
const hasFactor = (methods: readonly { name: string }[]): boolean =>
  methods.some(({ name }) => name !== 'password' && name !== 'federation')

/**
 * The way out: a sign-in starts over, a step-up is left with the session as it is. An app that waits for the step-up is answered,
 * so that its user is not left here while it waits.
 */
function Leave({ isStepUp, returnTo }: { isStepUp: boolean; returnTo: string | null | undefined }) {
  const { locale, continuesTo } = useUi()
  const refusal = isStepUp ? continuesTo?.refusal : null
  if (refusal) return <ButtonForm {...refusal} kind="link" label={baseText(locale, 'cancel')} />
  return (
    <LinkRow>
      {isStepUp ? (
        <a href="/account">{baseText(locale, 'cancel')}</a>
      ) : (
        <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'restart')}</a>
      )}
    </LinkRow>
  )
}

const HOUR = 3_600_000

/** In days, or in hours where it is less than two days. */
const rememberLabel = (locale: Locale, milliseconds: number): string =>
  milliseconds < 48 * HOUR
    ? t(locale, 'prove.remember_hours', { count: Math.max(1, Math.floor(milliseconds / HOUR)) })
    : t(locale, 'prove.remember_days', { count: Math.floor(milliseconds / (24 * HOUR)) })
