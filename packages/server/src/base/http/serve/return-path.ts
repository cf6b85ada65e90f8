/**
 * Return paths: where the links of an error page lead. The address of a refused form is no target, because it may
 * answer nothing but POST and lacks the query of the page. The link leads to the page that has the form; its query
 * repeats the fields of that page which the form sent (`return_to`, the token of a link). That page validates them.
 */
import { z } from 'zod'
import type { PageRow, Row } from '../row/route.ts'

/** An app that pages lead to, as they show it. `logo`: a `data:` address. */
export interface AppAhead {
  name: string
  logo: string | null
  /** The form by which a signed-in user goes back without signing in, so that the app learns of it; null: it does not wait. */
  refusal: { action: string; hidden: Readonly<Record<string, string>> } | null
}

export interface ReturnPath {
  /** Where to try again; empty for the address of the current page. */
  retry: string
  /** The page to continue with after signing in, not validated yet. */
  returnTo: string | null
}

/** For a page that was requested with GET. */
export const SAME_PAGE: ReturnPath = Object.freeze({ retry: '', returnTo: null })

export type FormInput = Readonly<Record<string, unknown>>

/** The address of the page whose form is sent to a row; path parameters and input are those of the refused request. */
export type FormAddress = (params: unknown, input: FormInput) => string

/** Characters of one value that an address carries. */
const LONGEST = 2000

export function formAddress(row: PageRow, rows: readonly Row[]): FormAddress {
  const path = row.formAt ?? row.path
  const form = rows.find((one) => one.kind === 'page' && one.method === 'GET' && one.path === path)
  const fields = form?.input instanceof z.ZodObject ? Object.entries<z.ZodType>(form.input.shape) : []
  return (params, input) => {
    if (!form) return '/'
    const inPath: FormInput = typeof params === 'object' && params !== null ? { ...params } : {}
    const query = new URLSearchParams()
    for (const [name, schema] of fields) {
      const value = Object.hasOwn(input, name) && !Object.hasOwn(inPath, name) ? input[name] : undefined
      if (typeof value === 'string' && value !== '' && value.length <= LONGEST && isValid(schema, value))
        query.set(name, value)
    }
    const filled = path.replace(/:(\w+)/g, (_, name: string) =>
      encodeURIComponent(String(inPath[name] ?? '')),
    )
    return query.size === 0 ? filled : `${filled}?${query}`
  }
}

/**
 * For paths that answer POST only: where their form is. The path of a form that was refused stays in the address bar, and is
 * loaded from there.
 */
export function formAddresses(rows: readonly Row[]): ReadonlyMap<string, FormAddress> {
  const pages = rows.filter((row) => row.kind === 'page')
  const shown = new Set(pages.filter(({ method }) => method === 'GET').map(({ path }) => path))
  return new Map(
    pages
      .filter(({ path, formAt }) => !shown.has(path) && formAt !== undefined && shown.has(formAt))
      .map((row) => [row.path, formAddress(row, rows)]),
  )
}

const isValid = (schema: z.ZodType, value: string): boolean => schema.safeParse(value).success

/** The field `return_to` of a form, not validated yet. */
export function returnToOf(input: FormInput): string | null {
  const { return_to: returnTo } = input
  return typeof returnTo === 'string' && returnTo !== '' && returnTo.length <= LONGEST ? returnTo : null
}
