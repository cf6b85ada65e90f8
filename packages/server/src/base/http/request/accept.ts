/** What the caller would like: the envelope's style from `Accept`, the language from `Accept-Language`. */
import { LOCALES, type Locale, STYLES, type Style } from '../../call.ts'

/** Wishes of a header in order of their weight; what has the weight 0 or a broken one is left out (RFC 9110 §12.4.2). */
function wishes(header: string): string[] {
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

/** Few distinct values come in practice; whoever sends many others gets them computed. */
function remembered<T>(compute: (header: string) => T): (header: string) => T {
  const known = new Map<string, T>()
  return (header) => {
    const found = known.get(header)
    if (found !== undefined) return found
    const value = compute(header)
    if (known.size < 500 && header.length <= 200) known.set(header, value)
    return value
  }
}

export function styleReader(fallback: Style): (accept: string | undefined) => Style {
  const read = remembered(
    (accept) =>
      wishes(accept)
        .map(styleOf)
        .find((style) => style !== null) ?? fallback,
  )
  return (accept) => (accept === undefined || !accept.includes('+json') ? fallback : read(accept))
}

export function localeReader(fallback: Locale): (languages: string | undefined) => Locale {
  const known = (tag: string): Locale | undefined =>
    LOCALES.find((locale) => tag === locale || tag.startsWith(`${locale}-`))
  const read = remembered((languages) => wishes(languages).map(known).find(Boolean) ?? fallback)
  return (languages) => (languages === undefined ? fallback : read(languages))
}

/** Whether this is a browser that opens a page. */
export const wantsPage = (accept: string | undefined): boolean => accept?.includes('text/html') ?? false
