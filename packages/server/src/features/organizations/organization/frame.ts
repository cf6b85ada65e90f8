/** What the pages of one organization have in common: which it is, and what the reader may do to whom in it. */
import { covers } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { Problem } from '../../../base/errors.ts'
import type { PageAnswer } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { listRoles, OrganizationId, type RoleInOrganization, showOrganization } from './index.ts'
import { doneText } from './texts.ts'
import { placeOf, type Shell } from './views.tsx'

/** Rows of one page of a list. */
export const PAGE_SIZE = 25
export const Cursor = z.string().max(512).optional()
/** What was just done, for a sentence about it. */
export const Done = z.string().max(20).optional()
export const One = z.object({ id: OrganizationId })

/** What a page of one organization says besides its contents. */
export interface Said {
  done?: string | undefined
  refused?: string | null
}

export interface Frame {
  shell: Shell
  slug: string
  createdAt: Date
  role: string | null
}

/** @throws Problem NOT_FOUND */
export async function frameOf(
  tools: Pick<Tools, 'db'>,
  call: Call,
  { done, refused = null }: Said,
): Promise<Frame> {
  const { organization, role, permissions } = await showOrganization(tools, call)
  const { id, name, slug, created_at: createdAt } = organization
  const shell = { id, name, permissions, notice: doneText(call.locale, done, name), refused }
  return { shell, slug, createdAt, role }
}

/** The page again, with what was wrong; where it is gone as well, what was wrong alone. */
export async function shownFor(problem: Problem, shown: Promise<PageAnswer>): Promise<PageAnswer> {
  try {
    return { ...(await shown), status: problem.status }
  } catch (error) {
    throw error instanceof Problem && error.status < 500 ? problem : error
  }
}

/** The document's title: the part, and the organization. */
export const titleOf = (part: string, { name }: Shell): string => `${part} · ${name}`

/** The addresses of what follows in a list, and of where it begins. */
export function waysOf(
  place: string,
  { cursor, search }: { cursor?: string | undefined; search?: string | undefined },
  nextCursor: string | null,
): { more: string | null; first: string | null } {
  const asked = search ? { search } : {}
  const at = (query: Record<string, string>): string => {
    const text = new URLSearchParams(query).toString()
    return text === '' ? place : `${place}?${text}`
  }
  return {
    more: nextCursor === null ? null : at({ ...asked, cursor: nextCursor }),
    first: cursor === undefined ? null : at(asked),
  }
}

/** The roles of the organization as far as the reader sees them, and those that they may give. */
export async function rolesOf(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
): Promise<{ roles: readonly RoleInOrganization[]; mine: readonly string[]; givable: readonly string[] }> {
  const mine = call.organization?.permissions ?? []
  const roles = await listRoles(tools, call)
  const givable = roles.filter(({ effective }) => covers(mine, effective)).map(({ name }) => name)
  return { roles, mine, givable }
}

/** The overview of an organization, with a sentence about what was done. */
export const overviewOf = (id: string, done: string): string => `${placeOf(id)}?done=${done}`
