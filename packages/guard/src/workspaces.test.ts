/** The example of workspaces: row-level security policies isolate tenants, even if its statements do not. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { SignJWT } from 'jose'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { workspacesApi } from '../../../examples/workspaces/app.ts'
import { unitOfWork } from './database/pg.ts'
import { type AppDatabase, openAppDatabase } from './testing/databases.ts'
import { ROOT } from './testing/programs.ts'

const secret = Buffer.alloc(32, 7)
let database: AppDatabase
let pool: pg.Pool
let app: FastifyInstance
beforeAll(async () => {
  database = await openAppDatabase(readFileSync(join(ROOT, 'examples/workspaces/schema.sql'), 'utf8'))
  pool = database.pool({ pipeline: true } as pg.PoolConfig)
  app = workspacesApi({ pool, secret })
})
afterAll(async () => {
  await app.close()
  await database.close()
})

interface Claims {
  sub: string
  org?: string | null
  permissions?: string[]
}
const ann: Claims = { sub: 'ann', org: 'org_a', permissions: ['documents:*', 'workspaces:write'] }
const bob: Claims = { ...ann, sub: 'bob', org: 'org_b' }

async function send(who: Claims | null, method: InjectOptions['method'], url: string, body?: object) {
  const { sub = '', ...claims } = who ?? {}
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuer('my-app')
    .setAudience('my-api')
    .setExpirationTime('1h')
    .sign(secret)
  const headers = who ? { authorization: `Bearer ${token}` } : {}
  const answer = await app.inject({
    method: method ?? 'GET',
    url,
    headers,
    ...(body ? { payload: body } : {}),
  })
  return { status: answer.statusCode, body: answer.json() }
}

let made = 0
async function makeDocument(who: Claims) {
  const workspace = (await send(who, 'POST', '/workspaces', { name: `Workspace ${++made}` })).body
    .id as string
  const answer = await send(who, 'POST', `/workspaces/${workspace}/documents`, {
    title: `Of ${who.org}`,
    body: 'plan',
  })
  expect(answer).toMatchObject({ status: 201, body: { workspace_id: workspace, author: who.sub } })
  return { workspace, document: answer.body.id as string }
}
/** All rows, without policies. */
async function everything(): Promise<unknown> {
  const rows: unknown[] = []
  for (const organizationId of ['org_a', 'org_b']) {
    const asAll = unitOfWork(pool, { role: 'workspaces_request' })
    await asAll({ userId: 'test', organizationId, permissions: ['*'] }, async (tx) => {
      for (const table of ['workspaces', 'documents'])
        rows.push((await tx.query(`select * from workspaces_example.${table} order by id`)).rows)
    })
  }
  return rows
}

