/** Markup of the pages between an app and its user. */

import { Form } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { Alert, Button, Card, LinkRow } from '../../../base/page/parts.tsx'
import { WantedAccess, type WantedAccessProps } from '../consents/index.ts'
import { CONSENT_PATH } from './stored.ts'
import { type DocumentedSection, authorizeText as t } from './texts.ts'

export interface ConsentProps extends WantedAccessProps {
  /** Whether the user is to choose the account; otherwise it is about what the app gets alone. */
  isSelection: boolean
  /** An app that needs no consent: a choice of the account allows nothing. */
  isFirstParty: boolean
  app: string
  /** Its image, as a `data:` address; null for none. */
  logo: string | null
  /** Who says what the app is: its owner here, the app itself, or the host of its document. */
  source: 'known' | 'itself' | { host: string }
  /** The organization that the app belongs to; null for one of the server. */
  organization: string | null
  account: string
  /** The host, or the scheme of an app on this device, that the browser is led to. */
  host: string
  isUnproven: boolean
  policyUri: string | null
  termsUri: string | null
  reference: string
  /** The seal of what the page shows. */
  shown: string
  clientId: string
  /** Where the request is continued. */
  path: string
}

export function Consent(props: ConsentProps) {
  const { locale } = useUi()
  const { app, source, organization, account, host, isUnproven, scopes, resourceScopes } = props
  const { isSelection } = props
  const words = consentWords(isSelection)
  const isChoice = isSelection && props.isFirstParty
  return (
    <Card logo={props.logo} title={t(locale, words.title, { app })} lead={t(locale, words.lead, { app })}>
      {source === 'itself' && <Alert kind="info">{t(locale, 'consent.itself', { app })}</Alert>}
      {typeof source === 'object' && (
        <>
          <p class="lead">{t(locale, 'consent.by_document', { app })}</p>
          <h2>{source.host}</h2>
        </>
      )}
      {organization && <p class="lead">{t(locale, 'consent.of', { organization })}</p>}
      <p class="lead">{t.nodes(locale, 'consent.account', { account: <strong>{account}</strong> })}</p>
      {isUnproven && <Alert kind="warning">{t(locale, 'consent.unproven')}</Alert>}
      <WantedAccess scopes={scopes} resourceScopes={resourceScopes} />
      <p class="lead">{t.nodes(locale, 'consent.leads_to', { host: <strong>{host}</strong> })}</p>
      <Form
        action={CONSENT_PATH}
        hidden={{ client_id: props.clientId, request_uri: props.reference, shown: props.shown }}
      >
        <Button sent={{ name: 'decision', value: 'allow' }}>
          {t(locale, isChoice ? 'select.continue' : 'consent.allow')}
        </Button>
        <Button kind="secondary" sent={{ name: 'decision', value: 'deny' }}>
          {t(locale, isChoice ? 'select.deny' : 'consent.deny')}
        </Button>
      </Form>
      <Form action="/sign-out" returnTo={props.path} class="button-form">
        <Button kind={isSelection ? 'secondary' : 'link'}>{t(locale, 'consent.other')}</Button>
      </Form>
      <LinkRow>
        {props.policyUri && (
          <a href={props.policyUri} rel="noreferrer">
            {t(locale, 'consent.policy')}
          </a>
        )}
        {props.termsUri && (
          <a href={props.termsUri} rel="noreferrer">
            {t(locale, 'consent.terms')}
          </a>
        )}
      </LinkRow>
    </Card>
  )
}

/** The words of the question, and of the choice of an account (`prompt=select_account`). */
export const consentWords = (isSelection: boolean) => (isSelection ? SELECTION : QUESTION)
const QUESTION = { title: 'consent.title', lead: 'consent.lead' } as const
const SELECTION = { title: 'select.title', lead: 'select.lead' } as const

/** A request that ends here, because no redirect is safe. */
export function RequestRefused({
  title,
  lead,
  error,
  documented = null,
}: {
  title: string
  lead: string
  error: string | null
  /** Where the documentation treats it. */
  documented?: DocumentedSection | null
}) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={title} lead={lead}>
      {error !== null && (
        <>
          <p class="lead">{t(locale, 'refused.advice')}</p>
          <p class="lead hint">
            {t(locale, 'code.developers', { error })}
            {documented && ` ${t(locale, 'code.documented', { ...documented })}`}
          </p>
        </>
      )}
    </Card>
  )
}
