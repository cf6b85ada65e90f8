/** Fixtures: every hosted page with plausible contents, for ../pages.test.tsx and gallery.ts. */
import type { VNode } from 'preact'
import type { Call, Locale } from '../../packages/server/src/base/call.ts'
import { systemCall } from '../../packages/server/src/base/call.ts'
import { problem } from '../../packages/server/src/base/errors.ts'
import { formState, type SignedIn } from '../../packages/server/src/base/page/index.ts'
import { loadConfig } from '../../packages/server/src/config.ts'
import {
  ApiKey,
  ApiKeys,
  type KeyItem,
  NewKey,
} from '../../packages/server/src/features/access/api-keys/views.tsx'
import { OwnAccess } from '../../packages/server/src/features/access/roles/views.tsx'
import {
  AddressChanged,
  ChangeEmail,
  ChangeLinkInvalid,
  ChangeUndone,
  ConfirmChange,
  EmailRow,
  UndoChange,
} from '../../packages/server/src/features/accounts/address/views.tsx'
import { Account, DeleteAccount } from '../../packages/server/src/features/accounts/own/views.tsx'
import {
  Setup,
  SetupLinkInvalid,
  SignUp,
} from '../../packages/server/src/features/accounts/registration/views.tsx'
import {
  CheckYourMail,
  ConfirmEmail,
  EmailVerified,
  VerifyLinkInvalid,
} from '../../packages/server/src/features/identity/emails/views.tsx'
import { Sessions } from '../../packages/server/src/features/identity/sessions/views.tsx'
import { SignIn } from '../../packages/server/src/features/signin/form/views.tsx'
import {
  EnterCode,
  LinkSent,
  OpenLink,
  RequestEmail,
  SignInLinkInvalid,
} from '../../packages/server/src/features/signin/mail-codes/views.tsx'
import {
  NoticeDone,
  NoticeLinkInvalid,
  NotMeForm,
  UnlockForm,
} from '../../packages/server/src/features/signin/notices/views.tsx'
import { pagePolicy } from '../../packages/server/src/features/signin/passwords/index.ts'
import {
  ChangePassword,
  Expired,
  Forgot,
  ForgotSent,
  PasswordRow,
  Reset,
  ResetLinkInvalid,
} from '../../packages/server/src/features/signin/passwords/views.tsx'
import { SignedOut, SignOut } from '../../packages/server/src/features/signin/responses/views.tsx'
import { RoutedSignIn } from '../../packages/server/src/features/signin/routing/views.tsx'
import { Security } from '../../packages/server/src/features/signin/security/views.tsx'
import { appSamples } from './apps.tsx'
import { connectedPages, offeredConnections } from './connected.tsx'
import { deviceSamples } from './devices.tsx'
import { organizationSamples } from './organizations.tsx'
import { passkeySamples } from './passkeys.tsx'
import { secondFactorSamples } from './second-factors.tsx'

export interface Sample {
  name: string
  page: VNode
  signedIn: SignedIn | null
}

export const NOW = new Date('2026-03-14T09:26:53Z')
export const callIn = (locale: Locale): Call => ({ ...systemCall(NOW), locale })
const ago = (hours: number): Date => new Date(NOW.getTime() - hours * 3_600_000)

const settings = loadConfig({}, { cwd: '/nonexistent', secret: 'look' })
const nist = pagePolicy(settings)
const classic = pagePolicy({ ...settings, passwordProfile: 'classic' })
const ADDRESS = 'grace.hopper@example.com'
const GRACE: SignedIn = { name: 'Grace Hopper', email: ADDRESS, organization: 'Bureau of Ordnance' }
const LONG = 'a.remarkably.long.address.that.never.seems.to.end@subdomain.of.a.rather.long.domain.example.org'
const user = {
  email: ADDRESS,
  emailVerified: true,
  fullName: 'Grace Hopper',
  username: 'grace',
  locale: null,
  createdAt: ago(4000),
  profile: {},
}
const STATED = {
  given_name: 'Grace',
  birthdate: '1906-12-09',
  zoneinfo: 'America/New_York',
  website: 'https://grace.example.com/"><script>',
  address: { street_address: '7 Arlington Ridge Road\n<Flat 3>', country: 'United States' },
}
const WINDOWS =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36'
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'