describe('the example of workspaces', () => {
  it('answers the unauthenticated 403 “Not authenticated”, on every path', async () => {
    for (const [method, url] of [
      ['GET', '/workspaces'],
      ['POST', '/workspaces'],
      ['GET', '/documents'],
      ['DELETE', '/documents/doc_1'],
    ] as const)
      expect(await send(null, method, url)).toEqual({ status: 403, body: { detail: 'Not authenticated' } })
  })

  it('isolates tenants although the WHERE of its search is broken', async () => {
    const [mine, foreign] = [await makeDocument(ann), await makeDocument(bob)]
    for (const [who, own, other] of [
      [ann, mine, foreign],
      [bob, foreign, mine],
    ] as const) {
      const { status, body } = await send(who, 'GET', '/documents?search=plan')
      expect(status).toBe(200)
      const ids = body.map(({ id }: { id: string }) => id)
      expect(ids).toContain(own.document)
      expect(ids).not.toContain(other.document)
      expect(new Set(body.map(({ title }: { title: string }) => title))).toEqual(new Set([`Of ${who.org}`]))
    }
  })

  it('has a WHERE that is broken: without policies it finds rows of other tenants', async () => {
    await makeDocument(bob)
    const policies = (enabled: boolean) =>
      database.owner(
        `alter table workspaces_example.documents ${enabled ? 'enable' : 'disable'} row level security`,
      )
    await policies(false)
    const { body } = await send(ann, 'GET', '/documents?search=plan')
    await policies(true)
    expect(body.map(({ title }: { title: string }) => title)).toContain('Of org_b')
  })

  it('answers 404 for rows of another tenant, for every use of their ids, and changes nothing', async () => {
    const [mine, foreign] = [await makeDocument(ann), await makeDocument(bob)]
    const before = await everything()
    const document = { title: 'Mine', body: 'in yours' }
    const tries: [InjectOptions['method'], string, object?][] = [
      ['GET', `/workspaces/${foreign.workspace}`],
      ['PATCH', `/workspaces/${foreign.workspace}`, { name: 'Taken' }],
      ['DELETE', `/workspaces/${foreign.workspace}`],
      ['GET', `/workspaces/${foreign.workspace}/documents`],
      ['POST', `/workspaces/${foreign.workspace}/documents`, document],
      ['GET', `/documents/${foreign.document}`],
      ['PATCH', `/documents/${foreign.document}`, document],
      ['DELETE', `/documents/${foreign.document}`],
      ['PATCH', `/documents/${mine.document}`, { workspace_id: foreign.workspace }],
      ['PATCH', `/documents/${foreign.document}`, { workspace_id: mine.workspace }],
    ]
    for (const [method, url, body] of tries) {
      const answer = await send(ann, method, url, body)
      const absent = url.replaceAll(/(wsp|doc)_[^/]+/g, '$1_00000000-0000-4000-8000-000000000000')
      expect([method, url, answer]).toEqual([method, url, { status: 404, body: { detail: 'Not found' } }])
      if (absent !== url) expect(await send(ann, method, absent, body)).toEqual(answer)
    }
    expect(await everything()).toEqual(before)
  })

  it('does not reveal names of other tenants: each organization may use the same name', async () => {
    expect((await send(ann, 'POST', '/workspaces', { name: 'Roadmap' })).status).toBe(201)
    expect((await send(bob, 'POST', '/workspaces', { name: 'Roadmap' })).status).toBe(201)
    expect((await send(bob, 'POST', '/workspaces', { name: 'Roadmap' })).status).toBe(409)
  })

  it('takes author and organization from the guard only', async () => {
    const { workspace } = await makeDocument(ann)
    const sly = { title: 'T', body: 'B', organization_id: 'org_b', author: 'bob' }
    const answer = await send(ann, 'POST', `/workspaces/${workspace}/documents`, sly)
    expect(answer).toMatchObject({ status: 201, body: { author: 'ann' } })
    const asAnn = unitOfWork(pool, { role: 'workspaces_request' })
    const caller = { userId: 'ann', organizationId: 'org_a', permissions: ['*'] }
    for (const text of [
      `insert into workspaces_example.workspaces (organization_id, name) values ('org_b', 'x')`,
      `insert into workspaces_example.documents (workspace_id, title, body, author) values ('${workspace}', 'x', 'x', 'bob')`,
      `update workspaces_example.documents set organization_id = 'org_b'`,
      `update workspaces_example.documents set author = 'bob'`,
    ])
      await expect(asAnn(caller, (tx) => tx.query(text))).rejects.toMatchObject({ code: '42501' })
  })

  it('allows what permissions grant, and nothing without an organization', async () => {
    const { workspace, document } = await makeDocument(ann)
    const reader = { ...ann, permissions: ['documents:read'] }
    expect((await send(reader, 'GET', `/documents/${document}`)).status).toBe(200)
    expect((await send(reader, 'POST', '/workspaces', { name: 'x' })).status).toBe(403)
    expect(
      (await send(reader, 'POST', `/workspaces/${workspace}/documents`, { title: 'x', body: 'x' })).status,
    ).toBe(403)
    // a row that may be read and not changed: no row is updated, as if it did not exist
    expect((await send(reader, 'DELETE', `/documents/${document}`)).status).toBe(404)
    expect((await send(ann, 'GET', `/documents/${document}`)).status).toBe(200)
    expect((await send({ ...ann, permissions: [] }, 'GET', '/documents')).body).toEqual([])
    for (const org of [null, '', 'org_c', "org_a' or true --"]) {
      expect((await send({ ...ann, org }, 'GET', '/documents')).body).toEqual([])
      expect((await send({ ...ann, org }, 'GET', `/documents/${document}`)).status).toBe(404)
    }
  })

  it('answers 400 to invalid input, and always in its envelope style', async () => {
    for (const body of [{}, { name: '' }, { name: 'x'.repeat(101) }, { name: 'nul\0' }]) {
      const answer = await send(ann, 'POST', '/workspaces', body)
      expect([answer.status, Object.keys(answer.body)]).toEqual([400, ['detail']])
    }
  })

  it('isolates concurrent requests of two tenants', async () => {
    await Promise.all([makeDocument(ann), makeDocument(bob)])
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, at) => send(at % 2 ? ann : bob, 'GET', '/documents?search=plan')),
    )
    for (const [at, { body }] of answers.entries())
      expect(new Set(body.map(({ title }: { title: string }) => title))).toEqual(
        new Set([at % 2 ? 'Of org_a' : 'Of org_b']),
      )
  })
})
