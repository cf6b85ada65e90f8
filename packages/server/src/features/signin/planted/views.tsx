/** The list of what was removed from an account, in pages and e-mails. Presentation only. */
import type { Locale } from '../../../base/call.ts'
import { type ProviderId, providerOf } from '../../../core/providers/index.ts'
import type { Ended } from './planted.ts'
import { plantedText as t } from './texts.ts'

/** An account may have a thousand keys. */
const MOST_KEYS = 20

function lines(locale: Locale, { apiKeys, factors, identities }: Ended): string[] {
  const shown = apiKeys.slice(0, MOST_KEYS)
  const count = apiKeys.length - shown.length
  return [
    ...factors.map(({ kind, name }) => {
      if (kind === 'passkey') return t(locale, 'passkey', { name: name ?? 'Passkey' })
      if (kind !== 'totp') return t(locale, kind)
      return name === null ? t(locale, 'totp_unnamed') : t(locale, 'totp', { name })
    }),
    ...identities.map(({ provider, name, email }) =>
      t(locale, 'identity', { provider: providerOf(provider as ProviderId).name, name: email ?? name ?? '' }),
    ),
    ...shown.map((name) => t(locale, 'api_key', { name })),
    ...(count > 0 ? [t(locale, 'more', { count: String(count) })] : []),
  ]
}

/** Nothing where nothing was removed. */
export function EndedList({ locale, ended }: { locale: Locale; ended: Ended }) {
  const removed = lines(locale, ended)
  if (removed.length === 0) return null
  return (
    <>
      <p>{t(locale, 'lead')}</p>
      <ul>
        {removed.map((line) => (
          <li>{line}</li>
        ))}
      </ul>
    </>
  )
}
