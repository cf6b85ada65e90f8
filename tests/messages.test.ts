/**
 * Errors say in a person's words what was not found, what conflicts or what is not valid, and what to do: no row
 * answers with the bare sentence of the catalogue where it knows more. What belongs to others is answered as what
 * does not exist.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ERRORS } from '../packages/server/src/base/errors.ts'
import { type Row, readsQuery } from '../packages/server/src/base/http/row/route.ts'
import type { Client, Json, Reply } from '../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let root: Person
let owner: Person
let neighbour: Person
let organization: string
/** Ids that exist, of the owner and the owner's organization, by the words before them in a path. */
let existing: readonly (readonly [RegExp, string])[]
const NOWHERE = '0'.repeat(32)
const unknown: typeof existing = [
  [/users\/:\w+/, `usr_${NOWHERE}`],
  [/members\/:\w+/, `usr_${NOWHERE}`],
  [/sessions\/:\w+/, `ses_${NOWHERE}`],
  [/api-keys\/:\w+/, `key_${NOWHERE}`],
  [/invitations\/:\w+/, `inv_${NOWHERE}`],
  [/audit-logs\/:\w+/, `aud_${NOWHERE}`],
  [/roles\/:\w+/, 'no_such_role'],
  [/permissions\/:\w+/, 'no:such'],
  [/organizations\/:\w+/, `org_${NOWHERE}`],
]
beforeAll(async () => {
  world = await startWorld({ compat: ['tokens-by-password'], rateLimits: 'off' })
  ;[root, owner, neighbour] = (await world.people([{ roles: ['super_admin'] }, {}, {}])) as [
    Person,
    Person,
    Person,
  ]
  organization = await world.organization({ members: [[owner, 'owner']] })
  const key = await owner.client.apiKey()
  const { data: me } = await owner.client.get('/api/v1/auth/me')
  const { data: invitation } = await owner.client.post(`/api/v1/organizations/${organization}/invitations`, {
    email: 'guest@example.com',
    role: 'member',
  })
  await owner.client.post(`/api/v1/organizations/${organization}/roles`, {
    name: 'editor',
    description: '',
    permissions: [],
    inherits: 'guest',
  })
  existing = [
    [/users\/:\w+/, owner.id],
    [/members\/:\w+/, owner.id],
    [/sessions\/:\w+/, me.session.id],
    [/api-keys\/:\w+/, key.id],
    [/invitations\/:\w+/, invitation.id],
    [/audit-logs\/:\w+/, `aud_${NOWHERE}`],
    [/roles\/:\w+/, 'editor'],
    [/permissions\/:\w+/, 'no:such'],
    [/organizations\/:\w+/, organization],
  ]
})
afterAll(() => world.stop())

const rowsWithId = (): Row[] =>
  world.app.rows.filter(({ path, kind }) => kind === 'api' && /:\w/.test(path) && !path.startsWith('/dev/'))
const pathOf = ({ path }: Row, ids: typeof existing): string =>
  ids
    .reduce((text, [form, id]) => text.replace(form, (match) => match.replace(/:\w+/, id)), path)
    .replace(/:\w+/, `sgn_${NOWHERE}.${'A'.repeat(43)}`)

/** A body that the schema of the row accepts, from its examples. */
function bodyOf(row: Row): Json {
  const schema: Json = z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' })
  const inPath = new Set([...row.path.matchAll(/:(\w+)/g)].map(([, name]) => name))
  const required: string[] = (schema.required ?? []).filter((name: string) => !inPath.has(name))
  return Object.fromEntries(
    required.map((name) => {
      const { samples = [], enum: choices = [], type } = schema.properties[name]
      const byName = /password/.test(name) ? PASSWORD : undefined
      const byType = type === 'array' ? [] : type === 'boolean' ? true : 'member'
      return [name, byName ?? samples[0] ?? choices[0] ?? byType]
    }),
  )
}
const send = (client: Client, row: Row, path: string): Promise<Reply> =>
  client.send(row.method, path, row.method === 'GET' ? undefined : bodyOf(row))

