/** The page for a problem that no form can show: what happened, what to do now, and the reference to quote. */
import type { ErrorCode, Problem } from '../errors.ts'
import type { Way } from '../http/serve/return-path.ts'
import { baseText } from './base-texts.ts'
import { ButtonLink, Card, Copyable, withReturnTo } from './parts.tsx'
import { problemText, problemTitle } from './problem-texts.ts'
import { useUi } from './ui.ts'

export interface ProblemPageProps {
  problem: Problem
  requestId: string
  way: Way
}

export function ProblemPage({ problem, requestId, way }: ProblemPageProps) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={problemTitle(locale, problem)} lead={problemText(locale, problem)}>
      <WayOn problem={problem} way={way} />
      <p class="reference">
        {baseText(locale, 'problem.reference')} <Copyable id="request-id" value={requestId} />
      </p>
    </Card>
  )
}

/** Whoever is not signed in may sign in; what may pass is tried again; from the rest one goes home. */
function WayOn({ problem, way }: { problem: Problem; way: Way }) {
  const { locale, signedIn } = useUi()
  if (MAY_PASS.has(problem.code))
    return <ButtonLink href={way.again}>{baseText(locale, 'problem.again')}</ButtonLink>
  if (signedIn && problem.type !== 'AUTHENTICATION_ERROR')
    return <ButtonLink href="/account">{baseText(locale, 'problem.home')}</ButtonLink>
  return (
    <ButtonLink href={withReturnTo('/sign-in', way.returnTo)}>
      {baseText(locale, 'problem.sign_in')}
    </ButtonLink>
  )
}

const MAY_PASS = new Set<ErrorCode>([
  'CSRF_FAILED',
  'RATE_LIMIT_EXCEEDED',
  'REQUEST_TIMEOUT',
  'INTERNAL_ERROR',
  'UNAVAILABLE',
])
