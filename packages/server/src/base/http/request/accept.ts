/** Content negotiation: the envelope's style from `Accept`, the language from `Accept-Language`. */
import { firstLocale, type Locale, STYLES, type Style } from '../../call.ts'

/** The values of a header by descending weight, without those of weight 0 or a malformed weight (RFC 9110 §12.4.2). */
function byWeight(header: string): string[] {
  return header
    .split(',', 32)
    .map((part) => {
      const [value = '', ...parameters] = part.trim().toLowerCase().split(';')
      const weight = parameters.map((p) => p.trim()).find((p) => p.startsWith('q='))
      const text = weight?.slice(2) ?? '1'
      return { value: value.trim(), q: /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0 }
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
    .map(({ value }) => value)
}

function styleOf(type: string): Style | null {
  if (type === 'application/problem+json') return 'problem'
  const name = /^application\/vnd\.latchkey\.([a-z]+)\+json$/.exec(type)?.[1]
  return STYLES.find((style) => style === name) ?? null
}

/** A bounded cache: in practice there are few distinct values; further ones are computed each time. */
function cached<T>(compute: (header: string) => T): (header: string) => T {
  const cache = new Map<string, T>()
  return (header) => {
    const found = cache.get(header)
    if (found !== undefined) return found
    const value = compute(header)
    if (cache.size < 500 && header.length <= 200) cache.set(header, value)
    return value
  }
}

export function styleReader(fallback: Style): (accept: string | undefined) => Style {
  const read = cached(
    (accept) =>
      byWeight(accept)
        .map(styleOf)
        .find((style) => style !== null) ?? fallback,
  )
  return (accept) => (accept === undefined || !accept.includes('+json') ? fallback : read(accept))
}

export function localeReader(fallback: Locale): (languages: string | undefined) => Locale {
  const read = cached((languages) => firstLocale(byWeight(languages)) ?? fallback)
  return (languages) => (languages === undefined ? fallback : read(languages))
}

/** Whether a browser requests a page. */
export const wantsPage = (accept: string | undefined): boolean => accept?.includes('text/html') ?? false

/** Whether JSON is requested, of a row that answers browsers by a redirect. */
export const wantsJson = (accept: string | undefined): boolean => accept?.includes('json') ?? false
