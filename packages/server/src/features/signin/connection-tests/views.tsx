/** The outcome of a test sign-in. Presentation only. */
import { domainOfAddress } from '../../../base/domain-names.ts'
import { useUi } from '../../../base/page/index.ts'
import { Alert, Card, Definition, DefinitionList, LinkRow } from '../../../base/page/parts.tsx'
import { type AdvisedConnection, FaultAdvice } from '../../../core/connection-advice.tsx'
import type { ExternalIdentity } from '../../../core/providers/index.ts'
import { ReasonText } from '../../organizations/connections/index.ts'
import type { TestConclusion } from './begin.ts'
import { testText as t } from './texts.ts'
import { type TestWarning, warningOf } from './warnings.ts'

/** Which values the connection has read, beside what the provider said; or why the answer was refused. */
export function TestResult({
  outcome,
  domains,
  of,
}: {
  outcome: TestConclusion
  domains: readonly string[]
  of: AdvisedConnection
}) {
  if (!('identity' in outcome))
    return (
      <Alert kind="error">
        <ReasonText {...outcome} />
        <FaultAdvice fault={outcome.fault} of={of} />
      </Alert>
    )
  return (
    <>
      <TestWarningText warning={warningOf(outcome.identity.email, domains)} />
      <Reading identity={outcome.identity} domains={domains} />
    </>
  )
}

export function TestWarningText({ warning }: { warning: TestWarning | null }) {
  const { locale } = useUi()
  if (warning === null) return null
  return (
    <Alert kind="warning">
      {warning.kind === 'outside' ? t(locale, 'warning.outside', warning) : t(locale, 'warning.no_address')}
    </Alert>
  )
}

function Reading({ identity, domains }: { identity: ExternalIdentity; domains: readonly string[] }) {
  const { locale } = useUi()
  const { subject, email, emailVerified, fullName, username, groups, claims } = identity
  const none = t(locale, 'made.none')
  const address =
    email === null
      ? none
      : emailVerified
        ? t(locale, 'made.email_verified', { email })
        : // a domain that leads to it once it is verified, or the connection is active
          domains.includes(domainOfAddress(email) ?? '')
          ? email
          : t(locale, 'made.email_unverified', { email })
  return (
    <>
      <h3>{t(locale, 'made.title')}</h3>
      <DefinitionList>
        <Definition term={t(locale, 'made.subject')}>{subject}</Definition>
        <Definition term={t(locale, 'made.email')}>{address}</Definition>
        <Definition term={t(locale, 'made.full_name')}>{fullName ?? none}</Definition>
        <Definition term={t(locale, 'made.username')}>{username ?? none}</Definition>
        <Definition term={t(locale, 'made.groups')}>
          {groups === null ? t(locale, 'made.unsaid') : groups.join(', ') || none}
        </Definition>
      </DefinitionList>
      <details open>
        <summary>{t(locale, 'raw.title')}</summary>
        <pre>{JSON.stringify(claims, null, 2)}</pre>
      </details>
    </>
  )
}

/** /sign-in/tested */
export function TestedPage({
  connection,
  outcome,
  domains,
  returnTo,
  of,
}: {
  connection: string
  outcome: TestConclusion
  /** For which the connection speaks. */
  domains: readonly string[]
  returnTo: string | null
  of: AdvisedConnection
}) {
  const { locale } = useUi()
  const isGood = 'identity' in outcome
  return (
    <Card
      sign={isGood ? 'done' : 'warning'}
      title={t(locale, isGood ? 'title' : 'failed.title', { connection })}
      lead={t(locale, isGood ? 'lead' : 'failed.lead', { connection })}
    >
      <TestResult outcome={outcome} domains={domains} of={of} />
      {returnTo === null ? null : (
        <LinkRow>
          <a href={returnTo}>{t(locale, 'back')}</a>
        </LinkRow>
      )}
    </Card>
  )
}

/** The test was made in another browser, or the time is over. */
export function TestGone() {
  const { locale } = useUi()
  return <Card sign="link" title={t(locale, 'gone.title')} lead={t(locale, 'gone.lead')} />
}
