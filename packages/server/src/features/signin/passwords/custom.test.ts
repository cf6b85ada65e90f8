/**
 * The profile `custom`: its settings, what they accept and refuse, what the pages say, and what the operator is
 * warned of.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cautions } from '../../../config/rules.ts'
import { type Config, loadConfig, readConfig, shown } from '../../../config.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { commonPasswords, judgePassword } from './policy.ts'
import { profileFor } from './profiles.ts'

const CUSTOM = { LATCHKEY_PASSWORD_PROFILE: 'custom' }
const PRODUCTION = {
  LATCHKEY_PROFILE: 'production',
  LATCHKEY_PUBLIC_URL: 'https://id.example.com',
  LATCHKEY_SECRET: 'q7Zr2mK9xW4vB8nT1pL6sD3fG5hJ0cYe',
  DATABASE_URL: 'postgres://latchkey@db.example.com/latchkey',
  LATCHKEY_SMTP_URL: 'smtps://mail.example.com',
}
const load = (env: Record<string, string>) => loadConfig(env, { cwd: '/nonexistent', secret: 'look' })
const faults = (env: Record<string, string>) =>
  readConfig(env, { cwd: '/nonexistent', secret: 'look' }).faults.map(({ message }) => message)
const profileOf = (server: Config) => profileFor({ server, organizations: [], secondFactor: 'none' })
const codes = async (env: Record<string, string>, password: string) =>
  judgePassword(
    profileOf(load({ ...CUSTOM, ...env })),
    password,
    { brand: 'Latchkey' },
    await commonPasswords(),
  ).map(({ code }) => code)

describe('the rules', () => {
  it('are 8 to 128 characters with a capital letter, a small letter and a digit by default', async () => {
    expect(profileOf(load(CUSTOM))).toEqual({
      min: 8,
      max: 128,
      classes: ['upper', 'lower', 'digit'],
      forbidden: [],
      breachCheck: true,
      maxAge: null,
      history: 1,
    })
    expect(await codes({}, 'UserPass123!')).toEqual([])
    expect(await codes({}, 'Tr0ub4do')).toEqual([])
    expect(await codes({}, 'Tr0ub4d')).toEqual(['too_short'])
    expect(await codes({}, 'tr0ub4dor')).toEqual(['needs_upper'])
    expect(await codes({}, `Tr0${'ub4dor x'.repeat(16)}`)).toEqual(['too_long'])
    expect(await codes({}, 'x')).toEqual(expect.arrayContaining(['too_short', 'needs_upper', 'needs_digit']))
  })

  it('still refuse common and contextual passwords', async () => {
    expect(await codes({ LATCHKEY_PASSWORD_CLASSES: 'none' }, 'password')).toEqual(['blocklisted'])
    expect(await codes({}, 'Latchkey1')).toEqual(['context'])
  })

  it('follow each setting', async () => {
    const env = {
      LATCHKEY_PASSWORD_MIN_LENGTH: '10',
      LATCHKEY_PASSWORD_MAX_LENGTH: '12',
      LATCHKEY_PASSWORD_CLASSES: 'special',
      LATCHKEY_PASSWORD_FORBIDDEN: 'ACME, Straße',
    }
    expect(await codes(env, 'fox & hens')).toEqual([])
    expect(await codes(env, 'fox&hens')).toEqual(['too_short'])
    expect(await codes(env, 'fox & hens & x')).toEqual(['too_long'])
    expect(await codes(env, 'foxes hens')).toEqual(['needs_special'])
    expect(await codes(env, 'my-aCmE-fox')).toEqual(['forbidden_pattern'])
    expect(await codes(env, 'my-STRAßE-x')).toEqual(['forbidden_pattern'])
  })
})

describe('the settings', () => {
  it.each([
    [
      { LATCHKEY_PASSWORD_MIN_LENGTH: '20', LATCHKEY_PASSWORD_MAX_LENGTH: '16' },
      /MIN_LENGTH must not be greater/,
    ],
    [
      { LATCHKEY_PASSWORD_MIN_LENGTH: '73', LATCHKEY_PASSWORD_HASH: 'bcrypt' },
      /MIN_LENGTH must be at most 72/,
    ],
    [{ LATCHKEY_PASSWORD_CLASSES: 'upper none' }, /CLASSES must be either/],
    [
      { LATCHKEY_PASSWORD_FORBIDDEN: 'password1', LATCHKEY_PASSWORD_MAX_LENGTH: '8' },
      /FORBIDDEN must not contain a word that is longer/,
    ],
  ])('refuse the contradiction %j', (env, message) => {
    expect(faults({ ...CUSTOM, ...env })).toEqual([expect.stringMatching(message)])
  })

  it('are printed as they are set', () => {
    const { values } = readConfig(
      {
        ...CUSTOM,
        LATCHKEY_PASSWORD_CLASSES: 'none',
        LATCHKEY_PASSWORD_FORBIDDEN: 'acme,secret',
        LATCHKEY_PASSWORD_MAX_AGE: '90d',
      },
      { cwd: '/nonexistent', secret: 'look' },
    )
    const all = (['passwordClasses', 'passwordForbidden', 'passwordMaxAge', 'passwordHistory'] as const).map(
      (name) => shown(name, values),
    )
    expect(all).toEqual(['none', 'acme, secret', '90d', '1'])
  })

  it('warn in production where the profile is weak, and only there', () => {
    const weak = (env: Record<string, string>) =>
      cautions(load({ ...PRODUCTION, ...CUSTOM, ...env })).filter((text) => text.includes('is weak'))
    expect(weak({})).toEqual([])
    expect(weak({ LATCHKEY_PASSWORD_CLASSES: 'none', LATCHKEY_PASSWORD_MIN_LENGTH: '15' })).toEqual([])
    expect(weak({ LATCHKEY_PASSWORD_MIN_LENGTH: '6' }).join()).toContain('below 8')
    expect(weak({ LATCHKEY_PASSWORD_CLASSES: 'none' }).join()).toContain('at least 15')
    expect(weak({ LATCHKEY_PASSWORD_MAX_LENGTH: '20' }).join()).toContain('below 64')
    expect(cautions(load({ ...CUSTOM, LATCHKEY_PASSWORD_MIN_LENGTH: '6' })).join()).not.toContain('is weak')
  })

  it('warn where another profile ignores them', () => {
    expect(cautions(load({ LATCHKEY_PASSWORD_MAX_AGE: '90d', LATCHKEY_PASSWORD_HISTORY: '5' })).join()).toBe(
      'LATCHKEY_PASSWORD_MAX_AGE, LATCHKEY_PASSWORD_HISTORY have no effect while LATCHKEY_PASSWORD_PROFILE is nist.',
    )
    expect(cautions(load(CUSTOM)).join()).toBe('')
  })
})

describe('a server with the profile custom', () => {
  let world: World
  beforeAll(async () => {
    const { passwordForbidden, passwordMaxAge, passwordHistory } = load({
      ...CUSTOM,
      LATCHKEY_PASSWORD_FORBIDDEN: 'acme',
      LATCHKEY_PASSWORD_MAX_AGE: '30d',
      LATCHKEY_PASSWORD_HISTORY: '2',
    })
    world = await startWorld({
      passwordProfile: 'custom',
      passwordForbidden,
      passwordMaxAge,
      passwordHistory,
    })
  })
  afterAll(() => world.stop())

  it('answers with the errors of the other profiles', async () => {
    const { status, body } = await world
      .client()
      .post('/api/v1/auth/register', { email: 'new@example.com', password: 'acme-x' })
    expect([status, body.error.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(
      body.error.details.map(({ field, code }: { field: string; code: string }) => [field, code]),
    ).toEqual([
      ['password', 'too_short'],
      ['password', 'needs_upper'],
      ['password', 'needs_digit'],
      ['password', 'forbidden_pattern'],
    ])
  })

  it('expires passwords at the maximum age and refuses the latest', async () => {
    const { email, client } = await world.person({ password: 'Tr0ub4dor1' })
    const change = (current_password: string, new_password: string) =>
      client.post('/api/v1/users/me/password', { current_password, new_password })
    expect((await change('Tr0ub4dor1', 'Tr0ub4dor2')).status).toBe(200)
    expect((await change('Tr0ub4dor2', 'Tr0ub4dor1')).body.error.details).toEqual([
      expect.objectContaining({ field: 'new_password', code: 'reused' }),
    ])
    expect((await change('Tr0ub4dor2', 'Tr0ub4dor3')).status).toBe(200)
    expect((await change('Tr0ub4dor3', 'Tr0ub4dor1')).status).toBe(200)
    await world.clock.advance('30 days')
    const late = await world.client().post('/api/v1/auth/login', { email, password: 'Tr0ub4dor1' })
    expect([late.status, late.code]).toEqual([403, 'PASSWORD_EXPIRED'])
  })

  it.each([
    ['en', ['at least 8 characters', 'a capital letter', 'a digit', 'none of these words: acme'], 'special'],
    [
      'de',
      ['mindestens 8 Zeichen', 'einen Großbuchstaben', 'eine Ziffer', 'keines dieser Wörter: acme'],
      'Sonderzeichen',
    ],
  ])('states its rules on the page, in %s', async (locale, rules, absent) => {
    const page = await world
      .client({ headers: { accept: 'text/html', 'accept-language': locale } })
      .get('/sign-up')
    for (const rule of rules) expect(page.text).toContain(rule)
    expect(page.text).not.toContain(absent)
  })

  it.each([
    ['en', 'Do not use “acme” in it.'],
    ['de', 'Verwenden Sie darin nicht „acme“.'],
  ])('names the forbidden word on the page, in %s', async (locale, sentence) => {
    const browser = world.client({ headers: { accept: 'text/html', 'accept-language': locale } })
    const [, csrf_token = ''] =
      /name="csrf_token" value="([^"]+)"/.exec((await browser.get('/sign-up')).text) ?? []
    const page = await browser.post(
      '/sign-up',
      { email: 'form@example.com', password: 'My-acme-fox1', password_confirm: 'My-acme-fox1', csrf_token },
      { form: true },
    )
    expect([page.status, page.text.includes(sentence)]).toEqual([400, true])
  })
})

it('stores bcrypt of the cost that is set', async () => {
  const { hashAlgorithm, bcryptCost } = load({ LATCHKEY_PASSWORD_HASH: 'bcrypt' })
  const world = await startWorld({ passwordProfile: 'custom', hashAlgorithm, bcryptCost })
  try {
    const { id, email } = await world.person({ password: 'UserPass123!', signIn: false })
    const { hash } = await world.db.tx('system', (tx) =>
      tx.selectFrom('passwords').select('hash').where('user_id', '=', id).executeTakeFirstOrThrow(),
    )
    expect(hash).toMatch(/^\$2[aby]\$12\$/)
    expect((await world.client().signIn(email, 'UserPass123!')).status).toBe(200)
  } finally {
    await world.stop()
  }
})
