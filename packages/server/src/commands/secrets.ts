/** `secrets …`: the server's secret. The rules are core/secrets'; this is input and output. */
import { sealedConnectionSecrets } from '../core/connections/index.ts'
import { sealedConnectionKeys } from '../core/saml/index.ts'
import { type Rotation, rotateSecrets } from '../core/secrets/index.ts'
import type { Tools } from '../core/tools.ts'
import { sealedIdentityColumns } from '../features/identity/identities/index.ts'
import { stepUps } from '../features/signin/attempts/index.ts'
import { sealedTotpSecrets } from '../features/signin/totp/index.ts'
import { type Command, done, Failure } from './command.ts'

/** Seals everything again, of core and of features. */
export const rotateAll = (tools: Tools): Promise<Rotation> =>
  rotateSecrets(tools, {
    authenticator_apps: sealedTotpSecrets,
    held_forms: stepUps.forms.column,
    connections: sealedConnectionSecrets,
    connection_keys: sealedConnectionKeys,
    ...sealedIdentityColumns,
  })

/** What is counted, for people. */
const NAMES: Readonly<Record<string, string>> = {
  signing_keys: 'signing keys',
  emails: 'e-mails',
  authenticator_apps: 'authenticator apps',
  held_forms: 'forms that wait for a step-up',
  connections: 'secrets of connections',
  connection_keys: 'keys of connections',
  released_connections: 'secrets of deleted connections',
  identity_tokens: 'tokens of connected accounts',
}

export const secretsRotate: Command = {
  name: 'secrets rotate',
  summary: 'Seal everything again under a new LATCHKEY_SECRET',
  about:
    'First restart every server with the new secret in LATCHKEY_SECRET and the old one in LATCHKEY_SECRET_PREVIOUS. This command then seals signing keys, e-mails, the secrets of authenticator apps, the secrets and keys of connections, tokens of connected accounts, and forms that wait for a step-up again while they serve; it can be interrupted and repeated. Afterwards remove LATCHKEY_SECRET_PREVIOUS and restart.',
  examples: ['latchkey secrets rotate'],
  on: 'tools',
  async run(tools) {
    if (tools.config.secretPrevious === null)
      throw new Failure(
        'LATCHKEY_SECRET_PREVIOUS is not set: set the new secret in LATCHKEY_SECRET and the old one there, on every server.',
        'NO_PREVIOUS_SECRET',
      )
    const rotation = await rotateAll(tools)
    const counts = Object.entries(rotation)
    const unreadable = counts.reduce((sum, [, count]) => sum + count.unreadable, 0)
    const what = counts.map(([name, { resealed }]) => `${NAMES[name] ?? name} ${resealed}`).join(', ')
    const text = `Sealed again under LATCHKEY_SECRET: ${what}. LATCHKEY_SECRET_PREVIOUS can be removed from every server.`
    const notes =
      unreadable === 0 ? [] : [`${unreadable} could be opened with neither secret and were left as they are.`]
    return done(rotation, text, notes)
  },
}
