/** The OpenAPI document of a running server: complete, consistent with every row, and matched by real answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../packages/server/src/base/errors.ts'
import { type ApiRow, isDescribed } from '../packages/server/src/base/http/row/route.ts'
import { errorsOf } from '../packages/server/src/base/http/row/shapes.ts'
import type { Json, Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com' })
})
afterAll(() => world.stop())

const api = (): ApiRow[] => world.app.rows.filter((row) => row.kind === 'api')

describe('the OpenAPI document', () => {
  let document: Json
  beforeAll(async () => {
    const reply = await world.client().get('/api/openapi.json')
    expect(reply.status).toBe(200)
    document = reply.body
  })
  const METHODS = ['get', 'put', 'post', 'delete', 'patch']
  const operations = (): [string, string, Json][] =>
    Object.entries(document.paths as Json).flatMap(([path, item]) =>
      Object.entries(item as Json).map(([method, operation]): [string, string, Json] => [
        path,
        method,
        operation,
      ]),
    )

  it('has what OpenAPI 3.1 requires', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) })
    expect(
      Object.keys(document).filter(
        (name) => !['openapi', 'info', 'servers', 'tags', 'paths', 'components'].includes(name),
      ),
    ).toEqual([])
    for (const { url } of document.servers) expect(() => new URL(url)).not.toThrow()
    for (const [path, method, operation] of operations()) {
      const at = `${method} ${path}`
      expect(path, at).toMatch(/^\//)
      expect(METHODS, at).toContain(method)
      expect(operation.operationId, at).toEqual(expect.any(String))
      expect(Object.keys(operation.responses).length, at).toBeGreaterThan(1)
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        expect(status, at).toMatch(/^[1-5]\d\d$/)
        expect(response.description, `${at} ${status}`).toEqual(expect.any(String))
        for (const media of Object.values<Json>(response.content ?? {}))
          expect(media.schema, at).toBeDefined()
      }
      for (const tag of operation.tags)
        expect(
          document.tags.map((one: Json) => one.name),
          at,
        ).toContain(tag)
      for (const scheme of operation.security.flatMap((one: Json) => Object.keys(one)))
        expect(document.components.securitySchemes, at).toHaveProperty(scheme)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const parameters: Json[] = operation.parameters ?? []
      expect(
        parameters
          .filter((one) => one.in === 'path')
          .map((one) => one.name)
          .sort(),
        at,
      ).toEqual(inPath.sort())
      for (const parameter of parameters) {
        expect(['path', 'query', 'header', 'cookie'], at).toContain(parameter.in)
        expect(parameter.schema, at).toBeDefined()
        if (parameter.in === 'path') expect(parameter.required, at).toBe(true)
      }
      if (method === 'get') expect(operation.requestBody, at).toBeUndefined()
    }
  })

  it('names each operation once, and is an API row, a file or stream of it, or health', () => {
    const ids = operations().map(([, , { operationId }]) => String(operationId))
    expect(ids.filter((one, at) => ids.indexOf(one) !== at)).toEqual([])
    expect(ids.filter((one) => !one.startsWith('health.')).sort()).toEqual(
      world.app.rows
        .filter(isDescribed)
        .map(({ name }) => name)
        .sort(),
    )
  })

  it('resolves every reference, and loses no schema', () => {
    const dangling: string[] = []
    const visit = (value: Json): void => {
      if (typeof value !== 'object' || value === null) return
      if (typeof value.$ref === 'string') {
        const parts = value.$ref.replace(/^#\//, '').split('/')
        if (parts.reduce((found: Json, part: string) => found?.[part], document) === undefined)
          dangling.push(value.$ref)
      }
      if (Array.isArray(value.required)) {
        for (const name of value.required)
          if (value.properties && !(name in value.properties)) dangling.push(`required ${name}`)
      }
      if (value.type !== undefined) {
        const types = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']
        if (![value.type].flat().every((type) => types.includes(type)) && typeof value.type === 'string')
          dangling.push(`type ${value.type}`)
      }
      for (const member of Object.values(value)) visit(member)
    }
    for (const [, , operation] of operations()) visit(operation)
    visit(document.components.schemas)
    expect(dangling).toEqual([])
    expect(JSON.stringify(document)).not.toContain('$defs')
  })

  it('documents exactly the errors of each row', () => {
    for (const row of api()) {
      const item = document.paths[row.path.replace(/:(\w+)/g, '{$1}')][row.method.toLowerCase()]
      const failures = Object.entries<Json>(item.responses).filter(([status]) => Number(status) >= 400)
      const codes = failures.flatMap(
        ([, response]) =>
          response.content['application/json'].schema.allOf[1].properties.error.properties.code.enum,
      )
      expect(codes.sort(), row.name).toEqual([...errorsOf(row)].sort())
      for (const [status, response] of failures) {
        for (const one of response.content['application/json'].schema.allOf[1].properties.error.properties
          .code.enum as ErrorCode[]) {
          expect(`${ERRORS[one].status}`, row.name).toBe(status)
        }
      }
    }
  })

  it('matches real answers', async () => {
    // zod reads the JSON Schema of the document and checks the answers
    const check = async (row: string, reply: Reply) => {
      const found = operations().find(([, , { operationId }]) => operationId === row)
      const schema = found?.[2].responses[reply.status]?.content['application/json'].schema
      expect(schema, row).toBeDefined()
      const inlined = JSON.parse(
        JSON.stringify({ ...schema, $defs: document.components.schemas }).replaceAll(
          '#/components/schemas/',
          '#/$defs/',
        ),
      )
      const verdict = z.fromJSONSchema(inlined).safeParse(reply.body)
      expect(verdict.error?.issues ?? [], `${row}: ${reply.text}`).toEqual([])
    }
    await check('auth.me', await ada.client.get('/api/v1/auth/me'))
    await check('sessions.list', await ada.client.get('/api/v1/auth/sessions'))
    await check('auth.validate', await ada.client.get('/api/v1/auth/validate'))
    await check(
      'auth.login',
      await world.client().post('/api/v1/auth/login', { username: ada.email, password: PASSWORD }),
    )
    await check('auth.login', await world.client().post('/api/v1/auth/login', {}))
    await check(
      'auth.login',
      await world.client().post('/api/v1/auth/login', { username: 'unknown', password: 'x' }),
    )
    await check(
      'auth.register',
      await world.client().post('/api/v1/auth/register', { email: 'doc@example.com', password: PASSWORD }),
    )
  })
})
