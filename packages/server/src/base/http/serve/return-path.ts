/**
 * Where one goes on from a page that says no. The address of a refused form is no place to go to: it may answer
 * nothing but posts, and has lost what stood in the query. So the way leads to the page of the form, with what that
 * page asks for in its query as the form sent it (`return_to`, a link's token); the page judges it as ever.
 */
import { z } from 'zod'
import type { PageRow, Row } from '../row/route.ts'

export interface Way {
  /** Where to try again; empty: at the address of the page itself, asked for anew. */
  again: string
  /** Where to go on after signing in, not judged yet. */
  returnTo: string | null
}

/** For whatever was only asked for. */
export const HERE: Way = Object.freeze({ again: '', returnTo: null })

export type Said = Readonly<Record<string, unknown>>

/** Characters of one value that an address carries. */
const LONGEST = 2000

/** @returns the address of the page whose form is sent to `row`, after `said` was sent to it */
export function formOf(row: PageRow, rows: readonly Row[]): (params: unknown, said: Said) => string {
  const at = row.formAt ?? row.path
  const form = rows.find((one) => one.kind === 'page' && one.method === 'GET' && one.path === at)
  const asked = form?.input instanceof z.ZodObject ? Object.entries<z.ZodType>(form.input.shape) : []
  return (params, said) => {
    if (!form) return '/'
    const inPath: Said = typeof params === 'object' && params !== null ? { ...params } : {}
    const query = new URLSearchParams()
    for (const [name, schema] of asked) {
      const value = Object.hasOwn(said, name) && !Object.hasOwn(inPath, name) ? said[name] : undefined
      if (typeof value === 'string' && value !== '' && value.length <= LONGEST && isTaken(schema, value))
        query.set(name, value)
    }
    const path = at.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(inPath[name] ?? '')))
    return query.size === 0 ? path : `${path}?${query}`
  }
}

const isTaken = (schema: z.ZodType, value: string): boolean => schema.safeParse(value).success

/** Where whoever sent `said` was on the way to. */
export function wantedIn(said: Said): string | null {
  const { return_to: wanted } = said
  return typeof wanted === 'string' && wanted !== '' && wanted.length <= LONGEST ? wanted : null
}
