/** Properties of every hosted page in every language: CSP, labels, headings, CSRF tokens, texts. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LOCALES } from '../packages/server/src/base/call.ts'
import { ERRORS } from '../packages/server/src/base/errors.ts'
import { baseText } from '../packages/server/src/base/page/base-texts.ts'
import { createPages, timeText } from '../packages/server/src/base/page/index.ts'
import { SETTINGS } from '../packages/server/src/config.ts'
import { AUDIT_EVENTS } from '../packages/server/src/core/audit/index.ts'
import { apiKeysText } from '../packages/server/src/features/access/api-keys/texts.ts'
import { accessText, permissionsText } from '../packages/server/src/features/access/roles/texts.ts'
import { accountText } from '../packages/server/src/features/accounts/own/texts.ts'
import { registrationText } from '../packages/server/src/features/accounts/registration/texts.ts'
import { emailsText } from '../packages/server/src/features/identity/emails/texts.ts'
import { sessionsText } from '../packages/server/src/features/identity/sessions/texts.ts'
import { frameText } from '../packages/server/src/features/organizations/frame/texts.ts'
import { invitedText } from '../packages/server/src/features/organizations/invitations/invited-texts.ts'
import { invitationsText } from '../packages/server/src/features/organizations/invitations/texts.ts'
import { membersText } from '../packages/server/src/features/organizations/members/texts.ts'
import { myOrganizationsText } from '../packages/server/src/features/organizations/mine/texts.ts'
import { organizationText } from '../packages/server/src/features/organizations/organization/texts.ts'
import { organizationRolesText } from '../packages/server/src/features/organizations/roles/texts.ts'
import { signInText } from '../packages/server/src/features/signin/form/texts.ts'
import { passwordsText } from '../packages/server/src/features/signin/passwords/texts.ts'
import { signOutText } from '../packages/server/src/features/signin/responses/texts.ts'
import { routingText } from '../packages/server/src/features/signin/routing/texts.ts'
import { callIn, PROBLEMS, samples } from './pages/samples.tsx'

const pages = createPages({ brandName: 'Latchkey', brandLogo: null, brandAccent: null })
const documents = LOCALES.flatMap((locale) => [
  ...samples(locale).map(({ name, page, signedIn }) => ({
    name: `${locale} ${name}`,
    html: pages.renderPage(callIn(locale), { page, title: name, csrfToken: 'token', signedIn }),
  })),
  ...PROBLEMS.map((problem) => ({
    name: `${locale} ${problem.code}`,
    html: pages.renderProblem(callIn(locale), problem, 'token'),
  })),
])
const tags = (html: string, name: string): string[] => html.match(new RegExp(`<${name}\\b[^>]*>`, 'g')) ?? []
const attribute = (tag: string, name: string): string | undefined =>
  new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1]

describe.each(documents)('$name', ({ html }) => {
  it('contains no inline script and no inline style', () => {
    expect(html).not.toMatch(/<style|<[^>]* style=|<[^>]* on[a-z]+=|javascript:/i)
    expect(tags(html, 'script').every((tag) => attribute(tag, 'src')?.startsWith('/assets/'))).toBe(true)
    expect(html).toMatch(/<script[^>]*><\/script>/)
  })
  it('shows dates in the one format', () => {
    for (const [, iso = '', text = ''] of html.matchAll(/<time datetime="([^"]+)"[^>]*>([^<]*)<\/time>/g)) {
      const locale = /<html lang="de"/.test(html) ? 'de' : 'en'
      expect([timeText(locale, new Date(iso)), timeText(locale, new Date(iso), 'day')]).toContain(text)
    }
    expect(html.replaceAll(/<[^>]*>/g, ' ')).not.toMatch(/\b20\d\d-\d\d-\d\d\b/)
  })
  it('has a label for every control', () => {
    const labels = new Set(tags(html, 'label').map((tag) => attribute(tag, 'for')))
    for (const tag of [...tags(html, 'input'), ...tags(html, 'select')]) {
      if (/type="hidden"| hidden\b/.test(tag)) continue
      const id = attribute(tag, 'id')
      const isWithin = new RegExp(`<label class="check"><input id="${id}"`).test(html)
      expect(labels.has(id) || isWithin, tag).toBe(true)
    }
  })
  it('has unique ids, and every reference resolves to one', () => {
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const references = [
      ...html.matchAll(/ (?:for|aria-describedby|data-toggle|data-counts|data-rules|data-copy)="([^"]*)"/g),
    ]
    for (const id of references.flatMap(([, list]) => list?.split(' ') ?? [])) expect(ids).toContain(id)
    for (const [, id] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id)
  })
  it('has one heading of the first level, and skips no level', () => {
    expect(tags(html, 'h1')).toHaveLength(1)
    const ranks = [...html.matchAll(/<h([1-6])/g)].map(([, rank]) => Number(rank))
    expect(ranks.every((rank, i) => i === 0 || rank <= (ranks[i - 1] ?? 0) + 1)).toBe(true)
  })
  it('repeats its first heading in no other', () => {
    const headings = [...html.matchAll(/<h(\d)[^>]*>(.*?)<\/h\1>/gs)].map(([, , text]) => text)
    expect(headings.slice(1)).not.toContain(headings[0])
  })
  it('sends the CSRF token with every POST form, and in no URL', () => {
    const forms = html.split('<form').slice(1)
    for (const form of forms.map((one) => one.split('</form>')[0] ?? ''))
      expect(form.includes('name="csrf_token" value="token"'), form).toBe(form.startsWith(' method="post"'))
  })
  it('leaves no placeholder unfilled and no text missing', () => {
    // the script fills this placeholder
    const filled = html.replaceAll('{missing}', '')
    expect(filled).not.toMatch(/\{\w+\}|undefined|\[object|>\s*[a-z_]+\.[a-z_]+\s*</)
  })
})

it('pages and e-mails format dates by base/page/times.ts alone', () => {
  const folder = join(import.meta.dirname, '../packages/server/src')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tsx') && !file.includes('.test.'))
    .filter((file) =>
      /DateTimeFormat|toLocale(?:Date|Time)?String|toISOString\(\)\.(?:slice|replace)/.test(
        readFileSync(join(folder, file), 'utf8'),
      ),
    )
  expect(files).toEqual([])
  const at = new Date('2026-11-22T12:05:00Z')
  expect(timeText('en', at)).toBe('22 Nov 2026, 12:05 UTC')
  expect(timeText('de', at)).toBe('22.11.2026, 12:05 UTC')
  expect([timeText('en', at, 'day'), timeText('de', at, 'day')]).toEqual(['22 Nov 2026', '22.11.2026'])
})

describe('the texts', () => {
  const all = {
    baseText,
    accessText,
    permissionsText,
    frameText,
    organizationText,
    membersText,
    organizationRolesText,
    invitationsText,
    invitedText,
    myOrganizationsText,
    apiKeysText,
    emailsText,
    passwordsText,
    sessionsText,
    routingText,
    signInText,
    signOutText,
    accountText,
    registrationText,
  }
  const placeholders = (text: unknown): string[] => {
    const found = JSON.stringify(text).match(/\{\w+\}/g) ?? []
    return [...new Set(found)].sort()
  }
  it.each(Object.entries(all))(
    '%s have the same keys and placeholders in every language',
    (_, { catalogue }) => {
      for (const locale of LOCALES) {
        expect(Object.keys(catalogue[locale])).toEqual(Object.keys(catalogue.en))
        for (const [key, text] of Object.entries(catalogue.en)) {
          expect(placeholders(catalogue[locale][key]), key).toEqual(placeholders(text))
          expect(JSON.stringify(catalogue[locale][key]).trim(), key).not.toMatch(/^"?\s*"?$/)
        }
      }
    },
  )
  it('call an e-mail an e-mail, on pages, in e-mails, in the API and in its reference', () => {
    const features = join(import.meta.dirname, '../packages/server/src/features')
    // the quoted strings of mail.tsx, except import paths, are the texts of e-mails
    const inMails = readdirSync(features, { recursive: true, encoding: 'utf8' })
      .filter((file) => /(?:^|[\\/])mail\.tsx$/.test(file))
      .map((file) =>
        (readFileSync(join(features, file), 'utf8').match(/'[^'\n]+'/g) ?? []).filter(
          (text) => !text.startsWith("'."),
        ),
      )
    expect(inMails.length).toBeGreaterThan(4)
    const catalogues = Object.values(all).map(({ catalogue }) => catalogue)
    for (const texts of [...catalogues, ...inMails, ERRORS, AUDIT_EVENTS, SETTINGS]) {
      const text = JSON.stringify(texts)
        .replace(/\b(?:capital|small|plain|with a|32) letters?\b/gi, '')
        // the character class of passwords
        .replace(
          /"password\.rule\.letter":"(?:a letter|einen Buchstaben)"|"Add a letter\."|`letter` or `upper`/g,
          '',
        )
      expect(/.{0,40}\b(?:letters?|briefe?)\b.{0,20}/i.exec(text)?.[0]).toBeUndefined()
    }
  })
  it('use the formal address in German', () => {
    for (const { catalogue } of Object.values(all))
      expect(JSON.stringify(catalogue.de)).not.toMatch(/\b(?:du|dein|deine|dich|dir)\b/i)
  })
})
