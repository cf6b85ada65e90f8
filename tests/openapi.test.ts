/**
 * The OpenAPI document of a running server: valid, complete, consistent with every row, and matched by real answers.
 * Every property, parameter, answer and tag says what it means. Its examples are sent in
 * tests/openapi-examples.test.ts.
 */
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
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
  world = await startWorld({ compat: ['tokens-by-password'] })
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
        { ...(operation as Json), responses: responsesOf(operation) },
      ]),
    )
  /** The responses of an operation, those that it shares included. */
  const responsesOf = (operation: Json): Json =>
    Object.fromEntries(
      Object.entries<Json>(operation.responses).map(([status, response]) => [
        status,
        response.$ref ? document.components.responses[response.$ref.split('/').pop()] : response,
      ]),
    )

  it('is valid by an independent validator', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document))
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined })
  })

  it('has only schemas that a strict compiler of JSON Schema 2020-12 accepts', () => {
    const ajv = new Ajv2020({
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allowUnionTypes: true,
    })
    addFormats.default(ajv)
    ajv.addVocabulary(['components'])
    ajv.addSchema({ $id: 'components', components: { schemas: document.components.schemas } })
    const schemas = new Set(
      operations().flatMap(([, , { requestBody, responses }]) =>
        [requestBody, ...Object.values<Json>(responses)].flatMap((body) =>
          Object.values<Json>(body?.content ?? {}).map(({ schema }) => JSON.stringify(schema)),
        ),
      ),
    )
    const wrong: unknown[] = []
    for (const schema of schemas) {
      try {
        ajv.compile(JSON.parse(schema.replaceAll('"#/components', '"components#/components')))
      } catch (error) {
        wrong.push([`${error}`, schema])
      }
    }
    expect(wrong).toEqual([])
  })

  it('says of every property, parameter, answer, header and tag what it means', () => {
    const silent: string[] = []
    let properties = 0
    /** A description that only repeats the name says nothing. */
    const check = (at: string, name: string, description: unknown): void => {
      properties += 1
      const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '')
      const text = typeof description === 'string' ? description : ''
      if (text.length < 10 || [plain(name), `the${plain(name)}`].includes(plain(text)))
        silent.push(`${at} ${name}: ${text}`)
    }
    const visit = (schema: Json, at: string): void => {
      if (typeof schema !== 'object' || schema === null) return
      for (const [name, member] of Object.entries<Json>(schema.properties ?? {})) {
        const named = member.$ref && document.components.schemas[member.$ref.split('/').pop()]
        // part of an answer narrows a shared schema, which describes the member
        const isNarrowing =
          schema.type === undefined && (name === 'error' || name === 'code' || name === 'scimType')
        const isOfError = schema.type === undefined && name === 'details'
        if (!isNarrowing && !isOfError) check(at, name, member.description ?? named?.description)
        visit(member, `${at}.${name}`)
      }
      for (const part of [schema.items, schema.additionalProperties, schema.anyOf, schema.allOf].flat())
        visit(part, at)
    }
    for (const [name, schema] of Object.entries<Json>(document.components.schemas)) visit(schema, name)
    for (const [, , operation] of operations()) {
      const at = operation.operationId
      for (const parameter of operation.parameters) check(at, parameter.name, parameter.description)
      for (const media of Object.values<Json>(operation.requestBody?.content ?? {})) visit(media.schema, at)
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        check(at, status, response.description)
        for (const media of Object.values<Json>(response.content ?? {}))
          visit(media.schema, `${at} ${status}`)
      }
    }
    for (const kind of ['headers', 'securitySchemes'])
      for (const [name, one] of Object.entries<Json>(document.components[kind]))
        check(kind, name, one.description)
    for (const { name, description } of document.tags) check('tags', name, description)
    expect(silent).toEqual([])
    expect(properties).toBeGreaterThan(1500)
  })

  it('has no two components of one shape, and none that nothing refers to', () => {
    const text = JSON.stringify(document)
    for (const kind of ['schemas', 'responses', 'examples', 'headers']) {
      const all = Object.entries<Json>(document.components[kind])
      const shapes = all.map(([, component]) => JSON.stringify(component))
      expect(all.filter(([, component], at) => shapes.indexOf(JSON.stringify(component)) !== at)).toEqual([])
      for (const [name] of all) expect(text).toContain(`"#/components/${kind}/${name}"`)
    }
  })

  it('states the limits and the request id of every answer', () => {
    for (const [path, method, { operationId, responses }] of operations()) {
      const row = world.app.rows.find(({ name }) => name === operationId)
      for (const [status, { headers }] of Object.entries<Json>(responses)) {
        if (status === '303') continue
        const at = `${method} ${path} ${status}`
        expect(headers, at).toHaveProperty('X-Request-Id')
        if (Number(status) < 300 && row && !row.anonymous)
          expect(headers, at).toHaveProperty('X-RateLimit-Reset')
        if (['423', '429', '503'].includes(status)) expect(headers, at).toHaveProperty('Retry-After')
        if (status === '401') expect(headers, at).toHaveProperty('WWW-Authenticate')
      }
    }
  })

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
      for (const [name, member] of Object.entries(value))
        if (name !== 'example' && name !== 'value') visit(member)
    }
    visit({ ...document, components: { ...document.components, securitySchemes: {} } })
    expect(dangling).toEqual([])
    expect(JSON.stringify(document)).not.toContain('$defs')
  })

  it('documents exactly the errors of each row', () => {
    for (const row of api()) {
      const item = document.paths[row.path.replace(/:(\w+)/g, '{$1}')][row.method.toLowerCase()]
      const failures = Object.entries<Json>(responsesOf(item)).filter(([status]) => Number(status) >= 400)
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
