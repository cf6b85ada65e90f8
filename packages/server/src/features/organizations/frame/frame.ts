/** What the hosted pages of one organization share: loading it, titles, the addresses of a paginated list. */
import type { Call } from '../../../base/call.ts'
import { notFound } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { findOrganization } from '../membership/index.ts'
import { noticeText } from './texts.ts'
import type { Shell } from './views.tsx'

export interface Frame {
  shell: Shell
  slug: string
  createdAt: Date
  description: string | null
  logoUrl: string | null
  role: string | null
}

/** What a page says above its contents: a notice by its code, and why an action was refused. */
export interface Above {
  done?: string | undefined
  refused?: string | null
}

/**
 * The organization that the path names, as its pages show it.
 * @throws Problem NOT_FOUND
 */
export async function frameOf(tools: Pick<Tools, 'db'>, call: Call, above: Above = {}): Promise<Frame> {
  const found = await findOrganization(tools, call)
  if (!found) throw notFound('organization')
  const { organization, role, permissions } = found
  const { id, name, slug, description, logo_url: logoUrl, created_at: createdAt } = organization
  const notice = noticeText(call.locale, above.done, name)
  const isBypassing = call.organization?.bypassesSso ?? false
  const shell = { id, name, permissions, notice, refused: above.refused ?? null, isBypassing }
  return { shell, slug, createdAt, description, logoUrl, role }
}

/** The document's title: the part, and the organization. */
export const titleOf = (part: string, { name }: Shell): string => `${part} · ${name}`

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
