/** Fixtures: the pages of passkeys, with plausible contents. */
import type { VNode } from 'preact'
import { RemoveFactor } from '../../packages/server/src/features/signin/mfa/removal-pages.tsx'
import { RenameFactor } from '../../packages/server/src/features/signin/mfa/rename-pages.tsx'
import {
  AddPasskey,
  type PasskeyItem,
  Passkeys,
} from '../../packages/server/src/features/signin/passkeys/views.tsx'

const options = { challenge: 'AAAA', rp: { id: 'id.example.com', name: 'Latchkey' } }

export function passkeySamples(now: Date): Record<string, VNode> {
  const ago = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000)
  const phone: PasskeyItem = {
    id: 'fac_1',
    name: 'Safari, iOS',
    createdAt: ago(2000),
    lastUsedAt: ago(3),
    synced: true,
    backedUp: true,
    userVerified: true,
    refused: null,
  }
  const key: PasskeyItem = {
    ...phone,
    id: 'fac_2',
    name: 'The blue key from the drawer of the left desk at the office',
    lastUsedAt: null,
    synced: false,
    backedUp: false,
    userVerified: false,
    refused: 'copied',
  }
  return {
    passkeys: <Passkeys passkeys={[phone, key]} notice="added" accepted={{ rpId: 'id.example.com' }} />,
    'passkeys-alone': <Passkeys passkeys={[{ ...key, refused: 'alone' }]} />,
    'passkeys-none': <Passkeys passkeys={[]} notice="removed" />,
    'passkeys-refused': (
      <Passkeys passkeys={[phone]} alert="This is the last way to sign in to your account." />
    ),
    'passkey-new': <AddPasskey options={options} />,
    'passkey-new-refused': <AddPasskey options={options} errors={{ credential: 'Begin again.' }} />,
    'passkey-rename': (
      <RenameFactor
        title="Rename passkey"
        list={{ href: '/account/security/passkeys', label: 'Passkeys' }}
        action="/account/security/passkeys/fac_1/rename"
        name="Safari, iOS"
        errors={{ name: 'Enter a name.' }}
      />
    ),
    'passkey-removal': (
      <RemoveFactor
        title="Remove this passkey?"
        list={{ href: '/account/security/passkeys', label: 'Passkeys' }}
        action="/account/security/passkeys/fac_1/remove"
        name="Safari, iOS"
        consequence="last"
      />
    ),
  }
}