describe('what was not found', () => {
  it('is named by every row with an id in its path, with what to do', async () => {
    const bare: string[] = []
    const answered = new Set<string>()
    // in an organization that exists, and in one that does not
    const inside = unknown.map(
      ([form, id]) => [form, String(form).includes('organizations') ? organization : id] as const,
    )
    for (const row of rowsWithId())
      for (const client of [root.client, owner.client])
        for (const ids of [unknown, inside]) {
          const reply = await send(client, row, pathOf(row, ids))
          if (reply.status !== 404) continue
          answered.add(row.name)
          const { message, error } = reply.body
          if (message === ERRORS.NOT_FOUND.message || !/\. .+\.$/.test(message))
            bare.push(`${row.name}: ${message}`)
          else if (error.details === undefined && !/invitation|sign-in|attempt/i.test(message))
            bare.push(`${row.name}: ${message}, without its resource`)
        }
    expect(bare).toEqual([])
    expect(answered.size).toBeGreaterThan(25)
  })

  it('is answered to a neighbour as what exists nowhere', async () => {
    const told: string[] = []
    for (const row of rowsWithId()) {
      const [real, none] = [
        await send(neighbour.client, row, pathOf(row, existing)),
        await send(neighbour.client, row, pathOf(row, unknown)),
      ]
      const seen = ({ status, body }: Reply) =>
        JSON.stringify([status, body?.message, body?.error?.code, body?.error?.details?.resource])
      if (real.status !== none.status || seen(real) !== seen(none))
        told.push(`${row.name}: ${seen(real)} for what exists, ${seen(none)} for what does not`)
    }
    expect(told).toEqual([])
  })

  it('is named on pages in both languages', async () => {
    const page = async (language: string, path: string) =>
      (await owner.client.get(path, { headers: { accept: 'text/html', 'accept-language': language } })).text
    const path = `/account/organizations/org_${NOWHERE}`
    expect(await page('en', path)).toContain(
      'This organization does not exist, or you are not a member of it.',
    )
    expect(await page('de', path)).toContain('Diese Organisation gibt es nicht, oder Sie sind kein Mitglied.')
  })
})

describe('what is not valid', () => {
  it('is named for every field, in a sentence', { timeout: 300_000 }, async () => {
    const wrong: string[] = []
    let fields = 0
    for (const row of world.app.rows) {
      if (row.kind !== 'api' || row.path.startsWith('/dev/')) continue
      const schema: Json = z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' })
      const inPath = new Set([...row.path.matchAll(/:(\w+)/g)].map(([, name]) => name))
      for (const name of Object.keys(schema.properties ?? {})) {
        if (inPath.has(name)) continue
        for (const value of ['\u0007', 'x'.repeat(9000), '!?']) {
          const path = pathOf(row, existing)
          const reply = readsQuery(row)
            ? await root.client.send(
                row.method,
                `${path}?${new URLSearchParams({ [name]: value })}`,
                undefined,
              )
            : await root.client.send(row.method, path, { ...bodyOf(row), [name]: value })
          const details: Json = reply.body?.error?.details
          if (reply.code !== 'VALIDATION_ERROR' || !Array.isArray(details)) continue
          for (const { field, message } of details) {
            fields += 1
            const isSentence = /^[A-Z“`].*\.$/s.test(message)
            if (!isSentence || /^Is not valid\.$|Invalid input|expected|received/.test(message))
              wrong.push(`${row.name}.${field}: ${message}`)
          }
        }
      }
    }
    expect([...new Set(wrong)]).toEqual([])
    expect(fields).toBeGreaterThan(100)
  })
})

it('no code of a feature answers with the bare sentence of these codes', () => {
  const root = join(import.meta.dirname, '../packages/server/src')
  const bare = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(
      (file) =>
        /^(features|core|commands)\/.*\.tsx?$/.test(file.replaceAll('\\', '/')) &&
        !/\.test\.tsx?$/.test(file),
    )
    .filter((file) =>
      /roblem\('(NOT_FOUND|CONFLICT|VALIDATION_ERROR)'\)/.test(readFileSync(join(root, file), 'utf8')),
    )
  expect(bare).toEqual([])
})
