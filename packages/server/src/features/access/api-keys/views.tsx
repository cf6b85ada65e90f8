/** Views of the pages of a user's API keys. Presentation only. */
import type { Locale } from '../../../base/call.ts'
import { ButtonForm, Checkbox, Choices, Field, Form, Select } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Alert,
  Badge,
  Button,
  ButtonLink,
  Copyable,
  Definition,
  DefinitionList,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { apiKeysText as t } from './texts.ts'

export interface KeyItem {
  id: string
  name: string
  description: string | null
  environment: 'live' | 'test'
  hint: string
  permissions: readonly string[]
  createdAt: Date
  expiresAt: Date | null
  lastUsedAt: Date | null
  rotatedAt: Date | null
  expired: boolean
}

export interface ApiKeysProps extends FormState {
  keys: readonly KeyItem[]
  /** The user's permissions, for the checkboxes; null where the sign-in is too old to create a key. */
  permissions: readonly string[] | null
  /** Lifetimes in days; null: the key does not expire. */
  /** The id that the next key gets. */
  newKeyId: string
  lifetimes: readonly (number | null)[]
  revoked?: boolean
}

/** /account/api-keys */
export function ApiKeys({ keys, permissions, lifetimes, newKeyId, revoked = false, ...form }: ApiKeysProps) {
  const { locale } = useUi()
  return (
    <AccountPage
      current="api_keys"
      title={t(locale, 'keys.title')}
      notice={revoked ? t(locale, 'keys.revoked') : null}
    >
      <Section title={t(locale, 'keys.yours')} lead={t(locale, 'keys.lead')}>
        {keys.length === 0 ? (
          <EmptyState title={t(locale, 'keys.none')} />
        ) : (
          <ItemList>
            {keys.map((key) => (
              <Item
                key={key.id}
                icon={<KeyIcon />}
                title={key.name}
                badge={<KeyBadge item={key} />}
                action={
                  <ButtonLink href={`/account/api-keys/${encodeURIComponent(key.id)}`} kind="secondary">
                    {t(locale, 'keys.manage')}
                  </ButtonLink>
                }
              >
                <p>
                  <code>{key.hint}…</code>
                </p>
                <p>{permissionsText(locale, key.permissions)}</p>
                <p>
                  <LastUse at={key.lastUsedAt} /> · <End item={key} />
                </p>
              </Item>
            ))}
          </ItemList>
        )}
      </Section>
      <Section title={t(locale, 'new.title')}>
        {permissions ? (
          <NewKeyForm keyId={newKeyId} permissions={permissions} lifetimes={lifetimes} {...form} />
        ) : (
          <>
            <p class="lead">{t(locale, 'new.step_up')}</p>
            <ButtonLink href={STEP_UP} kind="secondary">
              {t(locale, 'new.step_up_link')}
            </ButtonLink>
          </>
        )}
      </Section>
    </AccountPage>
  )
}

const STEP_UP = '/step-up?return_to=%2Faccount%2Fapi-keys'

function NewKeyForm({
  keyId,
  permissions,
  lifetimes,
  ...form
}: FormState & { keyId: string; permissions: readonly string[]; lifetimes: ApiKeysProps['lifetimes'] }) {
  const { locale } = useUi()
  const boxes = Object.fromEntries(permissions.map((permission, i) => [`permission_${i}`, permission]))
  const fields = {
    name: t(locale, 'field.name'),
    description: t(locale, 'field.description'),
    environment: t(locale, 'field.environment'),
    expires_in: t(locale, 'field.expires_in'),
    access: t(locale, 'field.access'),
    ...boxes,
    more_permissions: t(locale, 'field.more_permissions'),
  }
  const ends = lifetimes.map((count) =>
    count === null
      ? ['never', t(locale, 'expires.never')]
      : [`${count}d`, t(locale, 'expires.days', { count })],
  )
  return (
    <Form action="/account/api-keys" hidden={{ key_id: keyId }} fields={fields} {...form}>
      <Field name="name" autocomplete="off" hint={t(locale, 'name.hint')} maxlength={100} />
      <Field name="description" autocomplete="off" maxlength={500} optional />
      <Select
        name="environment"
        value="live"
        options={{ live: t(locale, 'environment.live'), test: t(locale, 'environment.test') }}
      />
      <Select
        name="expires_in"
        value={lifetimes.includes(90) ? '90d' : (ends[0]?.[0] ?? null)}
        options={Object.fromEntries(ends)}
      />
      <Select
        name="access"
        hint={t(locale, 'access.hint')}
        value="some"
        options={{ some: t(locale, 'access.some'), all: t(locale, 'access.all') }}
      />
      <Choices legend={t(locale, 'permissions.legend')} hint={t(locale, 'permissions.hint')}>
        {Object.entries(boxes).map(([name, permission]) => (
          <Checkbox key={name} name={name} value={permission} />
        ))}
      </Choices>
      <Field name="more_permissions" autocomplete="off" hint={t(locale, 'more_permissions.hint')} optional />
      <Button>{t(locale, 'new.button')}</Button>
    </Form>
  )
}

