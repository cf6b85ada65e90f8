/** `keys …`: signing keys. The rules are core/keys'; this is input and output. */
import { systemCall } from '../base/call.ts'
import { type Command, done } from './command.ts'
import { moment, table } from './terminal.ts'

const FOR = { access_token: 'access tokens', id_token: 'ID tokens' } as const

export const keysRotate: Command = {
  name: 'keys rotate',
  summary: 'Publish new signing keys',
  about:
    'The new key signs after LATCHKEY_KEY_LEAD, when clients have fetched it; the old key stays published until its last token has expired, so that the rotation has no effect on clients. If a key may be compromised, --now removes all other keys: every access token is refused from then on, and apps refresh. Where clients get ID tokens, their keys are rotated too, one for each algorithm; LATCHKEY_TOKEN_SECRET is changed in the environment instead.',
  options: {
    now: { type: 'boolean', about: 'Sign immediately, and remove all other keys with their tokens' },
  },
  examples: ['latchkey keys rotate', 'latchkey keys rotate --now'],
  on: 'tools',
  async run(tools, args) {
    const immediately = args.values.now === true
    const key = await tools.keys.rotate(systemCall(tools.clock.now()), { immediately })
    const signs = `signs ${FOR[key.line]}`
    const removed =
      key.line === 'access_token'
        ? 'All other keys are removed, and their access tokens are refused.'
        : 'All other keys of ID tokens are removed. Access tokens are signed with LATCHKEY_TOKEN_SECRET, and remain valid.'
    const text = immediately
      ? `${key.kid} ${signs} from now on. ${removed}`
      : `${key.kid} is published and ${signs} from ${moment(key.active_at)}.`
    return done({ key }, text)
  },
}

export const keysList: Command = {
  name: 'keys list',
  summary: 'List the signing keys and their stages',
  on: 'tools',
  async run(tools) {
    const keys = await tools.keys.list(tools.clock.now())
    const rows = keys.map(({ kid, line, algorithm, stage, active_at, keep_until }) => [
      kid,
      algorithm,
      FOR[line],
      stage,
      moment(active_at),
      stage === 'retired' ? moment(keep_until) : '',
    ])
    return done({ keys }, table(['KEY', 'ALGORITHM', 'FOR', 'STAGE', 'SIGNS FROM', 'PUBLISHED UNTIL'], rows))
  },
}
