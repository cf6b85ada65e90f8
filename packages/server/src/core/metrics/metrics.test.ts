/** The metrics of the server: who reads them, their format, and which series there are. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samlPeer } from '../../testing/saml-connection.ts'
import { providerKey } from '../../testing/saml-provider.ts'
import { type Person, startWorld, type World } from '../../testing/world.ts'
import { ensureConnectionKeys } from '../saml/index.ts'

let world: World
let administrator: Person
let secret: string
beforeAll(async () => {
  world = await startWorld()
  administrator = await world.person({ roles: ['super_admin'] })
  secret = (await administrator.client.apiKey({ permissions: ['metrics:read'] })).secret
})
afterAll(() => world.stop())

const read = (authorization = `Bearer ${secret}`) =>
  fetch(`${world.url}/metrics`, { headers: { authorization } })
const seriesOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
const expiry = (connection: string, owner: string) =>
  `latchkey_saml_certificate_expires_seconds{connection="${connection}",owner="${owner}"}`
const DAY = 86_400

describe('metrics', () => {
  it('are read with a permission, and with nothing less', async () => {
    const other = await administrator.client.apiKey({ permissions: ['audit:read'] })
    const member = await world.person({})
    const statuses = await Promise.all([
      read().then(({ status }) => status),
      read(`Bearer ${other.secret}`).then(({ status }) => status),
      member.client.get('/metrics').then(({ status }) => status),
      world
        .client()
        .get('/metrics')
        .then(({ status }) => status),
    ])
    expect(statuses).toEqual([200, 403, 403, 401])
  })

  it('are in the text format of Prometheus, with what each means', async () => {
    const answered = await read()
    expect(answered.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const text = await answered.text()
    expect(text).toMatch(/^# HELP latchkey_saml_certificate_expires_seconds Seconds until .+$/m)
    expect(text).toMatch(/^# TYPE latchkey_saml_certificate_expires_seconds gauge$/m)
    expect(text.endsWith('\n')).toBe(true)
  })
})

describe('the expiry of certificates', () => {
  it('is that of the next in use, of the provider and of this server, and follows each change', async () => {
    const now = world.clock.now()
    const [soon, late] = [20, 400].map((days) => providerKey(now, { days }))
    const certificates = [late?.certificate ?? '', soon?.certificate ?? '']
    const { connection } = await samlPeer(world, { saml: { certificates } })
    await ensureConnectionKeys(world.app.tools, connection, now)
    const first = seriesOf(await (await read()).text())
    expect(first[expiry(connection.id, 'provider')]).toBeLessThanOrEqual(20 * DAY)
    expect(first[expiry(connection.id, 'provider')]).toBeGreaterThan(19 * DAY)
    expect(first[expiry(connection.id, 'server')]).toBeGreaterThan(700 * DAY)

    // the expired one is listed beside its successor
    await world.clock.advance('21 days')
    const later = seriesOf(await (await read()).text())[expiry(connection.id, 'provider')]
    expect(later).toBeGreaterThan(370 * DAY)
    await world.clock.advance('380 days')
    expect(seriesOf(await (await read()).text())[expiry(connection.id, 'provider')]).toBeLessThan(0)
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', connection.id).execute(),
    )
    expect(seriesOf(await (await read()).text())).not.toHaveProperty([expiry(connection.id, 'provider')])
  })

  it('is there for each of more connections than are read at once', async () => {
    const { certificate } = providerKey(world.clock.now(), { days: 30 })
    const { connection } = await samlPeer(world, { saml: { certificates: [certificate] } })
    await world.db.tx('system', async (tx) => {
      const row = await tx
        .selectFrom('connections')
        .selectAll()
        .where('id', '=', connection.id)
        .executeTakeFirstOrThrow()
      for (let n = 0; n < 120; n++) {
        const id = `con_${String(n).padStart(32, '0')}`
        await tx
          .insertInto('connections')
          .values({ ...row, id, slug: `many-${n}`, settings: JSON.stringify(row.settings) })
          .execute()
      }
    })
    const series = Object.keys(seriesOf(await (await read()).text()))
    expect(series.filter((one) => one.includes('owner="provider"'))).toHaveLength(121)
  })
})