const refused = problem('VALIDATION_ERROR', {
  details: [
    { field: 'email', code: 'email', message: 'x' },
    { field: 'password', code: 'too_short', message: 'x', params: { min: 15 } },
    { field: 'password_confirm', code: 'mismatch', message: 'x' },
  ],
})
const refusedClassic = problem('VALIDATION_ERROR', {
  details: [
    { field: 'current_password', code: 'wrong_password', message: 'x' },
    { field: 'new_password', code: 'needs_upper', message: 'x' },
    { field: 'new_password', code: 'needs_digit', message: 'x' },
  ],
})
const wrong = problem('AUTHENTICATION_FAILED', { details: { attempts_remaining: 2, lockout_duration: 900 } })
const locked = problem('ACCOUNT_LOCKED', { details: { lockout_duration: 840 }, retryAfter: 840 })
const empty = problem('VALIDATION_ERROR', {
  details: [{ field: 'identifier', code: 'required', message: 'x' }],
})
const GOOGLE = { slug: 'google', name: 'Google', provider: 'google' } as const
const OKTA = { slug: 'con_1', name: 'Analytical Engines Okta', provider: 'okta' } as const
const ROUTE = {
  domain: 'analytical-engines.example',
  organization: 'Analytical Engines',
  connection: OKTA.name,
  href: '/api/v1/auth/external/con_1/authorize',
  passwordHref: '/sign-in?with=password',
  changeHref: '/sign-in',
}
const wrongNumber = problem('VALIDATION_ERROR', {
  details: [{ field: 'phone_number', code: 'phone_number', message: 'x' }],
})
const taken = problem('CONFLICT', { details: { field: 'username' } })
const sessions = [
  {
    id: 'ses_1',
    userAgent: WINDOWS,
    ipAddress: '198.51.100.7',
    signedInAt: ago(2),
    lastSeenAt: NOW,
    current: true,
  },
  {
    id: 'ses_2',
    userAgent: IPHONE,
    ipAddress: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
    signedInAt: ago(400),
    lastSeenAt: ago(9),
    remembered: true,
    current: false,
  },
  {
    id: 'ses_3',
    userAgent: 'curl/8.5.0',
    ipAddress: null,
    signedInAt: ago(3),
    lastSeenAt: ago(3),
    current: false,
  },
  {
    id: 'ses_4',
    userAgent: null,
    ipAddress: '203.0.113.5',
    signedInAt: ago(5),
    lastSeenAt: ago(4),
    current: false,
  },
]

const securityRows = [
  { id: 'password', title: 'Password', summary: 'Changed 14 Mar 2026', view: <PasswordRow /> },
  { id: 'email', title: 'E-mail', summary: LONG, view: <EmailRow email={LONG} pending={ADDRESS} /> },
]
const key: KeyItem = {
  id: 'key_1',
  name: 'Nightly build',
  description: 'Publishes the reports',
  environment: 'live',
  hint: 'lk_live_3fRz',
  permissions: ['chat:read', 'dashboard:read'],
  createdAt: ago(900),
  expiresAt: ago(-900),
  lastUsedAt: ago(1),
  rotatedAt: null,
  expired: false,
}
const apiKeys: KeyItem[] = [
  key,
  {
    ...key,
    id: 'key_2',
    name: 'A remarkably long name of a program whose author never thought about the width of narrow windows',
    environment: 'test',
    permissions: ['*'],
    expiresAt: null,
    lastUsedAt: null,
  },
  { ...key, id: 'key_3', name: 'Old', permissions: [], expiresAt: ago(5), expired: true },
  { ...key, id: 'key_4', name: 'Older', rotatedAt: ago(1) },
]
const notHeld = problem('VALIDATION_ERROR', {
  details: [
    { field: 'name', code: 'required', message: 'x' },
    { field: 'more_permissions', code: 'not_held', message: 'x', params: { permission: 'users:read' } },
  ],
})
const offers = {
  newKeyId: 'key_x',
  permissions: ['chat:*', 'concerns:*', 'dashboard:read'],
  lifetimes: [7, 30, 90, 365, null],
}

