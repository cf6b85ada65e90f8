/** The certificates of a SAML connection, and the questions before one approves them or renews keys. Presentation only. */
import { ButtonForm } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Badge,
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
import { QuestionCard } from '../../../base/page/question.tsx'
import { placeOf, type Shell } from '../frame/index.ts'
import type { ShownConnection } from './connections.ts'
import { providerText } from './provider-texts.ts'
import { connectionText as t } from './texts.ts'
import type { ConnectionView } from './view.ts'

/** The address of a page of a connection. */
export const connectionPage = (organization: { id: string }, { id }: { id: string }, part = ''): string =>
  placeOf(organization.id, `/connections/${encodeURIComponent(id)}${part}`)

type Certificate = NonNullable<ConnectionView['certificates']>[number]

export interface CertificatesProps {
  shell: Shell
  connection: ShownConnection
  certificates: ConnectionView['certificates']
  metadata: ConnectionView['metadata']
  mayChange: boolean
}

/** When the state of a certificate in use becomes a warning, in days. */
const WARNINGS = [1, 7, 30] as const
const CALM: ReadonlySet<Certificate['state']> = new Set(['next', 'previous'])

function State({ state, days_left: left }: Certificate) {
  const { locale } = useUi()
  const days = state === 'current' ? WARNINGS.find((limit) => left < limit) : undefined
  if (days !== undefined)
    return <Badge kind="warning">{t(locale, 'certificates.soon', { count: days })}</Badge>
  const kind = state === 'current' ? 'success' : CALM.has(state) ? 'info' : 'warning'
  return <Badge kind={kind}>{t(locale, `certificates.state.${state}`)}</Badge>
}

function CertificateFacts({ state, fingerprint, not_after: at }: Certificate) {
  const { locale } = useUi()
  return (
    <>
      <p>
        {t.nodes(locale, state === 'expired' ? 'certificates.expired_on' : 'certificates.expires', {
          time: <Time at={new Date(at)} to="day" />,
        })}
      </p>
      <p class="quiet">
        {t.nodes(locale, 'certificates.fingerprint', { fingerprint: <code>{fingerprint}</code> })}
      </p>
    </>
  )
}

function CertificateItem({ certificate }: { certificate: Certificate }) {
  const { locale } = useUi()
  const { owner, use, subject } = certificate
  return (
    <Item title={t(locale, `certificates.${owner}_${use}`)} badge={<State {...certificate} />}>
      <p class="quiet">{subject}</p>
      <CertificateFacts {...certificate} />
    </Item>
  )
}

/** Of the page of the connection. */
export function Certificates({ shell, connection, certificates, metadata, mayChange }: CertificatesProps) {
  const { locale } = useUi()
  if (certificates === null) return null
  const isWaiting = certificates.some(({ state }) => state === 'pending')
  const hasUrl = connection.settings.saml?.metadata_url !== undefined
  return (
    <Section title={t(locale, 'certificates.title')} lead={t(locale, 'certificates.lead')}>
      {certificates.length === 0 ? (
        <EmptyState title={t(locale, 'certificates.none')} />
      ) : (
        <ItemList>
          {certificates.map((one) => (
            <CertificateItem key={`${one.use} ${one.fingerprint}`} certificate={one} />
          ))}
        </ItemList>
      )}
      {metadata === null ? null : <MetadataCheck {...metadata} />}
      {mayChange ? (
        <>
          {isWaiting ? (
            <ButtonLink href={connectionPage(shell, connection, '/certificates')}>
              {t(locale, 'certificates.approve')}
            </ButtonLink>
          ) : null}
          {hasUrl ? (
            <ButtonForm
              action={connectionPage(shell, connection, '/metadata')}
              label={t(locale, 'certificates.fetch')}
            />
          ) : null}
          <LinkRow>
            <a href={connectionPage(shell, connection, '/keys')}>{t(locale, 'certificates.new_keys')}</a>
          </LinkRow>
        </>
      ) : null}
    </Section>
  )
}

function MetadataCheck({ fault, checked_at: at }: NonNullable<ConnectionView['metadata']>) {
  const { locale } = useUi()
  const time = <Time at={new Date(at)} />
  if (fault === null) return <p class="block">{t.nodes(locale, 'certificates.checked', { time })}</p>
  const reason = providerText.find(locale, `fault.${fault}`) ?? fault
  return <p class="block">{t.nodes(locale, 'certificates.failed', { time, reason })}</p>
}

type QuestionContents = FormState & Pick<CertificatesProps, 'shell' | 'connection' | 'certificates'>

/** /account/organizations/:id/connections/:connection_id/certificates */
export function ApproveCertificates({ shell, connection, certificates, ...form }: QuestionContents) {
  const { locale } = useUi()
  const back = { href: connectionPage(shell, connection), label: t(locale, 'approve.back') }
  const waiting = (certificates ?? []).filter(
    ({ state, owner }) => owner === 'provider' && state === 'pending',
  )
  if (waiting.length === 0)
    return (
      <Card title={t(locale, 'approve.none')}>
        <LinkRow>
          <a href={back.href}>{back.label}</a>
        </LinkRow>
      </Card>
    )
  return (
    <QuestionCard
      title={t(locale, 'approve.title')}
      lead={t(locale, 'approve.lead')}
      action={connectionPage(shell, connection, '/certificates')}
      hidden={{ fingerprints: waiting.map(({ fingerprint }) => fingerprint).join(' ') }}
      button={t(locale, 'approve.button')}
      kind="primary"
      back={back}
      {...form}
    >
      <DefinitionList>
        {waiting.map((one) => (
          <Definition key={one.fingerprint} term={one.subject}>
            <CertificateFacts {...one} />
          </Definition>
        ))}
      </DefinitionList>
    </QuestionCard>
  )
}

/** /account/organizations/:id/connections/:connection_id/keys */
export function NewKeys({ shell, connection, certificates, ...form }: QuestionContents) {
  const { locale } = useUi()
  const step = certificates?.some(({ state, owner }) => owner === 'server' && state === 'next')
    ? 'activate'
    : 'prepare'
  const part = step === 'activate' ? 'keys.use_' : 'keys.'
  return (
    <QuestionCard
      title={t(locale, `${part}title`, connection)}
      lead={t(locale, `${part}lead`)}
      action={connectionPage(shell, connection, '/keys')}
      hidden={{ step }}
      button={t(locale, `${part}button`)}
      kind="primary"
      back={{ href: connectionPage(shell, connection), label: t(locale, 'approve.back') }}
      {...form}
    />
  )
}
