/** Markup of the pages on which a user signs a device in. Presentation only. */
import { Field, Form } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { Alert, Button, Card, Time } from '../../../base/page/parts.tsx'
import { WantedAccess, type WantedAccessProps } from '../consents/index.ts'
import { deviceText as t } from './texts.ts'

/** @param typed a code that is none */
export function EnterUserCode({ typed }: { typed: string | null }) {
  const { locale } = useUi()
  const faults =
    typed === null ? {} : { typed: { user_code: typed }, errors: { user_code: t(locale, 'enter.unknown') } }
  return (
    <Card title={t(locale, 'enter.title')} lead={t(locale, 'enter.lead')}>
      <Form action="/oidc/device" fields={{ user_code: t(locale, 'enter.code') }} {...faults}>
        <Field
          name="user_code"
          autocomplete="off"
          maxlength={20}
          autofocus
          hint={t.nodes(locale, 'enter.hint', { example: <span class="whole">WDJB-MJHT</span> })}
        />
        <Button>{t(locale, 'enter.continue')}</Button>
      </Form>
    </Card>
  )
}

export interface DeviceQuestionProps extends WantedAccessProps {
  app: string
  /** Its image, as a `data:` address; null for none. */
  logo: string | null
  /** The organization that the app belongs to; null for one of the server. */
  organization: string | null
  account: string
  userCode: string
  /** The seal of what the page shows. */
  shown: string
  begunAt: Date
  address: string | null
}

export function DeviceQuestion(props: DeviceQuestionProps) {
  const { locale } = useUi()
  const { app, organization, account, userCode, begunAt, address } = props
  const time = <Time at={begunAt} />
  return (
    <Card
      logo={props.logo}
      title={t(locale, 'question.title', { app })}
      lead={t(locale, 'question.lead', { app })}
    >
      {organization && <p class="lead">{t(locale, 'question.of', { organization })}</p>}
      <p class="lead">{t.nodes(locale, 'question.account', { account: <strong>{account}</strong> })}</p>
      <p class="lead">{t(locale, 'question.compare')}</p>
      <p class="compared">
        <code>{userCode}</code>
      </p>
      <Alert kind="warning">{t(locale, 'question.trick')}</Alert>
      <WantedAccess scopes={props.scopes} resourceScopes={props.resourceScopes} />
      <p class="lead">
        {address === null
          ? t.nodes(locale, 'question.begun_somewhere', { time })
          : t.nodes(locale, 'question.begun', { time, address: <span>{address}</span> })}
      </p>
      <Form action="/oidc/device/question" hidden={{ user_code: userCode, shown: props.shown }}>
        <Button sent={{ name: 'decision', value: 'allow' }}>{t(locale, 'question.allow')}</Button>
        <Button kind="secondary" sent={{ name: 'decision', value: 'deny' }}>
          {t(locale, 'question.deny')}
        </Button>
      </Form>
      <OtherAccount userCode={userCode} />
    </Card>
  )
}

const OtherAccount = ({ userCode }: Pick<DeviceQuestionProps, 'userCode'>) => {
  const { locale } = useUi()
  return (
    <Form
      action="/sign-out"
      returnTo={`/oidc/device/question?${new URLSearchParams({ user_code: userCode })}`}
      class="button-form"
    >
      <Button kind="link">{t(locale, 'question.other')}</Button>
    </Form>
  )
}

export function DeviceDecided({ app, decision }: { app: string; decision: 'allowed' | 'denied' }) {
  const { locale } = useUi()
  const sign = decision === 'allowed' ? { sign: 'done' as const } : {}
  return (
    <Card {...sign} title={t(locale, `${decision}.title`)} lead={t(locale, `${decision}.lead`, { app })} />
  )
}

/** The user may not sign in to the app. */
export function DeviceRefused({ app, userCode }: Pick<DeviceQuestionProps, 'app' | 'userCode'>) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={t(locale, 'refused.title', { app })} lead={t(locale, 'refused.lead')}>
      <OtherAccount userCode={userCode} />
    </Card>
  )
}
