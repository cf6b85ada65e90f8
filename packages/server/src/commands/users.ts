/** `users …`: accounts. The rules are the registration and administration features'; this is input and output. */
import type { Tools } from '../core/tools.ts'
import {
  deleteUserByOperator,
  resetMfaByOperator,
  setRolesByOperator,
  unlockUserByOperator,
} from '../features/accounts/administration/index.ts'
import {
  createUserByOperator,
  disableUserByOperator,
  enableUserByOperator,
  listUsersByOperator,
  setPasswordByOperator,
} from '../features/accounts/registration/index.ts'
import { type Args, type Command, done, type Option, stringOf, type Terminal, UsageError } from './command.ts'
import { generatePassword, readPassword } from './password.ts'
import { moment, table } from './terminal.ts'

const PASSWORD_STDIN: Option = {
  type: 'boolean',
  about: 'Read the password from standard input instead of generating one',
}
const SHOWN_ONCE = 'The password is shown only once: pass it on safely, and have it changed.'

/** Adds the password from standard input to the arguments, where `--password-stdin` is set. */
async function withPassword(args: Args, terminal: Terminal): Promise<Args> {
  if (args.values['password-stdin'] !== true) return args
  return { ...args, values: { ...args.values, password: await readPassword(terminal) } }
}

export const usersCreate: Command = {
  name: 'users create',
  summary: 'Create an account',
  about: 'The address counts as verified. Without --password-stdin a password is generated and printed once.',
  options: {
    email: { type: 'string', value: '<address>', about: 'The e-mail address' },
    username: { type: 'string', value: '<name>', about: 'A name to sign in with, besides the address' },
    name: { type: 'string', value: '<full name>', about: 'The full name' },
    role: { type: 'string', value: '<role>', about: 'A role of the server (default: the default role)' },
    unverified: { type: 'boolean', about: 'The address counts as not verified' },
    'password-stdin': PASSWORD_STDIN,
  },
  examples: [
    'latchkey users create --email ada@example.com --name "Ada Lovelace" --role super_admin',
    'pass show latchkey/ada | latchkey users create --email ada@example.com --password-stdin --json',
  ],
  on: 'tools',
  async prepare(args, terminal) {
    if (stringOf(args, 'email')) return withPassword(args, terminal)
    if (!terminal.interactive) throw new UsageError('--email is missing.')
    const { isCancel, text } = await import('@clack/prompts')
    const answer = async (message: string, options: { placeholder?: string } = {}) => {
      const given = await text({ message, output: process.stderr, ...options })
      if (isCancel(given)) throw new UsageError('No account was created.')
      return given?.trim() || undefined
    }
    const email = await answer('E-mail address')
    if (!email) throw new UsageError('--email is missing.')
    const name = stringOf(args, 'name') ?? (await answer('Full name', { placeholder: 'optional' }))
    return withPassword({ ...args, values: { ...args.values, email, name } }, terminal)
  },
  async run(tools, args) {
    const email = stringOf(args, 'email')
    if (!email) throw new UsageError('--email is missing.')
    const given = stringOf(args, 'password')
    const password = given ?? generatePassword()
    const [username, fullName, role] = [
      stringOf(args, 'username'),
      stringOf(args, 'name'),
      stringOf(args, 'role'),
    ]
    const user = await createUserByOperator(tools, {
      email,
      password,
      ...(username === null ? {} : { username }),
      ...(fullName === null ? {} : { fullName }),
      ...(role === null ? {} : { role }),
      verified: args.values.unverified !== true,
    })
    const text = `Created ${user.email} (${user.id}${user.role ? `, ${user.role}` : ''}).`
    if (given !== null) return done({ user }, text)
    return done({ user, password }, `${text}\nPassword: ${password}`, [SHOWN_ONCE])
  },
}

