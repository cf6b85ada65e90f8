/** `secrets …`: the server's secret. The rules are core/secrets'; this is input and output. */
import { rotateSecrets } from '../core/secrets/index.ts'
import { type Command, done, Failure } from './command.ts'

export const secretsRotate: Command = {
  name: 'secrets rotate',
  summary: 'Seal everything again under a new LATCHKEY_SECRET',
  about:
    'First restart every server with the new secret in LATCHKEY_SECRET and the old one in LATCHKEY_SECRET_PREVIOUS. This command then seals signing keys and e-mails again while they serve; it can be interrupted and repeated. Afterwards remove LATCHKEY_SECRET_PREVIOUS and restart.',
  examples: ['latchkey secrets rotate'],
  on: 'tools',
  async run(tools) {
    if (tools.config.secretPrevious === null)
      throw new Failure(
        'LATCHKEY_SECRET_PREVIOUS is not set: set the new secret in LATCHKEY_SECRET and the old one there, on every server.',
        'NO_PREVIOUS_SECRET',
      )
    const { signing_keys, emails } = await rotateSecrets(tools)
    const unreadable = signing_keys.unreadable + emails.unreadable
    const text = `Sealed again under LATCHKEY_SECRET: signing keys ${signing_keys.resealed}, e-mails ${emails.resealed}. LATCHKEY_SECRET_PREVIOUS can be removed from every server.`
    const notes =
      unreadable === 0 ? [] : [`${unreadable} could be opened with neither secret and were left as they are.`]
    return done({ signing_keys, emails }, text, notes)
  },
}
