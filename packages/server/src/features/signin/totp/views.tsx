/** Views of authenticator apps: setting one up, and the list of the account. Presentation only. */
import { baseText } from '../../../base/page/base-texts.ts'
import { Field, Form } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Actions,
  Alert,
  Button,
  Card,
  Copyable,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { LONGEST_FACTOR_NAME, RemovalLink, RenameLink } from '../mfa/index.ts'
import { totpText as t } from './texts.ts'

/** What an authenticator app reads, and the sealed copy that the form carries. */
export interface SetupContents {
  secret: string
  otpauthUrl: string
  qrCode: string
  setup: string
}

/** Inside a form: the QR code, the key for typing, and the field for the first code. */
export function SetupFields({ secret, otpauthUrl, qrCode, setup }: SetupContents) {
  const { locale } = useUi()
  return (
    <>
      <input type="hidden" name="setup" value={setup} />
      <img class="qr" src={qrCode} alt={t(locale, 'setup.image')} />
      <p>
        {t(locale, 'setup.manual')} <Copyable id="secret" value={inGroups(secret)} />
      </p>
      <p>
        <a href={otpauthUrl}>{t(locale, 'setup.open')}</a>
      </p>
      <CodeField />
    </>
  )
}

/** Four characters at a time, as they are typed into an app. */
const inGroups = (secret: string): string => (secret.match(/.{1,4}/g) ?? []).join(' ')

export const CodeField = () => (
  <Field name="code" autocomplete="one-time-code" inputmode="numeric" maxlength={20} autofocus />
)

export interface AuthenticatorItem {
  id: string
  name: string | null
  createdAt: Date
  lastUsedAt: Date | null
}

export const AUTHENTICATOR_NOTICES = ['enabled', 'renamed', 'removed', 'removed_last'] as const
export type AuthenticatorNotice = (typeof AUTHENTICATOR_NOTICES)[number]

export interface AuthenticatorsProps extends FormState {
  authenticators: readonly AuthenticatorItem[]
  /** How many are possible; 0 where the server does not offer them. */
  most: number
  notice?: AuthenticatorNotice | null
}

/** /account/security/totp */
export function Authenticators({ authenticators, most, notice, ...form }: AuthenticatorsProps) {
  const { locale } = useUi()
  return (
    <AccountPage
      current="security"
      title={t(locale, 'list.title')}
      notice={notice ? t(locale, `list.${notice}`) : null}
    >
      <Section title={t(locale, 'list.own')} lead={t(locale, 'list.lead')}>
        {authenticators.length === 0 ? (
          <EmptyState title={t(locale, 'list.none')} />
        ) : (
          <ItemList>
            {authenticators.map((item) => (
              <AuthenticatorRow key={item.id} item={item} />
            ))}
          </ItemList>
        )}
      </Section>
      {most === 0 ? null : (
        <Section title={t(locale, 'add.title')}>
          {authenticators.length >= most ? (
            <Alert kind="info">{t(locale, 'add.most', { count: most })}</Alert>
          ) : (
            <Form action="/account/security/totp" fields={{ name: t(locale, 'field.name') }} {...form}>
              <Field
                name="name"
                autocomplete="off"
                maxlength={LONGEST_FACTOR_NAME}
                optional
                hint={t(locale, 'add.name_hint')}
              />
              <Button>{t(locale, 'add.button')}</Button>
            </Form>
          )}
        </Section>
      )}
      <LinkRow>
        <a href="/account/security">{t(locale, 'list.back')}</a>
      </LinkRow>
    </AccountPage>
  )
}

function AuthenticatorRow({ item }: { item: AuthenticatorItem }) {
  const { locale } = useUi()
  const name = item.name ?? t(locale, 'list.unnamed')
  return (
    <Item
      icon={<AppIcon />}
      title={name}
      action={
        <Actions>
          <RenameLink list="/account/security/totp" id={item.id} name={name} />
          <RemovalLink list="/account/security/totp" id={item.id} name={name} />
        </Actions>
      }
    >
      <p>
        {t.nodes(locale, 'list.added', { time: <Time at={item.createdAt} /> })} ·{' '}
        {item.lastUsedAt
          ? t.nodes(locale, 'list.used', { time: <Time at={item.lastUsedAt} /> })
          : t(locale, 'list.unused')}
      </p>
    </Item>
  )
}

/** The row of the security page. */
export function AuthenticatorsRow({ authenticators }: { authenticators: readonly AuthenticatorItem[] }) {
  const { locale } = useUi()
  return (
    <>
      <p>{t(locale, 'list.lead')}</p>
      {authenticators.length > 0 ? (
        <ul class="plain">
          {authenticators.map(({ id, name }) => (
            <li key={id}>{name ?? t(locale, 'list.unnamed')}</li>
          ))}
        </ul>
      ) : null}
      <p>
        <a href="/account/security/totp">{t(locale, 'row.manage')}</a>
      </p>
    </>
  )
}

/** The page of a new authenticator of the account. */
export function SetUpAuthenticator({ setup, ...form }: FormState & { setup: SetupContents }) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'setup.title')} lead={t(locale, 'setup.lead')}>
      <Form action="/account/security/totp/confirm" fields={{ code: t(locale, 'field.code') }} {...form}>
        <SetupFields {...setup} />
        <Button>{t(locale, 'setup.button')}</Button>
      </Form>
      <LinkRow>
        <a href="/account/security/totp">{t(locale, 'setup.again')}</a>
        <a href="/account/security">{baseText(locale, 'cancel')}</a>
      </LinkRow>
    </Card>
  )
}

const AppIcon = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M7.5 3.5h9v17h-9zM11 17.5h2M10 8.5h4M10 11.5h4" />
  </svg>
)
