/** Fixtures: connected accounts, and the buttons of providers, with plausible contents. */
import type { VNode } from 'preact'
import type { OfferedConnection } from '../../packages/server/src/core/connection-buttons.tsx'
import { PROVIDER_IDS } from '../../packages/server/src/core/providers/index.ts'
import {
  Connected,
  type ConnectedItem,
  Disconnect,
} from '../../packages/server/src/features/accounts/connected/views.tsx'

const NAMES: Readonly<Record<string, string>> = {
  google: 'Google',
  microsoft: 'Microsoft',
  github: 'GitHub',
  apple: 'Apple',
  gitlab: 'GitLab',
  linkedin: 'LinkedIn',
  x: 'X',
  saml: 'The university of the applied sciences of Ingolstadt',
}

const rankOf = (provider: string): number => [...Object.keys(NAMES), provider].indexOf(provider)

/** One of each provider. */
export const offeredConnections: readonly OfferedConnection[] = [...PROVIDER_IDS]
  .sort((a, b) => rankOf(a) - rankOf(b))
  .map((provider) => ({
    slug: provider,
    provider,
    name: NAMES[provider] ?? provider.replace(/^./, (first) => first.toUpperCase()),
  }))

/** Those that an account page offers: of the server, and one of an organization. */
const connectable = (count: number) =>
  offeredConnections.slice(0, count).map((one, at) => ({
    ...one,
    organization: at === 1 ? 'The Analytical Engines of Ingolstadt and Surroundings' : null,
  }))

export function connectedPages(now: Date): Record<string, VNode> {
  const google: ConnectedItem = {
    id: 'idn_1',
    provider: 'google',
    connection: 'Google',
    account: 'ada.lovelace@gmail.com',
    lastUsedAt: new Date(now.getTime() - 3_600_000),
    isUnlinkable: true,
  }
  const gone: ConnectedItem = {
    id: 'idn_2',
    provider: 'keycloak',
    connection: null,
    account: 'augusta.ada.king.countess.of.lovelace@engines.analytical.example.com',
    lastUsedAt: null,
    isUnlinkable: true,
  }
  const last = { ...google, isUnlinkable: false }
  return {
    connected: (
      <Connected offersPasskeys accounts={[google, gone]} offered={connectable(4)} notice="connected" />
    ),
    'connected-last': <Connected offersPasskeys accounts={[last]} offered={[]} />,
    'connected-none': (
      <Connected offersPasskeys accounts={[]} offered={connectable(2)} notice="disconnected" />
    ),
    'connected-nothing': <Connected offersPasskeys accounts={[]} alert="No." />,
    disconnect: <Disconnect offersPasskeys account={google} />,
    'disconnect-unnamed': (
      <Disconnect offersPasskeys account={{ ...gone, account: null }} alert="Try again." />
    ),
    'disconnect-last': <Disconnect account={last} offersPasskeys={false} />,
  }
}
