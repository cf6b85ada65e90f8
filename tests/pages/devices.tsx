/** The pages on which a user signs a device in, in every state. */
import type { VNode } from 'preact'
import {
  DeviceDecided,
  DeviceQuestion,
  DeviceRefused,
  EnterUserCode,
} from '../../packages/server/src/features/oidc/device/views.tsx'

export function deviceSamples(now: Date): { name: string; page: VNode }[] {
  const asked = {
    app: 'Acme Television',
    logo: null,
    organization: null,
    account: 'ada@example.com',
    scopes: ['openid', 'profile', 'offline_access'],
    resourceScopes: [{ description: 'See your recordings', resource: 'Acme Recorder' }],
    userCode: 'WDJB-MJHT',
    shown: 'x',
    begunAt: now,
  }
  const pages: Record<string, VNode> = {
    'device-enter': <EnterUserCode typed={null} />,
    'device-enter-unknown': <EnterUserCode typed="WDJB-MJHX" />,
    'device-question': <DeviceQuestion {...asked} address="2001:db8:1234:5678:9abc:def0:1234:5678" />,
    'device-question-organization': (
      <DeviceQuestion {...asked} scopes={[]} resourceScopes={[]} organization="Acme" address={null} />
    ),
    'device-allowed': <DeviceDecided app="Acme Television" decision="allowed" />,
    'device-denied': <DeviceDecided app="Acme Television" decision="denied" />,
    'device-refused': <DeviceRefused app="Acme Television" userCode="WDJB-MJHT" />,
  }
  return Object.entries(pages).map(([name, page]) => ({ name, page }))
}
