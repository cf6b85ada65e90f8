/** Field schemas of passkeys: the options that a browser receives (WebAuthn Level 3 §5.1.9), and a passkey as answered. */
import { z } from 'zod'
import {
  described,
  exampleId,
  flagField,
  idField,
  textField,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { FactorName } from '../mfa/index.ts'

export const PasskeyName = FactorName.meta({
  description: 'A name by which its owner recognizes the passkey, of up to 60 characters.',
  samples: ['Phone'],
})

const EXAMPLE_CHALLENGE = 'AAABmJQq9kBvZ3Jq1M0dZQ8mB3Jq1M0dZQ8m'
/** As the library makes it, and as the browser parses it. */
const options = (description: string, example: Record<string, unknown>) =>
  described(z.record(z.string(), z.unknown()), description, example)

export const CreationOptions = options(
  'For `navigator.credentials.create`, after `PublicKeyCredential.parseCreationOptionsFromJSON`. The challenge is valid for ten minutes, once.',
  {
    rp: { id: 'id.example.com', name: 'Latchkey' },
    user: { id: 'q2Zk3u1m', name: 'ada@example.com', displayName: 'Ada Lovelace' },
    challenge: EXAMPLE_CHALLENGE,
    attestation: 'none',
  },
)

export const RequestOptions = options(
  'For `navigator.credentials.get`, after `PublicKeyCredential.parseRequestOptionsFromJSON`. The challenge is valid for ten minutes, once.',
  { challenge: EXAMPLE_CHALLENGE, rpId: 'id.example.com', userVerification: 'required' },
)

export const PasskeyView = z
  .object({
    id: idField('fac', 'The passkey.'),
    name: textField('The name that its owner gave it, or its browser and system.', 'Phone'),
    created_at: timeField('When it was added.'),
    last_used_at: timeOrNull('When it last signed in; null for never.'),
    synced: flagField(
      'Whether it is kept in a password manager, which may have it on several devices.',
      true,
    ),
    backed_up: flagField('Whether it is backed up, as its authenticator said at its last use.', true),
    user_verified: flagField(
      'Whether its authenticator can verify the user, by a fingerprint, a face or a PIN. If not, the passkey is a second factor only.',
      true,
    ),
    suspended: flagField(
      'Whether it is refused because there seems to be a copy of it: remove it, and add a new one.',
    ),
  })
  .meta({ id: 'Passkey' })
export type PasskeyView = z.infer<typeof PasskeyView>

/** The id of a passkey in a path. */
export const PasskeyId = described(
  z.string().max(64),
  'The passkey, one of your own. Form: `fac_…`.',
  exampleId('fac'),
)
