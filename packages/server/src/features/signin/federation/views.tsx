/** The pages of signing in by an identity provider. Presentation only. */
import { Field, Form } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  Alert,
  Button,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  LinkRow,
  withReturnTo,
} from '../../../base/page/parts.tsx'
import { authorizePath } from '../../../core/connection-buttons.tsx'
import type { ProviderFault } from '../../../core/providers/index.ts'
import { confirmPath } from '../round-trips/index.ts'
import { ASKED, FAILURES, federationText as t } from './texts.ts'

/** What a sign-in by a provider was for: to sign in, to connect an account, or to continue a sign-in or a step-up. */
export const PURPOSES = ['login', 'link', 'sign_in', 'step_up'] as const
export type FailedPurpose = (typeof PURPOSES)[number]

/** What begins it again, and the page that leads on without it. */
const AGAIN = {
  login: { parameters: {}, other: '/sign-in' },
  link: { parameters: { flow: 'link' }, other: '/account/connected' },
  sign_in: { parameters: { continue: 'sign_in' }, other: '/second-factor' },
  step_up: { parameters: { continue: 'step_up' }, other: '/step-up' },
} as const satisfies Record<FailedPurpose, object>

export interface FailedProps {
  fault: ProviderFault
  /** The connection; null where there is none of this name. */
  connection: { slug: string; name: string } | null
  /** The name of the connection's organization; null for a connection of the server. */
  organization: string | null
  purpose: FailedPurpose
  /** Of the link that continues; null for another purpose. */
  mark: string | null
  returnTo: string | null
  /** The id of the request that failed. */
  reference: string | null
}

export function FailedSignIn({
  fault,
  connection,
  organization,
  purpose,
  mark,
  returnTo,
  reference,
}: FailedProps) {
  const { locale } = useUi()
  const name = connection?.name ?? t(locale, 'provider.unnamed')
  const title = connection
    ? t(locale, 'failed.title', { connection: name })
    : t(locale, 'failed.title_unnamed')
  const { parameters, other } = AGAIN[purpose]
  const isContinued = purpose === 'sign_in' || purpose === 'step_up'
  // the account exists, and this is not one that is connected with it
  const isOther = isContinued && (fault === 'not_connected' || fault === 'taken')
  const isConnectable = connection !== null && purpose === 'step_up' && fault === 'not_connected'
  const reason = isConnectable ? 'failed.connect_first' : isOther ? 'failed.not_connected' : FAILURES[fault]
  return (
    <Card sign="warning" title={title} lead={t(locale, reason, { connection: name })}>
      {reference === null || isOther ? null : <WhomToAsk fault={fault} organization={organization} />}
      {connection && fault !== 'not_offered' ? (
        <ButtonLink href={authorizePath(connection.slug, { return_to: returnTo, ...parameters, mark })}>
          {t(locale, 'failed.again', { connection: name })}
        </ButtonLink>
      ) : null}
      <LinkRow>
        {isConnectable ? <a href="/account/connected">{t(locale, 'failed.connect')}</a> : null}
        {purpose === 'link' ? (
          <a href={other}>{t(locale, 'failed.back')}</a>
        ) : (
          <a href={isContinued ? other : withReturnTo(other, returnTo)}>
            {t(locale, purpose === 'step_up' ? 'failed.confirm' : 'failed.other')}
          </a>
        )}
      </LinkRow>
      {reference === null ? null : <p class="quiet">{t(locale, 'failed.reference', { reference })}</p>}
    </Card>
  )
}

/** The administrators are named by their organization: their addresses are not for those who cannot sign in to it. */
function WhomToAsk({ fault, organization }: Pick<FailedProps, 'fault' | 'organization'>) {
  const { locale } = useUi()
  const asked = ASKED[FAILURES[fault]]
  const key = organization === null ? asked?.server : asked?.organization
  return key === undefined ? null : (
    <p class="block">{t(locale, key, { organization: organization ?? '' })}</p>
  )
}

