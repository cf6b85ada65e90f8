/** The page for a problem that no form can show: what happened, what to do now, and the reference to quote. */
import type { ErrorCode, Problem } from '../errors.ts'
import { baseText } from './base-texts.ts'
import { ButtonLink, Card, Copyable } from './parts.tsx'
import { problemText, problemTitle } from './problem-texts.ts'
import { useUi } from './ui.ts'

export function ProblemPage({ problem, requestId }: { problem: Problem; requestId: string }) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={problemTitle(locale, problem)} lead={problemText(locale, problem)}>
      <WayOn problem={problem} />
      <p class="reference">
        {baseText(locale, 'problem.reference')} <Copyable id="request-id" value={requestId} />
      </p>
    </Card>
  )
}

/** Whoever is not signed in may sign in; what may pass is tried again; from the rest one goes home. */
function WayOn({ problem }: { problem: Problem }) {
  const { locale, signedIn } = useUi()
  if (problem.type === 'AUTHENTICATION_ERROR')
    return <ButtonLink href="/sign-in">{baseText(locale, 'problem.sign_in')}</ButtonLink>
  // an empty reference is the address of this page, asked for anew
  if (MAY_PASS.has(problem.code)) return <ButtonLink href="">{baseText(locale, 'problem.again')}</ButtonLink>
  return signedIn ? (
    <ButtonLink href="/account">{baseText(locale, 'problem.home')}</ButtonLink>
  ) : (
    <ButtonLink href="/sign-in">{baseText(locale, 'problem.sign_in')}</ButtonLink>
  )
}

const MAY_PASS = new Set<ErrorCode>([
  'CSRF_FAILED',
  'RATE_LIMIT_EXCEEDED',
  'REQUEST_TIMEOUT',
  'INTERNAL_ERROR',
  'UNAVAILABLE',
])
