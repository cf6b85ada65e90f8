/** The error page: what happened, what to do next, and the request id for support. */
import type { ErrorCode, Problem } from '../errors.ts'
import type { ReturnPath } from '../http/serve/return-path.ts'
import { baseText } from './base-texts.ts'
import { ButtonLink, Card, Copyable, withReturnTo } from './parts.tsx'
import { fieldTexts, problemText, problemTitle } from './problem-texts.ts'
import { useUi } from './ui.ts'

export interface ProblemPageProps {
  problem: Problem
  requestId: string
  path: ReturnPath
}

export function ProblemPage({ problem, requestId, path }: ProblemPageProps) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={problemTitle(locale, problem)} lead={problemText(locale, problem)}>
      <FaultyFields problem={problem} />
      <NextStep problem={problem} path={path} />
      <p class="reference">
        {baseText(locale, 'problem.reference')} <Copyable id="request-id" value={requestId} />
      </p>
    </Card>
  )
}

/** Of an error page, which has no form to show them at: who has written the address has to know. */
const MOST_FIELDS = 5
/** Characters of a name that the request has brought. */
const LONGEST_NAME = 60

/** Which fields of the request cannot be read, and why. */
function FaultyFields({ problem }: { problem: Problem }) {
  const { locale } = useUi()
  const faults = UNREADABLE.has(problem.code) ? Object.entries(fieldTexts(locale, problem)) : []
  return faults.slice(0, MOST_FIELDS).map(([name, text]) => (
    <p key={name} class="lead hint">
      <code>{shortened(name)}</code>: {text}
    </p>
  ))
}

const UNREADABLE = new Set<ErrorCode>(['BAD_REQUEST', 'VALIDATION_ERROR'])
const shortened = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name

/** After a temporary problem: try again. Otherwise signed-in users get a link to their account, all others to sign-in. */
function NextStep({ problem, path }: { problem: Problem; path: ReturnPath }) {
  const { locale, signedIn } = useUi()
  if (MAY_PASS.has(problem.code))
    return <ButtonLink href={path.retry}>{baseText(locale, 'problem.again')}</ButtonLink>
  if (signedIn && problem.type !== 'AUTHENTICATION_ERROR')
    return <ButtonLink href="/account">{baseText(locale, 'problem.home')}</ButtonLink>
  return (
    <ButtonLink href={withReturnTo('/sign-in', path.returnTo)}>
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
