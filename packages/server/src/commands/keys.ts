/** `keys …`: the keys that sign tokens. The rules are core/keys'; this is how they are asked for and shown. */
import { systemCall } from '../base/call.ts'
import { type Command, done } from './command.ts'
import { moment, table } from './terminal.ts'

export const keysRotate: Command = {
  name: 'keys rotate',
  summary: 'Publish a new signing key',
  about:
    'The new key signs when everybody has had time to fetch it (LATCHKEY_KEY_LEAD); the old one stays published until its last token is dead, so nobody notices. Where a key may be in wrong hands, --now removes all others at once: every access token is refused from then on, and apps refresh.',
  options: {
    now: { type: 'boolean', about: 'Sign with it at once, and remove all others with their tokens' },
  },
  examples: ['latchkey keys rotate', 'latchkey keys rotate --now'],
  on: 'tools',
  async run(tools, args) {
    const immediately = args.values.now === true
    const key = await tools.keys.rotate(systemCall(tools.clock.now()), { immediately })
    const text = immediately
      ? `${key.kid} signs from now on; all other keys are removed, and every access token with them.`
      : `${key.kid} is published, and signs from ${moment(key.active_at)} on.`
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
