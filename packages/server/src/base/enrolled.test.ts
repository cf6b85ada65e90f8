import { describe, expect, it } from 'vitest'
import {
  type FactorKind,
  type Judged,
  kindOf,
  prospective,
  REMEMBERED_DEVICE,
  type SignInFacts,
} from './assurance.ts'
import { type EnrolledVerdict, judgeEnrolled } from './enrolled.ts'

const has = (factors: FactorKind[], over: Partial<SignInFacts> = {}): SignInFacts => ({
  factors,
  hasPassword: true,
  demands: [],
  ...over,
})
const given = prospective
const link: Judged = { method: 'magic_link', ...kindOf('email_code') }
const device: Judged = { method: 'remembered_device', ...REMEMBERED_DEVICE }
const touch: Judged = (({ user_verified: _, ...rest }) => rest)({
  method: 'passkey' as const,
  ...kindOf('passkey'),
})
const MET = 'met'

const table: [string, readonly Judged[], SignInFacts, 'met' | Omit<EnrolledVerdict, 'isMet'>][] = [
  ['the password, where there is nothing else', given(['password']), has([]), MET],
  ['nothing yet', [], has(['totp', 'backup_codes']), { acr: 'aal2', methods: ['totp', 'backup_code', 'password'], blocked: null }],
  ['the password beside an app', given(['password']), has(['totp', 'backup_codes']), { acr: 'aal2', methods: ['totp', 'backup_code'], blocked: null }],
  ['password and app', given(['password', 'totp']), has(['totp']), MET],
  ['password and backup code, where the app is lost', given(['password', 'backup_code']), has(['totp', 'backup_codes']), MET],
  ['password and backup code, where the passkey is lost', given(['password', 'backup_code']), has(['passkey', 'backup_codes']), MET],
  ['password and app, where the passkey is lost', given(['password', 'totp']), has(['passkey', 'totp']), MET],
  ['nothing yet, with a passkey that may be lost', [], has(['passkey', 'backup_codes']), { acr: 'aal2', methods: ['passkey', 'backup_code', 'password'], blocked: null }],
  ['nothing yet, with a passkey alone', [], has(['passkey']), { acr: 'aal2', methods: ['passkey'], blocked: null }],
  ['a passkey that verified its user', given(['passkey']), has(['passkey', 'totp']), MET],
  ['a passkey that did not', [touch], has(['passkey', 'totp']), { acr: 'aal2', methods: ['password'], blocked: null }],
  ['two proofs of what is possessed', given(['totp', 'backup_code']), has(['totp', 'backup_codes']), { acr: 'aal2', methods: ['password'], blocked: null }],
  ['mailbox and app, beside a password', [link, ...given(['totp'])], has(['totp']), { acr: 'aal2', methods: ['password'], blocked: null }],
  ['a remembered browser', [...given(['password']), device], has(['totp']), { acr: 'aal2', methods: ['totp'], blocked: null }],
  ['the password beside codes by e-mail', given(['password']), has(['email']), { acr: 'aal1', methods: ['email_code'], blocked: null }],
  ['a remembered browser beside codes by e-mail', [...given(['password']), device], has(['email']), { acr: 'aal1', methods: ['email_code'], blocked: null }],
  ['password and code by e-mail', given(['password', 'email_code']), has(['email']), MET],
  ['codes by e-mail an hour after the reset', given(['password']), has(['email'], { refused: ['email'] }), { acr: 'aal1', methods: ['password'], blocked: 'recent_reset' }],
  ['a refused passkey alone', given(['password']), has(['passkey'], { refused: ['passkey'] }), { acr: 'aal2', methods: ['password'], blocked: 'factor_refused' }],
  ['a refused passkey beside backup codes', given(['password']), has(['passkey', 'backup_codes'], { refused: ['passkey'] }), { acr: 'aal2', methods: ['backup_code'], blocked: null }],
  ['a passkey that was refused since it was proven', given(['passkey']), has(['passkey'], { refused: ['passkey'] }), MET],
  ['without a password: the app', given(['totp']), has(['totp'], { hasPassword: false }), MET],
  ['without a password: the mailbox beside an app', [link], has(['totp'], { hasPassword: false }), { acr: 'aal1', methods: ['totp'], blocked: null }],
  ['without a password: the passkey', [], has(['passkey'], { hasPassword: false }), { acr: 'aal2', methods: ['passkey'], blocked: null }],
  ['without a password: the mailbox', [link], has([], { hasPassword: false, hasMailbox: true }), MET],
  ['without a password: the mailbox beside codes by e-mail', [link], has(['email'], { hasPassword: false }), MET],
] // biome-ignore format: a table

describe('what was proven recently, before ways to sign in are changed', () => {
  it.each(table)('%s', (_name, recent, facts, expected) => {
    const { isMet, ...rest } = judgeEnrolled(recent, facts)
    expect(isMet ? MET : rest).toEqual(expected)
  })
})
