/** Fixtures: the hosted pages of second factors with plausible contents, for samples.tsx. */
import type { VNode } from 'preact'
import type { Locale } from '../../packages/server/src/base/call.ts'
import { later } from '../../packages/server/src/base/clock.ts'
import { invalid } from '../../packages/server/src/base/errors.ts'
import { formState } from '../../packages/server/src/base/page/index.ts'
import { BackupCodes, SavedCodes } from '../../packages/server/src/features/signin/backup-codes/views.tsx'
import { DevicesRow } from '../../packages/server/src/features/signin/devices/views.tsx'
import { EmailFactorRow } from '../../packages/server/src/features/signin/mail-codes/views.tsx'
import { Security } from '../../packages/server/src/features/signin/security/views.tsx'
import { Continue } from '../../packages/server/src/features/signin/step-up/views.tsx'
import { otpauthUrl } from '../../packages/server/src/features/signin/totp/otp.ts'
import { qrDataUri } from '../../packages/server/src/features/signin/totp/qr.ts'
import {
  type AuthenticatorItem,
  Authenticators,
  SetUpAuthenticator,
} from '../../packages/server/src/features/signin/totp/views.tsx'

const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const url = otpauthUrl(
  SECRET,
  { algorithm: 'SHA1', digits: 6, period: 30 },
  { issuer: 'Latchkey', account: 'grace.hopper@example.com' },
)
const setup = { secret: SECRET, otpauthUrl: url, qrCode: qrDataUri(url), setup: 'v1.sealed.text' }
const codes = Array.from({ length: 10 }, (_, n) => `ABCD-EFGH-IJKL-MN${'ABCDEFGHIJ'[n]}2`)
const digits = Array.from({ length: 10 }, (_, n) => `1234567${n}`)

/** @param now of the fixtures */
export function secondFactorSamples(locale: Locale, now: Date): { name: string; page: VNode }[] {
  const item = (n: number, more: Partial<AuthenticatorItem> = {}): AuthenticatorItem => ({
    id: `fac_${n}`,
    name: `Phone ${n}`,
    createdAt: now,
    lastUsedAt: null,
    ...more,
  })
  const two = [item(1, { name: null, lastUsedAt: now }), item(2, { name: 'A very long name '.repeat(6) })]
  const device = (n: number) => ({
    id: `dev_${n}`,
    current: n === 1,
    device: n === 1 ? { browser: 'Firefox', system: 'Linux' } : { browser: null, system: null },
    ip_address: n === 1 ? '192.0.2.1' : null,
    user_agent: null,
    created_at: now.toISOString(),
    last_used_at: now.toISOString(),
    trusted_until: later(now, n * 86_400_000).toISOString(),
  })
  const wrong = formState(locale, { code: '000000' }, invalid('code', 'wrong_code', 'x'))
  const held = { path: '/account/api-keys', fields: { name: 'Schlüssel "1"' } }
  const remembered = <DevicesRow path="/account/security/devices" devices={[device(1), device(2)]} />
  const emailCode = (isEnabled: boolean, isVerified: boolean) => {
    const state = { isEnabled, isVerified, isStronger: false }
    const view = <EmailFactorRow path="/account/security/email-code" address="ada@example.com" {...state} />
    const row = { id: 'email-code', title: 'Code by e-mail', summary: isEnabled ? 'On' : 'Not set up', view }
    return <Security rows={[row]} open="email-code" notice={null} />
  }
  const pages: Record<string, VNode> = {
    'step-up-continue': <Continue form={{ ...held, isPartial: false }} returnTo="/account/api-keys" />,
    'step-up-partial': <Continue form={{ ...held, isPartial: true }} returnTo="/account/api-keys" />,
    'authenticators-none': <Authenticators authenticators={[]} most={5} />,
    authenticators: <Authenticators authenticators={two} most={5} notice="enabled" />,
    'authenticators-most': <Authenticators authenticators={[1, 2, 3, 4, 5].map((n) => item(n))} most={5} />,
    'authenticator-setup': <SetUpAuthenticator setup={setup} />,
    'authenticator-wrong-code': <SetUpAuthenticator setup={setup} {...wrong} />,
    'backup-codes': <BackupCodes left={1} offer="create" />,
    'backup-codes-none': <BackupCodes left={0} offer="needs_factor" />,
    'backup-codes-saved': <SavedCodes codes={codes} next="/account/security" />,
    'email-code': emailCode(false, true),
    'email-code-on': emailCode(true, true),
    'email-code-unverified': emailCode(false, false),
    'remembered-devices': (
      <Security
        rows={[{ id: 'devices', title: 'Remembered devices', summary: '2', view: remembered }]}
        open="devices"
        notice={null}
      />
    ),
    'backup-codes-digits': <SavedCodes codes={digits} next="/account/security" />,
  }
  return Object.entries(pages).map(([name, page]) => ({ name, page }))
}