export const usersList: Command = {
  name: 'users list',
  summary: 'List accounts',
  options: {
    limit: { type: 'string', value: '<n>', about: 'The maximum number of accounts (default 50, up to 1000)' },
    cursor: { type: 'string', value: '<cursor>', about: 'Continue after the previous page' },
  },
  on: 'tools',
  async prepare(args) {
    const limit = stringOf(args, 'limit') ?? '50'
    if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > 1000) {
      throw new UsageError('--limit takes a whole number from 1 to 1000.')
    }
    return { ...args, values: { ...args.values, limit } }
  },
  async run(tools, args) {
    const limit = stringOf(args, 'limit') ?? ''
    const { users, nextCursor } = await listUsersByOperator(tools, {
      limit: Number(limit),
      cursor: stringOf(args, 'cursor'),
    })
    const rows = users.map((user) => [
      user.email,
      user.username ?? '',
      user.full_name ?? '',
      user.roles.join(' '),
      user.status,
      moment(user.last_login),
      user.id,
    ])
    const head = ['EMAIL', 'USERNAME', 'NAME', 'ROLES', 'STATUS', 'LAST SIGN-IN', 'ID']
    const notes =
      nextCursor === null ? [] : [`Next page: latchkey users list --limit ${limit} --cursor ${nextCursor}`]
    return done(
      { users, next_cursor: nextCursor },
      rows.length === 0 ? 'There are no accounts.' : table(head, rows),
      notes,
    )
  },
}

export const usersResetPassword: Command = {
  name: 'users reset-password',
  summary: 'Give an account a new password',
  about:
    'Ends every session of the account. Without --password-stdin a password is generated and printed once.',
  positionals: ['<email|username|id>'],
  options: { 'password-stdin': PASSWORD_STDIN },
  on: 'tools',
  prepare: withPassword,
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    const given = stringOf(args, 'password')
    const password = given ?? generatePassword()
    await setPasswordByOperator(tools, identifier, password)
    const text = `${identifier} has a new password; its sessions have ended.`
    return given === null
      ? done({ identifier, password }, `${text}\nPassword: ${password}`, [SHOWN_ONCE])
      : done({ identifier }, text)
  },
}

const statusCommand = (
  name: string,
  summary: string,
  outcome: string,
  change: (tools: Tools, identifier: string) => Promise<unknown>,
): Command => ({
  name,
  summary,
  positionals: ['<email|username|id>'],
  on: 'tools',
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    await change(tools, identifier)
    return done({ identifier }, `${identifier} ${outcome}.`)
  },
})

export const usersDisable = statusCommand(
  'users disable',
  'Disable an account and end its sessions',
  'is disabled; its sessions have ended',
  disableUserByOperator,
)
export const usersUnlock = statusCommand(
  'users unlock',
  'Lift the lock of an account and clear failed sign-ins',
  'is unlocked',
  unlockUserByOperator,
)
export const usersEnable = statusCommand(
  'users enable',
  'Enable a disabled account',
  'is enabled',
  enableUserByOperator,
)

export const usersMfaReset: Command = {
  name: 'users mfa reset',
  summary: 'Remove all second factors of an account',
  about:
    'For a user who has lost them: authenticator apps, passkeys and backup codes are removed, all sessions end, and the user gets an e-mail. Afterwards the password alone signs in.',
  positionals: ['<email|username|id>'],
  examples: ['latchkey users mfa reset ada@example.com'],
  on: 'tools',
  async run(tools, args) {
    const { user, removed } = await resetMfaByOperator(tools, args.positionals[0] ?? '')
    const what =
      removed === 0 ? 'had no second factor' : `has no second factor any more (removed: ${removed})`
    return done({ id: user.id, removed }, `${user.email} ${what}.`)
  },
}

export const usersSetRole: Command = {
  name: 'users set-role',
  summary: 'Replace the roles of an account',
  about: 'Takes effect with the next request. Several roles are separated by commas.',
  positionals: ['<email|username|id>', '<role,…>'],
  examples: ['latchkey users set-role ada@example.com administrator'],
  on: 'tools',
  async run(tools, args) {
    const [identifier = '', roles = ''] = args.positionals
    const user = await setRolesByOperator(
      tools,
      identifier,
      roles.split(',').map((role) => role.trim()),
    )
    return done({ user }, `${identifier} has the roles ${user.roles.join(', ')}.`)
  },
}

export const usersDelete: Command = {
  name: 'users delete',
  summary: 'Delete an account with all personal data',
  about:
    'Cannot be undone. Organizations whose only member it is are deleted with the grace period; where it is the only owner of others, transfer them first.',
  positionals: ['<email|username|id>'],
  options: { yes: { type: 'boolean', about: 'Confirm the loss of data' } },
  on: 'tools',
  async prepare(args) {
    if (args.values.yes === true) return args
    throw new UsageError('Deleting an account drops its data. Confirm with --yes.')
  },
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    await deleteUserByOperator(tools, identifier)
    return done({ identifier }, `${identifier} is deleted.`)
  },
}