/** For a user whose account at the provider is not connected: where that begins, and leads back to what was refused. */
export function ConnectFirst({
  connections,
  returnTo,
}: {
  connections: readonly { slug: string; name: string }[]
  returnTo: string | null
}) {
  const { locale } = useUi()
  if (connections.length === 0) return null
  return (
    <LinkRow>
      {connections.map(({ slug, name }) => (
        <a key={slug} href={authorizePath(slug, { flow: 'link', return_to: returnTo })}>
          {t(locale, 'continue.connect', { connection: name })}
        </a>
      ))}
    </LinkRow>
  )
}

/** What an owner may do instead of the sign-in that the organization requires, also where the provider fails. */
export function OwnersWay() {
  const { locale } = useUi()
  const link = <a href="/account/security">{t(locale, 'continue.owner_link')}</a>
  return <p class="quiet block">{t.nodes(locale, 'continue.owner', { link })}</p>
}

/** The account at the provider, and how it is called there. */
export interface Theirs {
  trip: string
  connection: string
  /** Where the sign-in begins again, with the choice of another account at the provider. */
  otherHref: string
  /** Where the sign-in leads. */
  returnTo: string | null
  email: string | null
  name: string | null
}

const signInPath = ({ trip, email }: Theirs): string =>
  `${withReturnTo('/sign-in', confirmPath(trip))}${email === null ? '' : `&email=${encodeURIComponent(email)}`}`

/** For a user who has come with the wrong account. */
function WaysOut({ connection, otherHref, returnTo }: Theirs) {
  const { locale } = useUi()
  return (
    <LinkRow>
      <a href={otherHref}>{t(locale, 'question.other_account', { connection })}</a>
      <a href={withReturnTo('/sign-in', returnTo)}>{t(locale, 'failed.other')}</a>
    </LinkRow>
  )
}

/** An account has the address. */
export function OwnerQuestion(theirs: Theirs) {
  const { locale } = useUi()
  const { connection, email } = theirs
  return (
    <Card title={t(locale, 'owner.title')} lead={t(locale, 'owner.lead', { connection, email: email ?? '' })}>
      <ButtonLink href={signInPath(theirs)}>{t(locale, 'owner.button')}</ButtonLink>
      <WaysOut {...theirs} />
    </Card>
  )
}

/** There is no account, as far as the provider's word for the address goes. */
export function AccountQuestion({
  theirs,
  waiting,
  refused,
  organization,
  ...form
}: FormState & {
  theirs: Theirs
  /** The address that was entered before, and waits for its verification. */
  waiting: string | null
  /** Why no account is made; null where one is. */
  refused: 'not_registered' | 'domain_refused' | null
  /** The name of the connection's organization; null for a connection of the server. */
  organization: string | null
}) {
  const { locale } = useUi()
  const { trip, connection, email, name } = theirs
  const who = name ?? email ?? connection
  return (
    <Card title={t(locale, 'account.title')} lead={t(locale, 'account.lead', { connection, name: who })}>
      {refused === null ? (
        <>
          <h2>{t(locale, 'account.new')}</h2>
          {waiting === null ? (
            <p class="quiet">{t(locale, 'account.new_lead')}</p>
          ) : (
            <Alert kind="info">
              {t.nodes(locale, 'account.waiting', { address: <strong>{waiting}</strong> })}
            </Alert>
          )}
          <Form
            action="/sign-in/connect"
            fields={{ email: t(locale, 'account.email') }}
            hidden={{ trip }}
            {...form}
          >
            <Field
              name="email"
              type="email"
              autocomplete="email"
              value={waiting ?? email}
              {...(organization !== null && {
                hint: t(locale, 'account.email_hint_domain', { organization }),
              })}
            />
            <Button>{t(locale, waiting === null ? 'account.create' : 'account.again')}</Button>
          </Form>
        </>
      ) : (
        <>
          <p>
            {refused === 'domain_refused'
              ? t(locale, 'account.none_domain', { email: email ?? '', organization: organization ?? '' })
              : t(locale, 'account.none', { connection })}
          </p>
          {organization === null ? null : (
            <p class="block">{t(locale, 'account.ask', { connection, organization })}</p>
          )}
        </>
      )}
      <h2>{t(locale, 'account.have')}</h2>
      <p class="quiet">{t(locale, 'account.have_lead', { connection })}</p>
      <ButtonLink href={signInPath(theirs)} kind="secondary">
        {t(locale, 'account.have_button')}
      </ButtonLink>
      <WaysOut {...theirs} />
    </Card>
  )
}