/** The page after a key was created: the only one that shows it. */
export function NewKey({ item, secret }: { item: KeyItem; secret: string }) {
  const { locale } = useUi()
  return (
    <AccountPage current="api_keys" title={t(locale, 'secret.title')}>
      <Section title={item.name}>
        <Alert kind="info">{t(locale, 'secret.lead')}</Alert>
        <p class="block">
          <Copyable id="new-key" value={secret} />
        </p>
        <KeyDetails item={item} />
        <ButtonLink href="/account/api-keys">{t(locale, 'secret.done')}</ButtonLink>
      </Section>
    </AccountPage>
  )
}

/** /account/api-keys/:id */
export function ApiKey({ item, ...form }: FormState & { item: KeyItem }) {
  const { locale } = useUi()
  const at = `/account/api-keys/${encodeURIComponent(item.id)}`
  return (
    <AccountPage current="api_keys" title={t(locale, 'key.title', { name: item.name })}>
      <Section title={item.name} lead={item.description}>
        <KeyDetails item={item} />
      </Section>
      {item.rotatedAt || item.expired ? null : (
        <Section title={t(locale, 'key.rotate')} lead={t(locale, 'key.rotate_lead')}>
          <Form action={`${at}/rotate`} fields={{ grace: t(locale, 'field.grace') }} {...form}>
            <Select
              name="grace"
              value="0"
              options={{
                '0': t(locale, 'grace.0'),
                '3600': t(locale, 'grace.3600'),
                '86400': t(locale, 'grace.86400'),
              }}
            />
            <Button kind="secondary">{t(locale, 'key.rotate_button')}</Button>
          </Form>
        </Section>
      )}
      <Section title={t(locale, 'key.revoke')} lead={t(locale, 'key.revoke_lead')}>
        <ButtonForm action={`${at}/revoke`} kind="danger" label={t(locale, 'key.revoke_button')} />
      </Section>
      <LinkRow>
        <a href="/account/api-keys">{t(locale, 'key.back')}</a>
      </LinkRow>
    </AccountPage>
  )
}

function KeyDetails({ item }: { item: KeyItem }) {
  const { locale } = useUi()
  return (
    <DefinitionList>
      <Definition term={t(locale, 'key.hint')}>
        <code>{item.hint}…</code> <KeyBadge item={item} />
      </Definition>
      <Definition term={t(locale, 'field.access')}>{permissionsText(locale, item.permissions)}</Definition>
      <Definition term={t(locale, 'key.times')}>
        {t.nodes(locale, 'keys.made', { time: <Time at={item.createdAt} /> })} ·{' '}
        <LastUse at={item.lastUsedAt} /> · <End item={item} />
      </Definition>
    </DefinitionList>
  )
}

function KeyBadge({ item }: { item: KeyItem }) {
  const { locale } = useUi()
  if (item.expired) return <Badge kind="warning">{t(locale, 'keys.expired')}</Badge>
  if (item.rotatedAt) return <Badge kind="warning">{t(locale, 'keys.replaced')}</Badge>
  return item.environment === 'test' ? <Badge>{t(locale, 'keys.test')}</Badge> : null
}

function permissionsText(locale: Locale, permissions: readonly string[]): string {
  if (permissions.includes('*')) return t(locale, 'keys.everything')
  return permissions.length === 0
    ? t(locale, 'keys.nothing')
    : t(locale, 'keys.may', { permissions: permissions.join(', ') })
}

function LastUse({ at }: { at: Date | null }) {
  const { locale } = useUi()
  return <>{at ? t.nodes(locale, 'keys.used', { time: <Time at={at} /> }) : t(locale, 'keys.never_used')}</>
}

function End({ item }: { item: KeyItem }) {
  const { locale } = useUi()
  if (!item.expiresAt) return <>{t(locale, 'keys.no_end')}</>
  const time = <Time at={item.expiresAt} />
  return <>{t.nodes(locale, item.expired ? 'keys.ended' : 'keys.ends', { time })}</>
}

const KeyIcon = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M8 16.5a4.5 4.5 0 1 1 4.2-6.1L20.5 10.5v3h-2v2.5h-3v-2.5h-3.3A4.5 4.5 0 0 1 8 16.5zM7.5 12h.01" />
  </svg>
)
