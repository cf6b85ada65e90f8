import { expect, it } from 'vitest'
import { isTwoFactor } from './mfa.ts'

const said = (amr: string[], acr: string | null = null) => ({ amr, acr })
const table: [string, Parameters<typeof isTwoFactor>[1], boolean][] = [
  ['nothing', said([]), false],
  ['a password', said(['pwd']), false],
  ['several references without mfa', said(['pwd', 'otp']), false],
  ['mfa', said(['pwd', 'mfa']), true],
  ['the claim of Microsoft', said(['http://schemas.microsoft.com/claims/multipleauthn']), true],
  ['the class of REFEDS', said([], 'https://refeds.org/profile/mfa'), true],
  ['the level of this server', said(['fed'], 'aal2'), true],
  ['a lower level', said(['fed'], 'aal1'), false],
  ['a protected password', said([], 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'), false],
  ['a class that contains the word', said([], 'https://evil.example/mfa'), false],
  ['another spelling', said(['MFA'], 'AAL2'), false],
] // biome-ignore format: a table

it.each(table)('a provider that says %s', (_name, identity, expected) => {
  expect(isTwoFactor({ settings: { trusts_mfa: true } }, identity)).toBe(expected)
  expect(isTwoFactor({ settings: {} }, identity)).toBe(false)
  expect(isTwoFactor({ settings: { trusts_mfa: false } }, identity)).toBe(false)
})
