/** What becomes of apps with a document: when it changes, when operators change them, who may have it fetched, and how long they stay. */
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answerConsent, authorizePath, CALLBACK, follow } from '../../../testing/apps.ts'
import { type DocumentServer, startDocumentServer } from '../../../testing/document-server.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { eventsAbout, SERVER } from '../clients/testing.ts'

let world: World
let documents: DocumentServer
beforeAll(async () => {
  documents = await startDocumentServer()
  world = await startWorld({ clientIdDocuments: 'on', rateLimits: 'off' }, {}, documents.network)
})
afterAll(async () => {
  await world?.stop()
  await documents?.close()
})

let count = 0
let id: string
beforeEach(() => {
  count += 1
  id = `https://editor${count}.example.com/client.json`
  documents.requested.length = 0
})

const visit = (of: World = world, clientId = id) => follow(of.client(), authorizePath({ id: clientId }))
const statusOf = async (of: World = world, clientId = id): Promise<number> =>
  (await visit(of, clientId)).reply.status
const rowOf = (clientId = id) =>
  world.db.tx('system', (tx) =>
    tx.selectFrom('clients').selectAll().where('id', '=', clientId).executeTakeFirst(),
  )
const administrator = async (): Promise<Person> => {
  const [root] = (await world.people([{ roles: ['super_admin'] }])) as [Person]
  return root
}
const path = () => `${SERVER}/${encodeURIComponent(id)}`

describe('a document that changed', () => {
  it('takes effect: a redirect URI that was removed does not work any more', async () => {
    const [ada] = (await world.people(1)) as [Person]
    documents.put(id)
    const { reply } = await follow(ada.client, authorizePath({ id }))
    await answerConsent(ada.client, reply.text)
    documents.put(id, { client_name: 'New', redirect_uris: ['https://new.example.com/callback'] })
    await world.clock.advance('6 minutes')
    const { reply: refused, left } = await follow(ada.client, authorizePath({ id }))
    expect([left, refused.status]).toEqual([null, 400])
    expect(refused.text).toContain('invalid_request (redirect_uri)')
    expect(await rowOf()).toMatchObject({ name: 'New' })
    const events = await eventsAbout(world, id)
    expect(events.map(({ type, details }) => [type, details.by])).toEqual([
      ['client.created', 'document'],
      ['client.updated', 'document'],
    ])
    expect(events[1]?.details).toMatchObject({
      from: { name: 'Editor', redirect_uris: [CALLBACK] },
      to: { name: 'New', redirect_uris: ['https://new.example.com/callback'] },
    })
  })

  it('ends the app while it cannot be used, and no longer', async () => {
    documents.put(id)
    expect(await statusOf()).toBe(200)
    documents.answer(id, (response) => void response.writeHead(410).end())
    await world.clock.advance('6 minutes')
    expect(await statusOf()).toBe(400)
    documents.put(id)
    await world.clock.advance('31 seconds')
    expect(await statusOf()).toBe(200)
  })

  it('is nothing new where it says the same', async () => {
    documents.put(id)
    await visit()
    await world.clock.advance('6 minutes')
    await visit()
    expect(documents.requested.length).toBe(2)
    expect((await eventsAbout(world, id)).map(({ type }) => type)).toEqual(['client.created'])
  })
})

describe('an administrator', () => {
  it('sees the app, and disables it for good', async () => {
    documents.put(id)
    await visit()
    const root = await administrator()
    const { data } = await root.client.get(path())
    expect(data).toMatchObject({ client_id: id, source: 'document', name: 'Editor', secrets: [] })
    expect((await root.client.patch(path(), { status: 'disabled' })).status).toBe(200)
    expect(await statusOf()).toBe(400)
    documents.put(id, { client_name: 'New' })
    await world.clock.advance('6 minutes')
    expect(await statusOf()).toBe(400)
    expect(await rowOf()).toMatchObject({ status: 'disabled', name: 'New' })
  })

  it('disables for good an app that no user has allowed anything, whose row would expire', async () => {
    documents.put(id)
    await visit()
    const root = await administrator()
    expect((await root.client.patch(path(), { status: 'disabled' })).status).toBe(200)
    await world.clock.advance('51 hours')
    await world.app.settle()
    expect(await rowOf()).toMatchObject({ status: 'disabled' })
    expect(await statusOf()).toBe(400)
    expect(await rowOf()).toMatchObject({ status: 'disabled' })
  })

  it('changes nothing that the document says', async () => {
    documents.put(id)
    await visit()
    const root = await administrator()
    for (const change of [{ name: 'Other' }, { settings: { first_party: true } }]) {
      const { status, body } = await root.client.patch(path(), change)
      expect([status, body.error.details]).toEqual([409, { reason: 'document' }])
    }
    expect((await root.client.post(`${path()}/secrets`)).status).toBe(409)
    expect(await rowOf()).toMatchObject({ name: 'Editor' })
  })

  it('deletes it; where it comes back, it is new', async () => {
    documents.put(id)
    await visit()
    const root = await administrator()
    expect((await root.client.delete(path())).status).toBe(200)
    expect(await rowOf()).toBeUndefined()
    expect(await statusOf()).toBe(200)
    expect(documents.requested.length).toBe(2)
  })
})