/** The signed-in user connects the account at the provider. */
export function ConfirmLink({
  theirs,
  ours,
  organization,
}: {
  theirs: Theirs
  ours: string
  /** The name of the organization whose provider it is; null: it is of the server. */
  organization: string | null
}) {
  const { locale } = useUi()
  const { trip, connection, email, name } = theirs
  return (
    <Card title={t(locale, 'confirm.title', { connection })} lead={t(locale, 'confirm.lead', { connection })}>
      <DefinitionList>
        <Definition term={t(locale, 'confirm.theirs', { connection })}>
          {[name, email].filter((one) => one !== null).join(', ') || connection}
        </Definition>
        <Definition term={t(locale, 'confirm.ours')}>{ours}</Definition>
        {organization === null ? null : (
          <Definition term={t(locale, 'confirm.organization')}>{organization}</Definition>
        )}
      </DefinitionList>
      {organization === null ? null : (
        <p class="block">{t(locale, 'confirm.organization_decides', { connection, organization })}</p>
      )}
      <Form action="/account/connected/confirm" hidden={{ trip }}>
        <Button>{t(locale, 'confirm.button')}</Button>
      </Form>
      <LinkRow>
        <a href="/account/connected">{t(locale, 'failed.back')}</a>
      </LinkRow>
    </Card>
  )
}

/** A sign-in that the user may not have begun, or that ends the session of another account. */
export function ConfirmSignIn({
  trip,
  ours,
  theirs,
  connection,
  organization,
  returnTo,
}: {
  trip: string
  /** Who is signed in; null: no user is. */
  ours: string | null
  theirs: string
  connection: string
  organization: string
  returnTo: string | null
}) {
  const { locale } = useUi()
  const named = {
    theirs: <strong>{theirs}</strong>,
    connection,
    organization,
  }
  return (
    <Card
      title={t(locale, 'sign_in.title', { theirs })}
      lead={
        ours === null
          ? t.nodes(locale, 'sign_in.lead_other', named)
          : t.nodes(locale, 'sign_in.lead', { ours: <strong>{ours}</strong>, ...named })
      }
    >
      <p>{t(locale, 'sign_in.warning')}</p>
      <Form action="/sign-in/confirm" hidden={{ trip }}>
        <Button>{t(locale, 'sign_in.button', { theirs })}</Button>
      </Form>
      <ButtonLink
        href={ours === null ? withReturnTo('/sign-in', returnTo) : (returnTo ?? '/account')}
        kind="secondary"
      >
        {ours === null ? t(locale, 'sign_in.decline') : t(locale, 'sign_in.stay', { ours })}
      </ButtonLink>
    </Card>
  )
}

/** The identity was decided about, or the time is over. */
export function Gone() {
  const { locale } = useUi()
  return (
    <Card sign="link" title={t(locale, 'gone.title')} lead={t(locale, 'gone.lead')}>
      <ButtonLink href="/sign-in">{t(locale, 'gone.button')}</ButtonLink>
    </Card>
  )
}

/** A request that the browser sends to the provider by a form; the script sends it at once. */
export function SendRequest({
  connection,
  url,
  fields,
}: {
  connection: string
  url: string
  fields: Readonly<Record<string, string>>
}) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'post.title', { connection })} lead={t(locale, 'post.lead')}>
      <form method="post" action={url} class="form" data-send>
        {Object.entries(fields).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        <Button>{t(locale, 'post.button')}</Button>
      </form>
    </Card>
  )
}
