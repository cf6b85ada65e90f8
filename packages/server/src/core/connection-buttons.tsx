/** The buttons that begin a sign-in by a connection. Presentation only. */
import { texts } from '../base/page/index.ts'
import { ButtonLink } from '../base/page/parts.tsx'
import { useUi } from '../base/page/ui.ts'
import type { ProviderConnection } from './connections/index.ts'
import { ProviderMark } from './provider-marks.tsx'
import { providerOf } from './providers/index.ts'

const t = texts({
  en: { with: 'Continue with {connection}', or: 'or' },
  de: { with: 'Weiter mit {connection}', or: 'oder' },
})

/** A connection as a button shows it. */
export type OfferedConnection = Pick<ProviderConnection, 'slug' | 'name' | 'provider'>

/** Where a browser begins to sign in by a connection. */
export function authorizePath(slug: string, parameters: Readonly<Record<string, string | null>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, value)
  return `/api/v1/auth/external/${slug}/authorize${query.size > 0 ? `?${query}` : ''}`
}

/** What buttons say of connections: the name, and of those with one name the provider too, numbered where that is one as well. */
function labelsOf(connections: readonly OfferedConnection[]): string[] {
  return connections.map(({ name, provider, slug }) => {
    const namesakes = connections.filter((one) => one.name === name)
    if (namesakes.length === 1) return name
    const alike = namesakes.filter((one) => one.provider === provider)
    const number = alike.length === 1 ? '' : ` ${alike.findIndex((one) => one.slug === slug) + 1}`
    return `${name} (${providerOf(provider).name}${number})`
  })
}

/** Links, because the browser leaves this server: no form of a page may lead to another one. */
export function ConnectionButtons({
  connections,
  parameters,
  kind = 'secondary',
}: {
  connections: readonly OfferedConnection[]
  /** Of the address that begins, such as `return_to`; null: absent. */
  parameters: Readonly<Record<string, string | null>>
  /** Of the first button; the others are secondary. */
  kind?: 'primary' | 'secondary'
}) {
  const { locale } = useUi()
  const labels = labelsOf(connections)
  return (
    <div class="form providers">
      {connections.map(({ slug, provider }, index) => (
        <ButtonLink
          key={slug}
          href={authorizePath(slug, parameters)}
          // a button of Apple's is black, or on dark pages white, as its label is not
          kind={provider === 'apple' ? 'apple' : index === 0 ? kind : 'secondary'}
        >
          <ProviderMark provider={provider} />
          {t(locale, 'with', { connection: labels[index] ?? '' })}
        </ButtonLink>
      ))}
    </div>
  )
}

/** Divides the buttons from the form above them; nothing where there is no button. */
export function OrDivider({ connections }: { connections: readonly OfferedConnection[] }) {
  const { locale } = useUi()
  return connections.length > 0 ? <p class="or">{t(locale, 'or')}</p> : null
}
