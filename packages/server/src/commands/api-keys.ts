/** `api-keys …`: API keys of accounts. The rules are the api-keys feature's; this is input and output. */
import { parseDuration } from '../base/clock.ts'
import {
  type ApiKeyView,
  issueKeyByOperator,
  listKeysByOperator,
  revokeKeyByOperator,
} from '../features/access/api-keys/index.ts'
import { type Command, done, stringOf, UsageError } from './command.ts'
import { moment, table } from './terminal.ts'

const ACCOUNT = '<email|username|id>'

export const apiKeysCreate: Command = {
  name: 'api-keys create',
  summary: 'Create an API key for an account',
  about:
    'The key acts for the account and never has more permissions than it. It is printed once: pass it on safely.',
  positionals: [ACCOUNT],
  options: {
    name: { type: 'string', value: '<name>', about: 'The name of the key' },
    description: { type: 'string', value: '<text>', about: 'A description of the key' },
    environment: { type: 'string', value: 'live|test', about: 'The environment of the key (default live)' },
    permissions: {
      type: 'string',
      value: '<permissions>',
      about:
        "Separated by commas, each a permission of the account; '*': all that the account has when it is used",
    },
    expires: { type: 'string', value: '<duration>', about: 'The lifetime of the key, such as 90d' },
  },
  examples: [
    'latchkey api-keys create ada@example.com --name "Nightly build" --permissions chat:read --expires 90d',
  ],
  on: 'tools',
  async prepare(args) {
    if (!stringOf(args, 'name')) throw new UsageError('--name is missing.')
    if (stringOf(args, 'permissions') === null)
      throw new UsageError("--permissions is missing. '*' gives the key all permissions of the account.")
    const expires = stringOf(args, 'expires')
    if (expires !== null && !parseDuration(expires))
      throw new UsageError('--expires takes a duration such as 90d or 12h.')
    return args
  },
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    const [description, environment] = [stringOf(args, 'description'), stringOf(args, 'environment')]
    const [permissions, expires] = [stringOf(args, 'permissions') ?? '', stringOf(args, 'expires')]
    const { api_key: key, ...view } = await issueKeyByOperator(tools, identifier, {
      name: stringOf(args, 'name') ?? '',
      ...(description === null ? {} : { description }),
      ...(environment === null ? {} : { environment }),
      permissions: permissions.split(/[\s,]+/).filter(Boolean),
      ...(expires === null ? {} : { lifetime: parseDuration(expires) ?? 0 }),
    })
    const expiry = view.expires_at ? `, expires ${moment(view.expires_at)}` : ''
    const text = `Created ${view.name} (${view.key_id}${expiry}).\nKey: ${key}`
    return done({ ...view, api_key: key }, text, ['The key is shown only once.'])
  },
}

export const apiKeysList: Command = {
  name: 'api-keys list',
  summary: 'List the API keys of an account',
  positionals: [ACCOUNT],
  on: 'tools',
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    const keys = await listKeysByOperator(tools, identifier)
    const head = ['NAME', 'PREFIX', 'PERMISSIONS', 'STATUS', 'LAST USED', 'EXPIRES', 'ID']
    const text = keys.length === 0 ? 'There are no API keys.' : table(head, keys.map(cells))
    return done({ api_keys: keys }, text)
  },
}

const cells = (key: ApiKeyView): string[] => [
  key.name,
  key.hint,
  key.permissions.includes('*') ? 'all of the account' : key.permissions.join(' ') || 'nothing',
  key.status === 'active' && key.rotated_at ? 'replaced' : key.status.replace('_', ' '),
  moment(key.last_used_at),
  moment(key.expires_at),
  key.key_id,
]

export const apiKeysRevoke: Command = {
  name: 'api-keys revoke',
  summary: 'Revoke an API key of an account',
  about: 'The key is refused from then on.',
  positionals: [ACCOUNT, '<key id>'],
  on: 'tools',
  async run(tools, args) {
    const [identifier = '', id = ''] = args.positionals
    const key = await revokeKeyByOperator(tools, identifier, id)
    return done({ key_id: id }, `${key.name} (${id}) is revoked.`)
  },
}
