/** The pages of an organization's domains without a script: the record to publish, what a check found, the removal. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DnsServer } from '../../../testing/dns-server.ts'
import type { Person, World } from '../../../testing/world.ts'
import { type Company, startCompany } from '../policy/testing.ts'
import { add, connect, type DomainWorld, pathOf, prove, startDomainWorld } from './testing.ts'

let started: DomainWorld
let world: World
let dns: DnsServer
let company: Company
let count = 0
const fresh = (): string => `p${++count}.example.com`

beforeAll(async () => {
  started = await startDomainWorld()
  ;({ world, dns } = started)
  company = await startCompany(world)
})
afterAll(() => started.stop())

const HTML = { headers: { accept: 'text/html' } }
const at = (part = '') => `/account/organizations/${company.id}/domains${part}`
const open = ({ client }: Person, path: string) => client.get(path, HTML)
const send = ({ client }: Person, path: string, fields: Record<string, string> = {}) =>
  client.post(path, { csrf_token: client.csrfToken ?? '', ...fields }, { ...HTML, form: true })
/** The text that a reader sees. */
const shown = (html: string): string =>
  html
    .replace(/<head>.*<\/head>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')

describe('the list', () => {
  it('leads from a new domain to its record, and from the record to the proof', async () => {
    const { owner } = company
    expect(shown((await open(owner, at())).text)).toContain('No domains yet.')
    const domain = fresh()
    const added = await send(owner, at(), { domain: domain.toUpperCase() })
    const place = added.headers.get('location') ?? ''
    expect([added.status, place]).toEqual([
      303,
      expect.stringMatching(/\/domains\/dom_\w+\?done=domain_added$/),
    ])
    const page = await open(owner, place)
    const { data } = await owner.client.get(pathOf(company.id))
    const record = data[0].dns
    expect(page.text).toContain('Domain added. Publish the record below to verify it.')
    expect(shown(page.text)).toContain('Not verified')
    expect(shown(page.text)).toContain('The record has not been checked yet.')
    for (const [part, value] of [['host', record.host], ['name', record.name], ['value', record.value]]) // biome-ignore format: a table
      expect(page.text).toContain(`<code id="record-${part}">${value}</code>`)
    const path = place.replace(/\?.*/, '')
    const nothing = await send(owner, `${path}/verify`)
    expect([nothing.status, nothing.headers.get('location')]).toEqual([303, `${path}?done=domain_checked`])
    expect(shown((await open(owner, path)).text)).toMatch(/Checked \d+ seconds? ago: found nothing\./)
    dns.set(record.name, ['<b>other</b>'])
    await send(owner, `${path}/verify`)
    const other = await open(owner, path)
    expect(shown(other.text)).toMatch(/Checked \d+ seconds? ago: found another value:/)
    expect(other.text).toContain('&lt;b>other&lt;/b>')
    dns.set(record.name, { silent: true })
    await send(owner, `${path}/verify`)
    expect(shown((await open(owner, path)).text)).toContain('got no answer. The name servers of the domain did not answer in time.') // biome-ignore format: a sentence
    dns.set(record.name, [record.value])
    const right = await send(owner, `${path}/verify`)
    expect(right.headers.get('location')).toBe(`${path}?done=domain_verified`)
    const verified = await open(owner, `${path}?done=domain_verified`)
    expect(shown(verified.text)).toMatch(
      /Domain verified\..*Verified .*Checked \d+ seconds? ago: found the record\./,
    )
    expect(shown((await open(owner, at())).text)).toMatch(new RegExp(`${domain} Verified`))
  })

  it('shows a domain that is refused again, with the reason, in both languages', async () => {
    const refused = async (person: Person, domain: string) => {
      const { status, text } = await send(person, at(), { domain })
      expect(status).toBe(400)
      expect(text).toContain(`value="${domain}"`)
      return shown(text)
    }
    expect(await refused(company.owner, 'gmail.com')).toContain('This is the domain of a mail provider')
    expect(await refused(company.owner, 'co.uk')).toContain('Others register domains below this one.')
    expect(await refused(company.owner, '*.example.com')).toContain('Enter a domain such as example.com')
    await company.owner.client.patch('/api/v1/users/me', { locale: 'de' })
    expect(await refused(company.owner, 'gmail.com')).toContain('Das ist die Domain eines Mail-Anbieters')
    expect(await refused(company.owner, 'co.uk')).toContain('Unter dieser Domain registrieren andere')
    expect(await refused(company.owner, '127.0.0.1')).toContain('Geben Sie eine Domain wie example.com ein')
    await company.owner.client.patch('/api/v1/users/me', { locale: 'en' })
  })

  it('leads a domain that is there already to its page', async () => {
    const domain = fresh()
    const { id } = await prove(dns, company.owner, company.id, domain)
    const again = await send(company.owner, at(), { domain })
    expect(again.headers.get('location')).toBe(at(`/${id}`))
  })

  it('says that there are too many', async () => {
    const [owner] = (await world.people(1)) as [Person]
    const id = await world.organization({ members: [[owner, 'owner']] })
    const full = Array.from({ length: 100 }, (_, n) => ({
      id: `dom_page${n}`,
      organization_id: id,
      domain: `page${n}.example.com`,
      token: `${n}`,
      created_at: world.clock.now(),
    }))
    await world.db.tx('system', (tx) => tx.insertInto('organization_domains').values(full).execute())
    const { status, text } = await send(owner, `/account/organizations/${id}/domains`, { domain: fresh() })
    expect(status).toBe(409)
    expect(shown(text)).toContain('An organization may have at most 100 domains. Remove one first.')
  })
})

describe('a domain', () => {
  it('is removed after a question, also where the form is sent twice', async () => {
    const { path, id } = await prove(dns, company.owner, company.id, fresh())
    const page = await open(company.owner, at(`/${id}/remove`))
    expect(shown(page.text)).toContain('Another organization may verify the domain.')
    for (let time = 0; time < 2; time += 1) {
      const removed = await send(company.owner, at(`/${id}/remove`))
      expect([removed.status, removed.headers.get('location')]).toEqual([303, `${at()}?done=domain_removed`])
    }
    expect((await company.owner.client.get(path)).status).toBe(404)
    const gone = await open(company.owner, at(`/${id}`))
    expect(gone.status).toBe(404)
    expect(shown(gone.text)).toContain('This domain has been removed already')
  })

  it('has its connection chosen, where the organization has one', async () => {
    const { id } = await add(company.owner, company.id, fresh())
    expect((await open(company.owner, at(`/${id}`))).text).not.toContain('connection_id')
    const connection = await connect(world, company.id, 'con_0000000000000000000000000000000d', 'draft')
    const page = await open(company.owner, at(`/${id}`))
    expect(page.text).toContain(`<option value="${connection}">${connection} (draft)</option>`)
    const chosen = await send(company.owner, at(`/${id}`), { connection_id: connection })
    expect(chosen.headers.get('location')).toBe(at(`/${id}?done=saved`))
    expect((await open(company.owner, at(`/${id}`))).text).toContain(`<option value="${connection}" selected`)
    const unknown = await send(company.owner, at(`/${id}`), { connection_id: 'con_none' })
    expect(unknown.status).toBe(400)
    await send(company.owner, at(`/${id}`), { connection_id: '' })
    expect((await company.owner.client.get(pathOf(company.id, `/${id}`))).data.connection_id).toBeNull()
  })

  it('warns of a check that fails, and the list as well', async () => {
    const { id, name } = await prove(dns, company.owner, company.id, fresh())
    dns.remove(name)
    await send(company.owner, at(`/${id}/verify`))
    const page = await open(company.owner, at(`/${id}`))
    expect(shown(page.text)).toMatch(/Check fails .*The checks of the record have failed since 1 Jun 2030/)
    expect(shown((await open(company.owner, at())).text)).toContain('Check fails')
  })

  it('is read without buttons by an admin, and not by others', async () => {
    const { id } = await add(company.owner, company.id, fresh())
    const [list, one] = [await open(company.admin, at()), await open(company.admin, at(`/${id}`))]
    expect([list.status, one.status]).toEqual([200, 200])
    for (const { text } of [list, one]) expect(text).not.toMatch(/<form[^>]*domains/)
    for (const part of ['/remove', '/verify', ''])
      expect((await send(company.admin, at(`/${id}${part}`), { connection_id: '' })).status).toBe(403)
    expect((await send(company.admin, at(), { domain: fresh() })).status).toBe(403)
    for (const person of [company.member, company.guest]) {
      expect((await open(person, at())).status).toBe(403)
      expect((await open(person, at(`/${id}`))).status).toBe(403)
      expect((await open(person, `/account/organizations/${company.id}`)).text).not.toContain('/domains"')
    }
    const neighbour = await startCompany(world)
    expect((await open(neighbour.owner, at(`/${id}`))).status).toBe(404)
    const foreign = `/account/organizations/${neighbour.id}/domains/${id}`
    for (const part of ['/verify', ''])
      expect((await send(neighbour.owner, `${foreign}${part}`, { connection_id: '' })).status).toBe(404)
    expect((await send(neighbour.owner, `${foreign}/remove`)).status).toBe(303)
    expect((await open(company.owner, at(`/${id}`))).status).toBe(200)
  })
})
