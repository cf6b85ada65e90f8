/** Listing and searching users, by a cursor, in orders and with filters that have an index. Reads run as the caller. */
import type { Call } from '../../../base/call.ts'
import { decodeCursor, encodeCursor } from '../../../base/cursor.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { invalid, notFound } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import { isId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { findUserProfile } from '../../identity/profiles/index.ts'
import { getUser, type User } from '../../identity/users/index.ts'
import { type PeopleFilter, type PeopleOrder, searchUsers } from './search.ts'
import type { PersonAccount } from './view.ts'

export interface PeopleQuery {
  search?: string | undefined
  status?: PeopleFilter['status']
  role?: string | undefined
  created_after?: Date | undefined
  created_before?: Date | undefined
  sort?: 'created_at' | '-created_at' | undefined
  limit: number
  cursor?: string | undefined
}

/** @throws Problem VALIDATION_ERROR for a cursor of another list, or an order together with a search */
export async function listPeople(
  tools: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  query: PeopleQuery,
): Promise<{ page: readonly User[]; nextCursor: string | null }> {
  const order = orderOf(query)
  const filter: PeopleFilter = {
    status: query.status,
    role: query.role,
    createdAfter: query.created_after,
    createdBefore: query.created_before,
  }
  const list = `users ${JSON.stringify([order, filter])}`
  const [position = '', id = ''] = decodeCursor(tools.keyring, list, query.cursor) ?? []
  const after = query.cursor === undefined ? null : ([position, id] as const)
  const { rows, next } = await tools.db.tx(callerScope(call), (tx) =>
    searchUsers(tx, filter, order, { after, limit: query.limit, now: call.now }),
  )
  return { page: rows, nextCursor: next && encodeCursor(tools.keyring, list, next) }
}

function orderOf({ search, sort }: PeopleQuery): PeopleOrder {
  const prefix = canonical(search ?? '')
  if (prefix === '') return { by: 'created', direction: sort === 'created_at' ? 'asc' : 'desc' }
  if (sort !== undefined)
    throw invalid('sort', 'not_with_search', 'Search results are ordered by the matched text. Omit `sort`.')
  return { by: 'found', prefix }
}

/** Reads a user with the profile, as the caller. @throws Problem NOT_FOUND */
export async function getPerson(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<PersonAccount> {
  if (!isId('usr', id)) throw notFound('user')
  return await tools.db.tx(callerScope(call), async (tx) => ({
    user: await getUser(tx, id),
    profile: await findUserProfile(tx, id),
  }))
}
