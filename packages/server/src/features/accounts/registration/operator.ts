/** The operator's changes of accounts on the command line: the rules behind `latchkey users …`. */
import { systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid } from '../../../base/errors.ts'
import { EmailAddress, FullName, Username } from '../../../base/identifiers.ts'
import { isId, newId } from '../../../base/ids.ts'
import { audit } from '../../../core/audit/index.ts'
import { type AccountStatus, statusOf } from '../../../core/locks.ts'
import { defaultRole } from '../../../core/roles/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { disableUser, enableUser } from '../../identity/lifecycle/index.ts'
import {
  createUser,
  getUser,
  getUserNamed,
  listUsers,
  type User,
  type UserView,
  userView,
} from '../../identity/users/index.ts'
import { acceptFirstPassword, firstPassword, resetPasswordByOperator } from '../../signin/passwords/index.ts'

type OperatorTools = Pick<Tools, 'db' | 'config' | 'hashing' | 'breaches' | 'clock' | 'roles'>

export interface OperatorAccount {
  email: string
  password: string
  username?: string
  fullName?: string
  /** Default: the default role. */
  role?: string
  /** Whether the address counts as verified. */
  verified: boolean
  /** Sample data: a sample administrator does not end the set-up. */
  sample?: true
}

/** Creates an active account. @throws Problem VALIDATION_ERROR, CONFLICT */
export async function createUserByOperator(tools: OperatorTools, input: OperatorAccount): Promise<UserView> {
  const email = parsed('email', EmailAddress, input.email)
  const username = input.username === undefined ? null : parsed('username', Username, input.username)
  const fullName = input.fullName === undefined ? null : parsed('full_name', FullName, input.fullName)
  const role = input.role ?? defaultRole(tools.config)
  if (!tools.roles.find(role)) throw invalid('role', 'invalid_choice', `There is no role ${role}.`)
  const password = await acceptFirstPassword(tools, input, { email, username, fullName })
  const call = systemCall(tools.clock.now())
  const id = newId('usr')
  const user = await tools.db.tx('system', async (tx) => {
    const who = { id, email, username, fullName, locale: null, roles: [role] }
    const user = { ...who, status: 'active', emailVerified: input.verified } as const
    await createUser(tx, user, call.now, [firstPassword(id, password, call.now)])
    await audit(tx, call, {
      type: 'user.created',
      userId: id,
      username,
      details: { by: 'operator', role, ...(input.sample ? { sample: true } : {}) },
    })
    return await getUser(tx, id)
  })
  return userView(tools.roles, user)
}

function parsed<T>(
  field: string,
  schema: { safeParse(value: unknown): { success: boolean; data?: T } },
  value: string,
): T {
  const result = schema.safeParse(value)
  if (!result.success || result.data === undefined)
    throw invalid(field, 'invalid', `This ${field} is not valid: ${value}`)
  return result.data
}

/** Lists users, newest first. @throws Problem VALIDATION_ERROR for a malformed cursor */
export async function listUsersByOperator(
  tools: Pick<Tools, 'clock' | 'db' | 'roles'>,
  page: { limit: number; cursor: string | null },
): Promise<{ users: (UserView & { status: AccountStatus })[]; nextCursor: string | null }> {
  if (page.cursor !== null && !isId('usr', page.cursor))
    throw invalid('cursor', 'invalid', 'This cursor is not valid.')
  const rows = await tools.db.tx('system', (tx) => listUsers(tx, page.cursor, page.limit + 1))
  const now = tools.clock.now()
  const visible = rows.slice(0, page.limit)
  return {
    users: visible.map((row) => ({ ...userView(tools.roles, row), status: statusOf(row, now) })),
    nextCursor: rows.length > page.limit ? (visible.at(-1)?.id ?? null) : null,
  }
}

/** Replaces the password, ends every session and deletes known devices. @throws Problem NOT_FOUND, VALIDATION_ERROR */
export async function setPasswordByOperator(
  tools: OperatorTools,
  identifier: string,
  password: string,
): Promise<UserView> {
  const call = systemCall(tools.clock.now())
  const user = await getUserByIdentifier(tools, identifier)
  await resetPasswordByOperator(tools, call, user, password)
  return userView(tools.roles, user)
}

/** @throws Problem NOT_FOUND, CONFLICT */
export const disableUserByOperator = (tools: OperatorTools, identifier: string): Promise<UserView> =>
  changeUser(tools, identifier, (tx, user) => disableUser(tools, tx, systemCall(tools.clock.now()), user))

/** @throws Problem NOT_FOUND, CONFLICT */
export const enableUserByOperator = (tools: OperatorTools, identifier: string): Promise<UserView> =>
  changeUser(tools, identifier, (tx, user) => enableUser(tx, systemCall(tools.clock.now()), user))

async function changeUser(
  tools: OperatorTools,
  identifier: string,
  change: (tx: Tx, user: User) => Promise<void>,
): Promise<UserView> {
  const user = await getUserByIdentifier(tools, identifier)
  await tools.db.tx('system', (tx) => change(tx, user))
  return userView(tools.roles, user)
}

const getUserByIdentifier = (tools: Pick<Tools, 'db'>, identifier: string): Promise<User> =>
  tools.db.tx('system', (tx) => getUserNamed(tx, identifier))