export function samples(locale: Locale): Sample[] {
  const again = formState.bind(null, locale)
  const stranger: Record<string, VNode> = {
    'sign-in': <SignIn returnTo="/account/security?a=1&b=2" passkeys />,
    'sign-in-providers': <SignIn passkeys byEmail connections={offeredConnections} />,
    'sign-in-wrong': <SignIn {...again({ identifier: ADDRESS, remember_me: 'true' }, wrong)} />,
    'sign-in-identifier': (
      <SignIn start="identifier" returnTo="/account/security" passkeys byEmail connections={[GOOGLE]} />
    ),
    'sign-in-identifier-empty': <SignIn start="identifier" {...again({ identifier: '' }, empty)} />,
    'sign-in-password': (
      <SignIn
        start="password"
        returnTo="/account/security"
        typed={{ identifier: ADDRESS, remember_me: 'true' }}
      />
    ),
    'sign-in-password-wrong': <SignIn start="password" {...again({ identifier: ADDRESS }, wrong)} />,
    'sign-in-own': (
      <SignIn
        start="identifier"
        passkeys
        connections={[GOOGLE]}
        organization={{ name: 'Analytical Engines', connections: [OKTA], isRequired: false }}
      />
    ),
    'sign-in-own-alike': (
      <SignIn
        organization={{
          name: 'Analytical Engines',
          connections: [OKTA, { ...OKTA, slug: 'con_2', provider: 'saml' }, { ...OKTA, slug: 'con_3' }],
          isRequired: false,
        }}
      />
    ),
    'sign-in-own-required': (
      <SignIn organization={{ name: 'Analytical Engines', connections: [OKTA, GOOGLE], isRequired: true }} />
    ),
    'sign-in-organization': <RoutedSignIn {...ROUTE} isRequired={false} />,
    'sign-in-organization-required': <RoutedSignIn {...ROUTE} isRequired />,
    'sign-in-locked': <SignIn {...again({ identifier: ADDRESS }, locked)} />,
    'sign-in-expired': <SignIn notice="session_expired" />,
    'sign-in-reset': <SignIn notice="password_reset" />,
    'sign-in-by-email': <SignIn byEmail returnTo="/account/security" />,
    'sign-in-email': <RequestEmail offers={['code', 'link']} returnTo="/account/security" />,
    'sign-in-email-refused': <RequestEmail offers={['link']} {...again({ email: 'grace@' }, refused)} />,
    'sign-in-link-sent': <LinkSent address={LONG} />,
    'sign-in-code': <EnterCode attempt="sgn_x" address={ADDRESS} resent={false} returnTo="/account" />,
    'sign-in-code-again': <EnterCode attempt="sgn_x" address={LONG} resent />,
    'sign-in-code-wrong': (
      <EnterCode attempt="sgn_x" address={ADDRESS} resent={false} errors={{ code: 'x' }} />
    ),
    'sign-in-link': <OpenLink token="lnk_1.abc" address={ADDRESS} isAsker />,
    'sign-in-link-elsewhere': <OpenLink token="lnk_1.abc" address={LONG} isAsker={false} />,
    'sign-in-link-expired': <SignInLinkInvalid expired canRequest />,
    'sign-in-link-used': <SignInLinkInvalid expired={false} canRequest={false} />,
    'signed-out': <SignedOut provider={null} returnTo={null} />,
    'signed-out-provider': <SignedOut provider="Analytical Engines" returnTo="/app" />,
    'sign-up': <SignUp policy={nist} />,
    'sign-up-providers': <SignUp policy={nist} connections={offeredConnections.slice(0, 4)} />,
    'sign-up-refused': <SignUp policy={nist} {...again({ email: 'grace@', full_name: 'Grace' }, refused)} />,
    'sign-up-classic': <SignUp policy={classic} />,
    setup: <Setup token="lnk_1.abc" policy={nist} />,
    'setup-invalid': <SetupLinkInvalid />,
    'check-mail': <CheckYourMail address={ADDRESS} />,
    'check-mail-resent': <CheckYourMail address={LONG} resent />,
    'confirm-email': <ConfirmEmail token="lnk_2.def" address={ADDRESS} />,
    'verify-expired': <VerifyLinkInvalid expired />,
    'verify-invalid': <VerifyLinkInvalid expired={false} />,
    'email-verified': <EmailVerified returnTo="/account" />,
    'email-change': <ConfirmChange token="lnk_4.jkl" address={LONG} />,
    'email-change-refused': <ConfirmChange token="lnk_4.jkl" address={ADDRESS} alert="x" />,
    'email-changed': <AddressChanged />,
    'email-undo': <UndoChange token="lnk_5.mno" />,
    'email-undone': (
      <ChangeUndone
        resetHref="/reset-password?token=lnk_6.pqr"
        ended={{
          apiKeys: ['A program'],
          factors: [
            { kind: 'passkey', name: 'My phone' },
            { kind: 'totp', name: null },
          ],
          identities: [{ provider: 'google', name: 'Ada', email: ADDRESS }],
        }}
      />
    ),
    'email-link-expired': <ChangeLinkInvalid expired />,
    'email-link-invalid': <ChangeLinkInvalid expired={false} />,
    unlock: <UnlockForm token="lnk_7.stu" />,
    'unlock-refused': <UnlockForm token="lnk_7.stu" alert="x" />,
    'unlock-done': <NoticeDone what="unlock" href="/sign-in" />,
    'not-me': <NotMeForm token="lnk_8.vwx" />,
    'not-me-done': (
      <NoticeDone
        what="not_me"
        href="/reset-password?token=lnk_9.yz"
        ended={{
          apiKeys: ['A program'],
          factors: [
            { kind: 'passkey', name: 'My phone' },
            { kind: 'totp', name: null },
          ],
          identities: [{ provider: 'google', name: 'Ada', email: ADDRESS }],
        }}
      />
    ),
    'notice-link-expired': <NoticeLinkInvalid expired />,
    'notice-link-invalid': <NoticeLinkInvalid expired={false} />,
    forgot: <Forgot />,
    'forgot-sent': <ForgotSent address={LONG} />,
    reset: <Reset token="lnk_3.ghi" address={ADDRESS} policy={classic} />,
    'reset-refused': <Reset token="lnk_3.ghi" policy={nist} {...again({}, refused)} />,
    'reset-invalid': <ResetLinkInvalid expired={false} />,
  }
  const person: Record<string, VNode> = {
    account: <Account user={user} />,
    'account-stated': (
      <Account
        user={{ ...user, profile: STATED }}
        {...again({ full_name: 'Grace', phone_number: '030' }, wrongNumber)}
      />
    ),
    'account-saved': <Account user={{ ...user, email: LONG, emailVerified: false }} saved />,
    'account-demanded': (
      <Account
        user={user}
        demands={[
          { by: 'Acme', kinds: ['passkey', 'totp'], dueAt: ago(-14) },
          { by: 'Analytical Engines of the Northern Branch', kinds: ['passkey'], dueAt: null },
        ]}
      />
    ),
    'account-taken': (
      <Account user={user} {...again({ full_name: 'G', username: 'ada', locale: 'de' }, taken)} />
    ),
    'change-email': <ChangeEmail email={ADDRESS} pending={null} cancelled />,
    'change-email-pending': (
      <ChangeEmail
        email={ADDRESS}
        pending={{ address: LONG, expiresAt: ago(-24) }}
        {...again({ email: 'grace@' }, refused)}
      />
    ),
    'account-moving': <Account user={{ ...user, pendingEmail: LONG }} />,
    security: <Security rows={securityRows} open={null} notice={null} />,
    'security-open': <Security rows={securityRows} open="password" notice="Password changed." />,
    'set-password': <ChangePassword email={ADDRESS} policy={nist} isFirst />,
    'change-password': <ChangePassword email={ADDRESS} policy={nist} changedAt={ago(700)} />,
    'change-password-refused': (
      <ChangePassword email={ADDRESS} policy={classic} {...again({}, refusedClassic)} />
    ),
    'password-expired': (
      <Expired attempt="sgn_01a2011752817b4fbb433d415d156adb" email={ADDRESS} isExpired policy={classic} />
    ),
    'password-rules': (
      <Expired
        attempt="sgn_01a2011752817b4fbb433d415d156adb"
        email={ADDRESS}
        isExpired={false}
        policy={classic}
      />
    ),
    ...passkeySamples(NOW),
    ...connectedPages(NOW),
    ...appSamples(NOW),
    sessions: <Sessions sessions={sessions} />,
    'sessions-alone': <Sessions sessions={sessions.slice(0, 1)} ended={3} />,
    'api-keys': <ApiKeys keys={apiKeys} {...offers} />,
    'api-keys-none': <ApiKeys keys={[]} {...offers} permissions={null} revoked />,
    'api-keys-refused': (
      <ApiKeys
        keys={[]}
        {...offers}
        {...again({ permission_1: 'concerns:*', more_permissions: 'users:read', access: 'some' }, notHeld)}
      />
    ),
    'api-key': <ApiKey item={key} />,
    'api-key-expired': <ApiKey item={{ ...key, expired: true, expiresAt: ago(5) }} />,
    'api-key-new': <NewKey item={key} secret={`lk_live_${'3fRz0CwQmYb81xVn'.repeat(2)}`} />,
    access: (
      <OwnAccess
        roles={[
          { name: 'manager', description: 'Looks after people’s accounts.' },
          { name: 'auditors_of_the_northern_branch', description: null },
        ]}
        permissions={['audit:read', 'chat:*', 'dashboard:read', 'users:*']}
        organization={{
          id: 'org_1',
          name: 'Acme',
          role: 'admin',
          permissions: ['members:read', 'invoices:pay'],
        }}
        described={new Map([['invoices:pay', 'Pay what is due.']])}
      />
    ),
    'access-none': <OwnAccess roles={[]} permissions={[]} organization={null} described={new Map()} />,
    'delete-account': (
      <DeleteAccount
        id="usr_x"
        email={ADDRESS}
        outlook={{
          isLastAdministrator: false,
          hasPassword: true,
          ownerless: [],
          emptied: [{ id: 'org_1', name: 'Acme' }],
        }}
      />
    ),
    'delete-account-kept': (
      <DeleteAccount
        id="usr_x"
        email={ADDRESS}
        outlook={{
          isLastAdministrator: true,
          hasPassword: true,
          ownerless: [{ id: 'org_1', name: 'Acme' }],
          emptied: [],
        }}
      />
    ),
    'sign-out': <SignOut />,
    'email-verified-signed-in': <EmailVerified />,
  }
  return [
    ...Object.entries(stranger).map(([name, page]) => ({ name, page, signedIn: null })),
    ...organizationSamples(locale, NOW).map((one) => ({ ...one, signedIn: one.isStranger ? null : GRACE })),
    ...deviceSamples(NOW).map((one) => ({ ...one, signedIn: GRACE })),
    ...secondFactorSamples(locale, NOW).map((one) => ({ ...one, signedIn: GRACE })),
    ...Object.entries(person).map(([name, page]) => ({ name, page, signedIn: GRACE })),
  ]
}

export const PROBLEMS = [
  problem('NOT_FOUND'),
  problem('CSRF_FAILED'),
  problem('INTERNAL_ERROR'),
  problem('RATE_LIMIT_EXCEEDED', { retryAfter: 42 }),
  problem('SESSION_EXPIRED'),
  problem('INSUFFICIENT_PERMISSIONS', { details: { required: 'users:read' } }),
]
