/** The steps of a set-up: their paths, which a link has, which are done; and the layout of their pages. */
import type { ComponentChildren } from 'preact'
import { useUi } from '../../../base/page/index.ts'
import type { ConnectionSetup, OpenSetupLink } from '../../organizations/setup-links/index.ts'
import { setupText as t } from './texts.ts'

export type SetupStep = 'start' | 'provider' | 'settings' | 'domain' | 'test'

/** The path of a step. The token is a credential: it is in no link to another host. */
export const stepPath = (
  token: string,
  step: SetupStep | 'domain/check' | 'domain/remove' | 'test/begin' | 'complete',
): string => `/setup/connection/${encodeURIComponent(token)}${step === 'start' ? '' : `/${step}`}`

/** The steps that the intent of a link has. */
export function stepsOf({ link: { intent } }: Pick<OpenSetupLink, 'link'>): Exclude<SetupStep, 'start'>[] {
  const connection = ['provider', 'settings', 'test'] as const
  if (intent === 'domain') return ['domain']
  return intent === 'connection' ? [...connection] : [...connection, 'domain']
}

export interface SetupState {
  opened: OpenSetupLink
  setup: ConnectionSetup
  /** The fields that the connection still needs. */
  missing: readonly string[]
}

export const isSet = ({ setup: { connection }, missing }: Omit<SetupState, 'opened'>): boolean =>
  connection !== null && missing.length === 0

export function isDone(state: Omit<SetupState, 'opened'>, step: Exclude<SetupStep, 'start'>): boolean {
  const { connection, domains } = state.setup
  if (step === 'provider') return connection !== null
  if (step === 'settings') return isSet(state)
  if (step === 'test') return isSet(state) && connection?.testedAt != null
  return domains.some(({ verified_at }) => verified_at !== null)
}

/** The first step that is not done; null: the set-up can be completed. */
export const findNext = (state: SetupState): Exclude<SetupStep, 'start'> | null =>
  stepsOf(state.opened).find((step) => !isDone(state, step)) ?? null

export function SetupPage({
  opened,
  current,
  children,
}: Pick<SetupState, 'opened'> & { current: SetupStep; children: ComponentChildren }) {
  const { locale } = useUi()
  const { token, organization, isCompleted } = opened
  const steps: SetupStep[] = isCompleted ? [] : ['start', ...stepsOf(opened)]
  return (
    <div class="account">
      <h1>{t(locale, isCompleted ? 'done.title' : 'title', { organization: organization.name })}</h1>
      {steps.length > 0 ? (
        <nav class="within" aria-label={t(locale, 'nav.label')}>
          {steps.map((step) => (
            <a key={step} href={stepPath(token, step)} aria-current={step === current ? 'page' : undefined}>
              {t(locale, `nav.${step}`)}
            </a>
          ))}
        </nav>
      ) : null}
      {children}
    </div>
  )
}
