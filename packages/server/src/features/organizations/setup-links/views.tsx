/** The page of set-up links, and the one that shows a new link once. Presentation only. */
import { LOCALES } from '../../../base/call.ts'
import { ButtonForm, Field, Form, Select } from '../../../base/page/form.tsx'
import { type FormState, timeText, useUi } from '../../../base/page/index.ts'
import {
  Badge,
  Button,
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
import { Icon, OrganizationPage, placeOf, type Shell } from '../frame/index.ts'
import { SETUP_PROVIDERS } from './choices.ts'
import type { IssuedSetupLink, ShownSetupLink } from './setup-links.ts'
import { setupLinkText as t } from './texts.ts'
import { INTENTS } from './view.ts'

export const LIFETIMES = ['7d', '3d', '1d'] as const
const LANGUAGES = { en: 'English', de: 'Deutsch' } as const

export const setupLinksPage = (id: string, part = ''): string =>
  placeOf(id, `/connections/setup-links${part}`)

interface SetupLinksProps extends FormState {
  shell: Shell
  links: readonly ShownSetupLink[]
  mayChange: boolean
  /** The id that the next link gets. */
  newLinkId: string
}

/** /account/organizations/:id/connections/setup-links */
export function SetupLinks({ shell, links, mayChange, newLinkId, ...form }: SetupLinksProps) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="connections">
      <Section title={t(locale, 'list.title')} lead={t(locale, 'list.lead')}>
        {links.length === 0 ? (
          <EmptyState title={t(locale, 'list.none')} />
        ) : (
          <ItemList>
            {links.map((link) => (
              <LinkItem key={link.id} shell={shell} link={link} mayChange={mayChange} />
            ))}
          </ItemList>
        )}
      </Section>
      {mayChange ? (
        <Section title={t(locale, 'new.title')}>
          <NewLinkForm action={setupLinksPage(shell.id)} newLinkId={newLinkId} {...form} />
        </Section>
      ) : null}
      <LinkRow>
        <a href={placeOf(shell.id, '/connections')}>{t(locale, 'back')}</a>
      </LinkRow>
    </OrganizationPage>
  )
}

function LinkItem({ shell, link, mayChange }: { shell: Shell; link: ShownSetupLink; mayChange: boolean }) {
  const { locale } = useUi()
  const isCompleted = link.completed_at !== null
  const { id, intent, provider, isVoid, created_at: made, last_used_at: used, expires_at: end } = link
  return (
    <Item
      icon={<Icon of="key" />}
      title={t(locale, `intent.${intent}`)}
      badge={
        isVoid ? (
          <Badge kind="warning">{t(locale, 'list.void')}</Badge>
        ) : isCompleted ? (
          <Badge>{t(locale, 'list.completed')}</Badge>
        ) : null
      }
      action={
        mayChange ? (
          <ButtonForm
            action={setupLinksPage(shell.id, `/${encodeURIComponent(id)}/revoke`)}
            label={t(locale, 'list.revoke')}
            description={t(locale, 'list.revoke_one', { time: timeText(locale, made) })}
          />
        ) : null
      }
    >
      {intent === 'domain' ? null : <p>{t.find(locale, `provider.${provider ?? 'any'}`)}</p>}
      {isVoid ? <p>{t(locale, 'list.void_why')}</p> : null}
      {isCompleted && !isVoid ? <p>{t(locale, 'list.completed_why')}</p> : null}
      <p>
        {t.nodes(locale, 'list.made', { time: <Time at={made} /> })} ·{' '}
        {used === null
          ? t(locale, 'list.unused')
          : t.nodes(locale, 'list.used', { time: <Time at={used} /> })}{' '}
        · {t.nodes(locale, 'list.until', { time: <Time at={end} /> })}
      </p>
    </Item>
  )
}

function NewLinkForm({ action, newLinkId, ...form }: FormState & { action: string; newLinkId: string }) {
  const { locale } = useUi()
  const names = ['intent', 'provider', 'expires_in', 'email', 'locale'] as const
  const named = (of: string, values: readonly string[]) =>
    Object.fromEntries(values.map((value) => [value, t.find(locale, `${of}.${value}`) ?? value]))
  return (
    <Form
      action={action}
      fields={Object.fromEntries(names.map((name) => [name, t(locale, `field.${name}`)]))}
      hidden={{ link_id: newLinkId }}
      {...form}
    >
      <Select name="intent" value="both" options={named('intent', INTENTS)} />
      <Select
        name="provider"
        value=""
        options={{ '': t(locale, 'provider.any'), ...named('provider', SETUP_PROVIDERS) }}
      />
      <Select name="expires_in" value="7d" options={named('expires_in', LIFETIMES)} />
      <Field
        name="email"
        type="email"
        autocomplete="off"
        maxlength={254}
        optional
        hint={t(locale, 'email.hint')}
      />
      <Select
        name="locale"
        value={locale}
        options={Object.fromEntries(LOCALES.map((one) => [one, LANGUAGES[one]]))}
      />
      <Button>{t(locale, 'new.button')}</Button>
    </Form>
  )
}

/** The answer to the form: the link, once. */
export function NewSetupLinkPage({
  shell,
  issued: { link, url },
  email,
}: {
  shell: Shell
  issued: IssuedSetupLink
  email: string | null
}) {
  const { locale } = useUi()
  return (
    <OrganizationPage shell={shell} current="connections">
      <Section
        title={t(locale, 'made.title')}
        lead={t.nodes(locale, 'made.lead', { time: <Time at={link.expires_at} /> })}
      >
        {email === null ? null : <p class="block">{t(locale, 'made.sent', { email })}</p>}
        <DefinitionList>
          <Definition term={t(locale, 'made.link')}>
            <Copyable id="setup-link" value={url} />
          </Definition>
        </DefinitionList>
      </Section>
      <LinkRow>
        <a href={setupLinksPage(shell.id)}>{t(locale, 'made.back')}</a>
      </LinkRow>
    </OrganizationPage>
  )
}