describe('an app that', () => {
  it('no user has allowed anything is gone after two days', async () => {
    documents.put(id)
    await visit()
    await world.clock.advance('47 hours')
    expect(await rowOf()).toBeDefined()
    await world.clock.advance('2 hours')
    expect(await rowOf()).toBeUndefined()
  })

  it('a user allows something in its last hour works on', async () => {
    documents.put(id)
    await visit()
    await world.clock.advance('47 hours')
    await world.app.settle()
    await world.clock.advance('50 minutes')
    const [ada] = (await world.people(1)) as [Person]
    const { reply } = await follow(ada.client, authorizePath({ id }))
    await answerConsent(ada.client, reply.text)
    expect(await rowOf()).toMatchObject({ expires_at: null })
  })

  it('a user has allowed something stays', async () => {
    const [ada] = (await world.people(1)) as [Person]
    documents.put(id)
    const { reply } = await follow(ada.client, authorizePath({ id }))
    await answerConsent(ada.client, reply.text)
    await world.clock.advance('50 hours')
    expect(await rowOf()).toMatchObject({ expires_at: null })
  })

  it('is one too many is refused, and those that are known are not', async () => {
    documents.put(id)
    await visit()
    await world.db.tx('system', (tx) =>
      sql`
        insert into clients (id, source, name, status, settings, created_at, updated_at, expires_at)
        select 'https://many.example.com/' || n, 'document', 'Many', 'active', '{}', ${world.clock.now()},
          ${world.clock.now()}, ${world.clock.now()} from generate_series(1, 10000) as n`.execute(tx),
    )
    const known = id
    id = 'https://another.example.com/client.json'
    documents.put(id)
    expect((await visit()).reply.text).toContain('too many apps')
    await world.clock.advance('6 minutes')
    expect(await statusOf(world, known)).toBe(200)
    await world.clock.advance('2 hours')
    expect(await statusOf()).toBe(200)
  })
})

describe('a stranger', () => {
  it('has few unknown addresses requested, while known apps work', async () => {
    const limited = await startWorld(
      { clientIdDocuments: 'on', rateLimits: 'standard' },
      {},
      documents.network,
    )
    documents.put(id)
    expect(await statusOf(limited)).toBe(200)
    const statuses: number[] = []
    for (let n = 0; n < 12; n += 1) statuses.push(await statusOf(limited, `https://victim.example.com/${n}`))
    expect(statuses).toEqual([...Array(9).fill(400), ...Array(3).fill(429)])
    expect(documents.requested.length).toBe(10)
    await limited.clock.advance('6 minutes')
    expect(await statusOf(limited)).toBe(200)
    await limited.stop()
  })

  it('has at most twenty requested at once', async () => {
    const open: (() => void)[] = []
    const slow = Array.from({ length: 21 }, (_, n) => `https://slow.example.com/${count}/${n}`)
    for (const one of slow)
      documents.answer(one, (response) => void open.push(() => response.writeHead(404).end()))
    const all = slow.slice(1).map((one) => statusOf(world, one))
    await expect.poll(() => open.length).toBe(20)
    expect(await statusOf(world, slow[0])).toBe(503)
    for (const end of open) end()
    expect(await Promise.all(all)).toEqual(Array(20).fill(400))
  })
})

it('reads the documents of the listed hosts alone, which may be private', async () => {
  const isPublic = () => false
  const listed = await startWorld(
    { clientIdDocuments: ['editor.internal', 'other.internal:8443'], rateLimits: 'off' },
    {},
    { ...documents.network, isPublic },
  )
  const ids = ['https://editor.internal/app.json', 'https://other.internal:8443/app.json']
  const others = [id, 'https://other.internal/app.json', 'https://sub.editor.internal/app.json']
  for (const one of [...ids, ...others]) documents.put(one)
  for (const one of ids) expect(await statusOf(listed, one)).toBe(200)
  for (const one of others) expect(await statusOf(listed, one)).toBe(400)
  expect(documents.requested).toEqual(ids)
  await listed.stop()
})
