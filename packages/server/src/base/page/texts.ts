/**
 * Translated texts. A feature defines its catalogue with `texts({ en, de })`: the compiler checks that all languages
 * have the same keys and that calls pass the `{placeholders}` of English; pages.test.tsx checks the placeholders of
 * the translations. Values are inserted as text, never as markup.
 */
import type { ComponentChildren } from 'preact'
import type { Locale } from '../call.ts'

/** A sentence that depends on `{count}`; both languages have the plural forms one and other. */
export interface Plural {
  readonly one: string
  readonly other: string
}
type Text = string | Plural
type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never
type NamesOf<T> = T extends Plural ? Names<T['one']> | Names<T['other']> | 'count' : Names<T>
type Params<T> = [NamesOf<T>] extends [never] ? [] : [params: Readonly<Record<NamesOf<T>, string | number>>]
type Translation<E> = { readonly [K in keyof E]: E[K] extends string ? string : Plural }

export interface Texts<E extends Record<string, Text>> {
  <K extends keyof E & string>(locale: Locale, key: K, ...params: Params<E[K]>): string
  /** As a call, with nodes as values: `t.nodes('en', 'sent', { address: <strong>…</strong> })`. */
  nodes<K extends keyof E & string>(
    locale: Locale,
    key: K,
    params: Readonly<Record<NamesOf<E[K]>, ComponentChildren>>,
  ): ComponentChildren[]
  /** For a key that is known only at run time; null if the catalogue lacks it. */
  find(locale: Locale, key: string, params?: Readonly<Record<string, string | number>>): string | null
  readonly catalogue: Readonly<Record<Locale, Readonly<Record<string, Text>>>>
}

const PLACE = /\{(\w+)\}/g

const sentence = (text: Text, params: Readonly<Record<string, unknown>>): string =>
  typeof text === 'string' ? text : Number(params.count) === 1 ? text.one : text.other

const filled = (text: Text, params: Readonly<Record<string, string | number>>): string =>
  sentence(text, params).replace(PLACE, (place, name: string) =>
    Object.hasOwn(params, name) ? String(params[name]) : place,
  )

export function texts<const E extends Record<string, Text>>(catalogue: {
  readonly en: E
  readonly de: Translation<NoInfer<E>>
}): Texts<E> {
  const all = catalogue as Record<Locale, Record<string, Text>>
  const find: Texts<E>['find'] = (locale, key, params = {}) => {
    const known = all[locale]
    const text = Object.hasOwn(known, key) ? known[key] : undefined
    return text === undefined ? null : filled(text, params)
  }
  const t = (locale: Locale, key: string, params?: Readonly<Record<string, string | number>>): string =>
    find(locale, key, params) ?? key
  const nodes = (locale: Locale, key: string, params: Readonly<Record<string, ComponentChildren>>) =>
    // splitting at a group keeps the names at the odd places
    sentence(all[locale][key] ?? key, params)
      .split(PLACE)
      .map((part, place) => (place % 2 === 1 ? params[part] : part))
  return Object.assign(t, { nodes, find, catalogue: all }) as Texts<E>
}
