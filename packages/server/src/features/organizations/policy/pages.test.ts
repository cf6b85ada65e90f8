/** The page of an organization's security without a script: the policy, its effect before it is saved, compliance. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Reply } from '../../../testing/client.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { type Company, enrolFactor, pathOf, proveFactor, startCompany } from './testing.ts'

let world: World
let company: Company
beforeAll(async () => {
  world = await startWorld()
  company = await startCompany(world)
  await enrolFactor(world, company.owner, 'totp')
  await proveFactor(world, company.owner)
})
afterAll(() => world.stop())

const HTML = { headers: { accept: 'text/html' } }
const at = (part = '') => `/account/organizations/${company.id}/security${part}`
const send = ({ client }: Person, path: string, fields: Record<string, string>): Promise<Reply> =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { ...HTML, form: true })
const FORM = {
  mode: 'require_any',
  grace_days: '14',
  notify_days_before: '7, 1',
  session_absolute: '',
  profile: 'server',
  allow_totp: 'true',
  allow_passkey: 'true',
  version: '0',
}
/** The hidden fields of a page's form. */
const hiddenIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']) => [name, value],
    ),
  )

describe('the security page', () => {
  it('tells the effect of a change, and saves it in a second step', async () => {
    const { owner } = company
    const page = await owner.client.get(at(), HTML)
    expect(page.text).toContain('Review change')
    const review = await send(owner, at('/review'), FORM)
    expect(review.status).toBe(200)
    expect(review.text).toContain(
      'Of 4 people 3 would have to set up a second factor, the first by 15 Jun 2030.',
    )
    expect((await owner.client.get(pathOf(company.id))).data.version).toBe(0)
    const { csrf_token: _, ...fields } = hiddenIn(review.text)
    const saved = await send(owner, at(), fields)
    expect([saved.status, saved.headers.get('location')]).toEqual([303, `${at()}?done=policy`])
    expect((await owner.client.get(pathOf(company.id))).data).toMatchObject({
      mode: 'require_any',
      allowed_methods: ['totp', 'passkey'],
      notify_days_before: [7, 1],
      version: 1,
    })
    const after = await owner.client.get(`${at()}?done=policy`, HTML)
    expect(after.text).toContain('Security policy changed.')
    expect(after.text).toContain('No sign-in since the start (3)')
    expect(after.text).toContain('by <time datetime="2030-06-15')
    const member = `/account/organizations/${company.id}/members/${company.member.id}`
    expect(after.text).toContain(`href="${member}"`)
    expect((await owner.client.get(member, HTML)).status).toBe(200)
    // the same form again, as by a second click: its aim is reached
    const again = await send(owner, at(), fields)
    expect([again.status, again.headers.get('location')]).toEqual([303, `${at()}?done=policy`])
    expect((await owner.client.get(pathOf(company.id))).data.version).toBe(1)
  })

  it('says since when the days of grace have ended, and names each choice of password rules once', async () => {
    const overdue = await startCompany(world)
    await enrolFactor(world, overdue.owner, 'totp')
    await proveFactor(world, overdue.owner)
    const { client } = overdue.owner
    await client.patch(pathOf(overdue.id), { mode: 'require_any', grace_days: 0, notify_days_before: [] })
    const { text } = await client.get(`/account/organizations/${overdue.id}/security?state=past_due`, HTML)
    expect(text).toContain('since <time datetime="2030-06-01')
    const options = (/<select[^>]*name="profile".*?<\/select>/s.exec(text)?.[0] ?? '').match(
      /(?<=>)[^<]+(?=<\/option>)/g,
    )
    expect(options).toEqual([
      'No further rules',
      'NIST: 15 characters',
      'Classic: 8 characters',
      'PCI DSS: 12 characters',
      'Custom: set by the operator',
    ])
  })

  it('is in German too', async () => {
    const review = await company.owner.client.post(
      at('/review'),
      { csrf_token: company.owner.client.csrfToken ?? '', ...FORM, mode: 'require_passkey', version: '1' },
      { headers: { accept: 'text/html', 'accept-language': 'de' }, form: true },
    )
    expect(review.text).toContain(
      'Von 4 Personen müssten 4 einen zweiten Faktor einrichten, die erste bis 15.06.2030.',
    )
  })

  it('counts one member in words, in both languages', async () => {
    const review = async (language: string, form: Record<string, string>) => {
      const owner = await world.person()
      await owner.client.patch('/api/v1/users/me', { locale: language })
      const id = await world.organization({ members: [[owner, 'owner']] })
      const sent = { csrf_token: owner.client.csrfToken ?? '', ...FORM, ...form }
      const path = `/account/organizations/${id}/security/review`
      return (await owner.client.post(path, sent, { ...HTML, form: true })).text
    }
    const texts = [
      ['en', {}, 'The only member would have to set up a second factor, at the latest on'],
      ['en', { grace_days: '0' }, 'The only member would have to set up a second factor immediately.'],
      ['en', { mode: 'optional' }, 'The only member would not have to set up a second factor.'],
      ['de', {}, 'Das einzige Mitglied müsste einen zweiten Faktor einrichten, spätestens am'],
      ['de', { grace_days: '0' }, 'Das einzige Mitglied müsste sofort einen zweiten Faktor einrichten.'],
      ['de', { mode: 'optional' }, 'Das einzige Mitglied müsste keinen zweiten Faktor einrichten.'],
    ] as const
    for (const [language, form, text] of texts) expect(await review(language, form)).toContain(text)
  })

  it('states what each password profile follows, where it is chosen, in both languages', async () => {
    const { client } = company.owner
    expect((await client.get(at(), HTML)).text).toContain('Follows PCI DSS 4.0.1, requirements 8.3.6')
    const german = { headers: { ...HTML.headers, 'accept-language': 'de' } }
    expect((await client.get(at(), german)).text).toContain('Folgt PCI DSS 4.0.1, Anforderungen 8.3.6')
  })

  it('refuses a change that another one has overtaken', async () => {
    const { admin } = company
    const stale = await send(admin, at(), { ...FORM, mode: 'optional', version: '0' })
    expect(stale.status).toBe(409)
    expect(stale.text).toContain('The policy was changed in the meantime.')
  })

  it.each<[string, Record<string, string>, string]>([
    ['days that are none', { grace_days: 'soon' }, 'Use a number from 0 to 365.'],
    ['too many days', { grace_days: '366' }, 'Use a number from 0 to 365.'],
    [
      'reminders that are none',
      { notify_days_before: '7; 1' },
      'Use up to ten numbers from 1 to 365, separated by commas.',
    ],
    [
      'a session of a minute',
      { session_absolute: '1m' },
      'Use a duration from 5 minutes to 365 days, such as 8h.',
    ],
    ['no method', { allow_totp: '', allow_passkey: '' }, 'Accept authenticator apps or passkeys.'],
    [
      'passkeys that are required and not accepted',
      { mode: 'require_passkey', allow_passkey: '' },
      'Accept passkeys, because they are required.',
    ],
    [
      'apps that are required and not accepted',
      { mode: 'require_totp', allow_totp: '' },
      'Accept authenticator apps, because they are required.',
    ],
  ])('shows the form again for %s', async (_, change, message) => {
    for (const path of [at('/review'), at()]) {
      const refused = await send(company.owner, path, { ...FORM, version: '1', ...change })
      expect(refused.status).toBe(400)
      expect(refused.text).toContain(message)
    }
  })

  it('lists members by their state', async () => {
    const { owner, member } = company
    const compliant = await owner.client.get(`${at()}?state=compliant`, HTML)
    expect(compliant.text).toContain(owner.email)
    expect(compliant.text).not.toContain(member.email)
    expect(compliant.text).toContain('mfa-compliance/export?format=csv')
  })

  it('shows the policy alone to a role that may only read it', async () => {
    const { owner } = company
    const made = await owner.client.post(pathOf(company.id, 'roles'), {
      name: 'auditor',
      permissions: ['security:read', 'members:read', 'organization:read'],
    })
    expect(made.status).toBe(201)
    await owner.client.patch(pathOf(company.id, `members/${company.guest.id}/role`), { role: 'auditor' })
    const page = await company.guest.client.get(at(), HTML)
    expect(page.status).toBe(200)
    expect(page.text).not.toContain('Review change')
    expect(page.text).toContain('Required: passkey or app')
    expect((await send(company.guest, at(), FORM)).status).toBe(403)
    expect((await company.guest.client.get(pathOf(company.id, 'mfa-compliance'))).data).toHaveLength(4)
  })
})

describe('the page of a member', () => {
  it('changes what is required of them alone', async () => {
    const { owner, admin, member } = company
    const place = `/account/organizations/${company.id}/members/${member.id}`
    expect((await owner.client.get(place, HTML)).text).toContain('Save requirement')
    const saved = await send(owner, `${place}/mfa`, { mfa: 'exempt' })
    expect([saved.status, saved.headers.get('location')]).toEqual([303, `${place}?done=mfa`])
    expect((await owner.client.get(`${place}?done=mfa`, HTML)).text).toContain('Requirement changed.')
    const beyond = await send(admin, `/account/organizations/${company.id}/members/${owner.id}/mfa`, {
      mfa: 'exempt',
    })
    expect(beyond.status).toBe(403)
  })
})
