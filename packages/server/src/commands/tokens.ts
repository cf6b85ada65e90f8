/** `tokens …`: access tokens. The rules are the tokens feature's; this is input and output. */
import { parseDuration } from '../base/clock.ts'
import { LONGEST_TOKEN } from '../core/revocations/index.ts'
import {
  createTokenByOperator,
  revokeTokenByOperator,
  revokeTokensOfByOperator,
} from '../features/access/tokens/index.ts'
import { type RevocationCounts, revokeAllBefore } from '../features/accounts/restoration/index.ts'
import { type Args, type Command, done, Failure, stringOf, UsageError } from './command.ts'
import { moment } from './terminal.ts'

const LEAST = 60_000

/** @throws UsageError where the value is not a duration, or out of bounds */
function lifetimeOf(args: Args): number | null {
  const text = stringOf(args, 'lifetime')
  if (text === null) return null
  const value = parseDuration(text)
  if (value === null || value < LEAST || value > LONGEST_TOKEN)
    throw new UsageError('--lifetime takes a duration from 1m to 30d, such as 15m or 8h.')
  return value
}

export const tokensCreate: Command = {
  name: 'tokens create',
  summary: 'Issue an access token for an account',
  about:
    'For testing an API, or for a job: the token has all permissions of the account, no session, and cannot be refreshed. Standard output is the token alone, printed once.',
  positionals: ['<email|username|id>'],
  options: {
    lifetime: {
      type: 'string',
      value: '<duration>',
      about: 'The lifetime of the token, up to 30d (default 1h)',
    },
  },
  examples: [
    'latchkey tokens create ada@example.com',
    'curl -H "Authorization: Bearer $(latchkey tokens create ada --lifetime 15m)" …',
  ],
  on: 'tools',
  async prepare(args) {
    lifetimeOf(args)
    return args
  },
  async run(tools, args) {
    const [identifier = ''] = args.positionals
    const lifetime = lifetimeOf(args) ?? tools.config.accessTokenLifetime
    const { token, id, user, expiresAt } = await createTokenByOperator(tools, identifier, lifetime)
    const expires_at = expiresAt.toISOString()
    return done({ token, id, user_id: user.id, expires_at }, token, [
      `For ${user.email}, expires ${moment(expires_at)}. \`latchkey tokens revoke ${id}\` revokes it.`,
    ])
  },
}

/** @throws UsageError where it is neither `now` nor an instant of the past */
function instantOf(text: string, now: Date): Date {
  if (text === 'now') return now
  const isInstant = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
  const at = new Date(isInstant ? text : Number.NaN)
  if (Number.isNaN(at.getTime()) || at > now)
    throw new UsageError('--all-before takes `now`, or an instant of the past such as 2026-03-01T12:00:00Z.')
  return at
}

export const tokensRevoke: Command = {
  name: 'tokens revoke',
  summary: 'Revoke a token, or all tokens of an account',
  about:
    'Accepts an access token or its id (`jti`), a refresh token (with its family), a session token, or --user for every token of an account, whose sessions stay valid. --all-before ends everything that was issued until an instant, for all accounts: sessions, refresh tokens, links, sign-ins under way and invitations; it replaces all signing keys, so that every access token is refused and apps refresh. Run it after restoring a backup, with the time of the restoration.',
  positionals: ['[token|id]'],
  options: {
    user: { type: 'string', value: '<email|username|id>', about: 'Every token of this account' },
    'all-before': { type: 'string', value: '<time|now>', about: 'Everything that was issued until then' },
    'api-keys': { type: 'boolean', about: 'With --all-before: API keys too' },
  },
  examples: [
    'latchkey tokens revoke tok_019…',
    'latchkey tokens revoke --user ada@example.com',
    'latchkey tokens revoke --all-before now',
  ],
  on: 'tools',
  async prepare(args) {
    const before = stringOf(args, 'all-before')
    const given = [args.positionals[0] ?? null, stringOf(args, 'user'), before]
    if (given.filter((one) => one !== null).length !== 1)
      throw new UsageError('Specify a token or its id, or --user, or --all-before.')
    if (before === null && args.values['api-keys'] === true)
      throw new UsageError('--api-keys requires --all-before.')
    return args
  },
  async run(tools, args) {
    const before = stringOf(args, 'all-before')
    if (before !== null) {
      const until = instantOf(before, tools.clock.now())
      const ended = await revokeAllBefore(tools, until, { apiKeys: args.values['api-keys'] === true })
      const notes = ended.signing_keys
        ? []
        : ['Access tokens are signed with LATCHKEY_TOKEN_SECRET: change it to end them too.']
      return done({ before: until.toISOString(), ...ended }, endedText(ended, until), notes)
    }
    const user = stringOf(args, 'user')
    if (user !== null) {
      const families = await revokeTokensOfByOperator(tools, user)
      return done({ user, families }, `Every token of ${user} is refused from now on.`)
    }
    const [token = ''] = args.positionals
    if (!(await revokeTokenByOperator(tools, token)))
      throw new Failure('This is not a valid token.', 'NOT_FOUND')
    return done({ revoked: true }, 'The token is refused from now on.')
  },
}

const endedText = (ended: RevocationCounts, until: Date): string =>
  `Ended what was issued until ${moment(until.toISOString())}: sessions ${ended.sessions}, refresh tokens ${ended.refresh_families}, links ${ended.links}, sign-ins under way ${ended.attempts}, invitations ${ended.invitations}, API keys ${ended.api_keys}.`
