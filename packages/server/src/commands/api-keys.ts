/** `api-keys …`: people's API keys by hand. The rules are the api-keys feature's; this is how they are asked for and shown. */
import { parseDuration } from '../base/clock.ts'
import {
  issueKeyByOperator,
  type KeyView,
  listKeysByOperator,
  revokeKeyByOperator,
} from '../features/access/api-keys/index.ts'
import { type Command, done, stringOf, UsageError } from './command.ts'
import { moment, table } from './terminal.ts'

const WHOSE = '<email|username|id>'

export const apiKeysCreate: Command = {
  name: 'api-keys create',
  summary: 'Make an API key for an account',
  about:
    'The key speaks for the account and may never do more than it. It is printed this once: hand it over safely.',
  positionals: [WHOSE],
  options: {
    name: { type: 'string', value: '<name>', about: 'What it will be recognised by' },
    description: { type: 'string', value: '<text>', about: 'More about it' },
    environment: { type: 'string', value: 'live|test', about: 'What it is for (default live)' },
    scopes: {
      type: 'string',
      value: '<permissions>',
      about:
        'Separated by commas, each within what the account may do; without it whatever the account may do',
    },
    expires: { type: 'string', value: '<duration>', about: 'How long it is good for, such as 90d' },
  },
  examples: [
    'latchkey api-keys create ada@example.com --name "Nightly build" --scopes chat:read --expires 90d',
  ],
  on: 'tools',
  async prepare(args) {
    if (!stringOf(args, 'name')) throw new UsageError('--name is missing.')
    const expires = stringOf(args, 'expires')
    if (expires !== null && !parseDuration(expires))
      throw new UsageError('--expires takes a duration such as 90d or 12h.')
    return args
  },
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    const [description, environment] = [stringOf(args, 'description'), stringOf(args, 'environment')]
    const [scopes, expires] = [stringOf(args, 'scopes'), stringOf(args, 'expires')]
    const { key, ...shown } = await issueKeyByOperator(tools, identifier, {
      name: stringOf(args, 'name') ?? '',
      ...(description === null ? {} : { description }),
      ...(environment === null ? {} : { environment }),
      ...(scopes === null ? {} : { scopes: scopes.split(/[\s,]+/).filter(Boolean) }),
      ...(expires === null ? {} : { lifetime: parseDuration(expires) ?? 0 }),
    })
    const ends = shown.expires_at ? `, until ${moment(shown.expires_at)}` : ''
    const text = `Made ${shown.name} (${shown.id}${ends}).\nKey: ${key}`
    return done({ api_key: shown, key }, text, ['The key is shown this once.'])
  },
}

export const apiKeysList: Command = {
  name: 'api-keys list',
  summary: 'List the API keys of an account',
  positionals: [WHOSE],
  on: 'tools',
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    const keys = await listKeysByOperator(tools, identifier)
    const head = ['NAME', 'BEGINS', 'MAY', 'STATUS', 'LAST USED', 'ENDS', 'ID']
    const text = keys.length === 0 ? 'There are no API keys.' : table(head, keys.map(cells))
    return done({ api_keys: keys }, text)
  },
}

const cells = (key: KeyView): string[] => [
  key.name,
  key.hint,
  key.scopes === null ? 'whatever the account may' : key.scopes.join(' ') || 'nothing',
  key.status === 'active' && key.rotated_at ? 'replaced' : key.status,
  moment(key.last_used_at),
  moment(key.expires_at),
  key.id,
]

export const apiKeysRevoke: Command = {
  name: 'api-keys revoke',
  summary: 'Revoke an API key of an account',
  about: 'It is refused from then on.',
  positionals: [WHOSE, '<key id>'],
  on: 'tools',
  async run(tools, args) {
    const [identifier = '', id = ''] = args.positionals
    const key = await revokeKeyByOperator(tools, identifier, id)
    return done({ id }, `${key.name} (${id}) is revoked.`)
  },
}
