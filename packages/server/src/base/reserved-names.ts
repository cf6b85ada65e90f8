/**
 * Reserved usernames: names that other people would take for the operator, for a role of the server or for a system
 * account (RFC 2142 names some of them as mailboxes). Users cannot take them by registering or by changing their
 * profile; administrators, the CLI and LATCHKEY_ADMIN_USERNAME may give them to a user. Look-alikes are reserved too:
 * digits in the place of letters, separators, and `rn` for `m`.
 */
import { canonical, Username } from './identifiers.ts'

// biome-ignore format: a list
const NAMES = [
  // who runs the server
  'admin', 'admins', 'administrator', 'administrators', 'administration', 'superadmin', 'superuser', 'sysadmin', 'sysop', 'root',
  'operator', 'owner', 'moderator', 'mod', 'staff', 'team', 'manager', 'management',
  // whom to write to, RFC 2142
  'abuse', 'billing', 'compliance', 'contact', 'feedback', 'help', 'helpdesk', 'hostmaster', 'info', 'legal', 'marketing',
  'news', 'noc', 'office', 'postmaster', 'press', 'privacy', 'sales', 'security', 'service', 'support', 'webmaster',
  // machines and system accounts
  'anonymous', 'api', 'auth', 'bot', 'console', 'daemon', 'dns', 'ftp', 'guest', 'latchkey', 'localhost', 'mail', 'mailer-daemon',
  'no-reply', 'noreply', 'official', 'oauth', 'oidc', 'proxy', 'saml', 'scim', 'server', 'smtp', 'sso', 'status', 'system',
  'www', 'wheel',
  // words that programs and paths use in the place of a name
  'account', 'accounts', 'all', 'default', 'everyone', 'false', 'login', 'logout', 'me', 'nil', 'none', 'null', 'password',
  'register', 'self', 'settings', 'setup', 'sign-in', 'sign-out', 'sign-up', 'signin', 'signup', 'test', 'true', 'undefined',
  'user', 'username', 'users',
]

const LOOKS: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', l: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't' }

/** The same for names that are easily mistaken for each other. */
const lookOf = (name: string): string =>
  canonical(name)
    .replace(/[._-]/g, '')
    .replace(/[01l3457]/g, (letter) => LOOKS[letter] ?? letter)
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')

const RESERVED: ReadonlySet<string> = new Set(NAMES.map(lookOf))

export const isReserved = (username: string): boolean => RESERVED.has(lookOf(username))

const message = 'This username is reserved. Choose another.'
export const RESERVED_FAULT = { code: 'reserved', message } as const

/** A username that a user chooses. */
export const ChosenUsername = Username.refine((name) => !isReserved(name), {
  error: () => message,
  params: { code: RESERVED_FAULT.code },
}).meta({
  description:
    'The username to sign in with, besides the address: 3 to 32 letters, digits, dots, hyphens and underscores, beginning with a letter or digit. Well-known names such as `admin` are reserved.',
  samples: ['ada'],
})
