/** Views of the passkey pages. Presentation only. */
import { Field } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Actions,
  Alert,
  Badge,
  ButtonLink,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
} from '../../../base/page/parts.tsx'
import { PasskeyForm, PasskeyScript, Without } from '../../../base/page/passkey-form.tsx'
import { LONGEST_FACTOR_NAME, RemovalLink, RenameLink } from '../mfa/index.ts'
import { passkeysText as t } from './texts.ts'

export interface PasskeyItem {
  id: string
  name: string
  createdAt: Date
  lastUsedAt: Date | null
  synced: boolean
  backedUp: boolean
  userVerified: boolean
  /** Why it is refused, or null: `alone` where no other second factor is accepted. */
  refused: 'copied' | 'alone' | null
}

export const PASSKEY_NOTICES = ['added', 'renamed', 'removed', 'removed_last'] as const
export type PasskeyNotice = (typeof PASSKEY_NOTICES)[number]

const PAGE = '/account/security/passkeys'

/** /account/security/passkeys */
export function Passkeys({
  passkeys,
  notice = null,
  accepted = null,
  alert = null,
  offered = true,
}: {
  passkeys: readonly PasskeyItem[]
  notice?: PasskeyNotice | null
  /** What the browser tells password managers, so that they forget passkeys that were removed (WebAuthn §5.1.10). */
  accepted?: object | null
  /** Why the form before was refused. */
  alert?: string | null
  /** Whether one can be added. */
  offered?: boolean
}) {
  const { locale } = useUi()
  return (
    <AccountPage
      current="security"
      title={t(locale, 'list.title')}
      notice={notice && t(locale, `notice.${notice}`)}
    >
      <Section title={t(locale, 'list.own')} lead={t(locale, 'list.lead')}>
        {alert ? <Alert kind="error">{alert}</Alert> : null}
        {passkeys.length === 0 ? (
          <EmptyState title={t(locale, 'list.none')} />
        ) : (
          <div data-accepted={accepted ? JSON.stringify(accepted) : undefined}>
            <PasskeyScript />
            <ItemList>
              {passkeys.map((passkey) => (
                <PasskeyRow key={passkey.id} passkey={passkey} />
              ))}
            </ItemList>
          </div>
        )}
        {offered ? <ButtonLink href={`${PAGE}/new`}>{t(locale, 'list.add')}</ButtonLink> : null}
        <LinkRow>
          <a href="/account/security">{t(locale, 'list.back')}</a>
        </LinkRow>
      </Section>
    </AccountPage>
  )
}

const REFUSED = { copied: 'list.refused_lead', alone: 'list.refused_alone' } as const

function PasskeyRow({ passkey }: { passkey: PasskeyItem }) {
  const { locale } = useUi()
  const { id, name, createdAt, lastUsedAt, synced, backedUp } = passkey
  const kept = backedUp ? 'list.backed_up' : synced ? 'list.synced' : 'list.device'
  return (
    <Item
      icon={<PasskeyIcon />}
      title={name}
      badge={passkey.refused ? <Badge kind="warning">{t(locale, 'list.refused')}</Badge> : null}
      action={
        <Actions>
          <RenameLink list={PAGE} id={id} name={name} />
          <RemovalLink list={PAGE} id={id} name={name} />
        </Actions>
      }
    >
      <p>{t(locale, kept)}</p>
      {passkey.userVerified ? null : <p>{t(locale, 'list.second_factor')}</p>}
      {passkey.refused ? <p>{t(locale, REFUSED[passkey.refused])}</p> : null}
      <p>{t.nodes(locale, 'list.created', { time: <Time at={createdAt} /> })}</p>
      <p>
        {lastUsedAt
          ? t.nodes(locale, 'list.used', { time: <Time at={lastUsedAt} /> })
          : t(locale, 'list.unused')}
      </p>
    </Item>
  )
}

/** What the row of the security page opens to. */
export function PasskeySection({
  passkeys,
  offered = true,
}: {
  passkeys: readonly Pick<PasskeyItem, 'name' | 'refused'>[]
  offered?: boolean
}) {
  const { locale } = useUi()
  const refused = passkeys.find((passkey) => passkey.refused !== null)?.refused
  return (
    <>
      <p>{t(locale, 'list.lead')}</p>
      {passkeys.length > 0 ? (
        <ul class="plain">
          {passkeys.map((passkey, n) => (
            <li key={n}>
              {passkey.refused ? t(locale, 'list.refused_name', { name: passkey.name }) : passkey.name}
            </li>
          ))}
        </ul>
      ) : null}
      {refused ? <Alert kind="error">{t(locale, REFUSED[refused])}</Alert> : null}
      <Actions>
        {passkeys.length > 0 ? (
          <ButtonLink href={PAGE} kind="secondary">
            {t(locale, 'section.manage')}
          </ButtonLink>
        ) : null}
        {offered ? <ButtonLink href={`${PAGE}/new`}>{t(locale, 'list.add')}</ButtonLink> : null}
      </Actions>
    </>
  )
}

/** /account/security/passkeys/new */
export function AddPasskey({ options, ...form }: { options: object } & FormState) {
  const { locale } = useUi()
  const fields = { name: t(locale, 'field.name') }
  return (
    <AccountPage current="security" title={t(locale, 'add.title')}>
      <Section lead={t(locale, 'add.lead')}>
        <PasskeyForm
          ceremony="create"
          options={options}
          action={`${PAGE}/new`}
          fields={fields}
          label={t(locale, 'add.button')}
          {...form}
        >
          <Field
            name="name"
            optional
            autocomplete="off"
            maxlength={LONGEST_FACTOR_NAME}
            hint={t(locale, 'add.hint')}
          />
        </PasskeyForm>
        <Without>
          <p class="block">{t(locale, 'add.without')}</p>
        </Without>
        <LinkRow>
          <a href={PAGE}>{t(locale, 'add.back')}</a>
        </LinkRow>
      </Section>
    </AccountPage>
  )
}

const PasskeyIcon = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.5 2.5-6 6-6 1 0 2 .2 2.8.6M17 10.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM17 15.5V21M17 18.5h2" />
  </svg>
)
