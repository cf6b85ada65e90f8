/** `keys …`: signing keys. The rules are core/keys'; this is input and output. */
import { systemCall } from '../base/call.ts'
import { type Command, done } from './command.ts'
import { moment, table } from './terminal.ts'

export const keysRotate: Command = {
  name: 'keys rotate',
  summary: 'Publish a new signing key',
  about:
    'The new key signs after LATCHKEY_KEY_LEAD, when clients have fetched it; the old key stays published until its last token has expired, so that the rotation has no effect on clients. If a key may be compromised, --now removes all other keys: every access token is refused from then on, and apps refresh.',
  options: {
    now: { type: 'boolean', about: 'Sign with it immediately, and remove all other keys with their tokens' },
  },
  examples: ['latchkey keys rotate', 'latchkey keys rotate --now'],
  on: 'tools',
  async run(tools, args) {
    const immediately = args.values.now === true
    const key = await tools.keys.rotate(systemCall(tools.clock.now()), { immediately })
    const text = immediately
      ? `${key.kid} signs from now on. All other keys are removed, and their access tokens are refused.`
      : `${key.kid} is published and signs from ${moment(key.active_at)}.`
    return done({ key }, text)
  },
}

export const keysList: Command = {
  name: 'keys list',
  summary: 'List the signing keys and their stages',
  on: 'tools',
  async run(tools) {
    const keys = await tools.keys.list(tools.clock.now())
    const rows = keys.map(({ kid, algorithm, stage, active_at, keep_until }) => [
      kid,
      algorithm,
      stage,
      moment(active_at),
      stage === 'retired' ? moment(keep_until) : '',
    ])
    return done({ keys }, table(['KEY', 'ALGORITHM', 'STAGE', 'SIGNS FROM', 'PUBLISHED UNTIL'], rows))
  },
}
