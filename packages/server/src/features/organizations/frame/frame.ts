/** What the hosted pages of one organization share: loading it, refused forms, the addresses of a paginated list. */
import type { Call, Locale } from '../../../base/call.ts'
import { notFound, Problem } from '../../../base/errors.ts'
import type { PageAnswer } from '../../../base/http/row/route.ts'
import { formState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { findOrganization } from '../membership/index.ts'
import { frameText, noticeText } from './texts.ts'
import type { Shell } from './views.tsx'

export interface Frame {
  shell: Shell
  slug: string
  createdAt: Date
  description: string | null
  logoUrl: string | null
  role: string | null
}

/**
 * The organization that the path names, as its pages show it.
 * @param above what the page says above its contents: a notice by its code, and why an action was refused
 * @throws Problem NOT_FOUND
 */
export async function frameOf(
  tools: Pick<Tools, 'db'>,
  call: Call,
  above: { done?: string | undefined; refused?: string | null },
): Promise<Frame> {
  const found = await findOrganization(tools, call)
  if (!found) throw notFound('organization')
  const { organization, role, permissions } = found
  const { id, name, slug, description, logo_url: logoUrl, created_at: createdAt } = organization
  const notice = noticeText(call.locale, above.done, name)
  const shell = { id, name, permissions, notice, refused: above.refused ?? null }
  return { shell, slug, createdAt, description, logoUrl, role }
}

/** The page again with the problem's status; if the page cannot be shown any more, the problem alone. */
export async function shownFor(problem: Problem, shown: Promise<PageAnswer>): Promise<PageAnswer> {
  try {
    return { ...(await shown), status: problem.status }
  } catch (error) {
    throw error instanceof Problem && error.status < 500 ? problem : error
  }
}

/** The document's title: the part, and the organization. */
export const titleOf = (part: string, { name }: Shell): string => `${part} · ${name}`

/**
 * A refused form.
 * @param conflict the sentence for CONFLICT, whose meaning depends on the action
 */
export function refusedForm(
  locale: Locale,
  typed: Readonly<Record<string, string>>,
  problem: Problem,
  conflict?: string,
): ReturnType<typeof formState> {
  const form = formState(locale, typed, problem)
  if (form.alert === null) return form
  if (problem.code === 'CONFLICT' && conflict !== undefined) return { ...form, alert: conflict }
  if (problem.code === 'INSUFFICIENT_PERMISSIONS')
    return { ...form, alert: frameText(locale, 'refused.beyond') }
  return form
}

/** The addresses of the next page of a list and of its first page. */
export function pagerOf(
  place: string,
  { cursor, search }: { cursor?: string | undefined; search?: string | undefined },
  nextCursor: string | null,
): { more: string | null; first: string | null } {
  const filter = search ? { search } : {}
  const at = (query: Record<string, string>): string => {
    const text = new URLSearchParams(query).toString()
    return text === '' ? place : `${place}?${text}`
  }
  return {
    more: nextCursor === null ? null : at({ ...filter, cursor: nextCursor }),
    first: cursor === undefined ? null : at(filter),
  }
}
