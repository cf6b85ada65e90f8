/** Shared by the tests of the route table: a server with two people, its rows, and a request to any of them. */
import { afterAll, beforeAll } from 'vitest'
import { z } from 'zod'
import type { ApiRow, PageRow, Row } from '../../packages/server/src/base/http/row/route.ts'
import type { Client, Json, Reply } from '../../packages/server/src/testing/client.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'

export let world: World
export let rows: readonly Row[]
export let ada: Person
export let ben: Person
/** Ada owns it. */
export let organization: string
/** Starts the server of the file before its tests. */
export function startTable(): void {
  beforeAll(async () => {
    world = await startWorld()
    rows = world.app.rows
    ada = await world.person({ email: 'ada@example.com' })
    organization = (await ada.client.post('/api/v1/organizations', { name: 'Engines' })).data.id
    ben = await world.person({ email: 'ben@example.com' })
    // Ada has every permission but is no administrator, so the set-up link still works
    await world.db.tx('system', async (tx) => {
      const [all, at] = [['*'], world.clock.now()]
      const rest = {
        inherits: [],
        grants: [],
        rank: 0,
        preset: null,
        requires_mfa: false,
        created_at: at,
        updated_at: at,
      }
      await tx
        .insertInto('roles')
        .values({ name: 'allowed', description: null, permissions: all, ...rest })
        .execute()
      await tx
        .updateTable('users')
        .set({ roles: ['allowed'] })
        .where('id', '=', ada.id)
        .execute()
      await world.app.tools.roles.changed(tx)
    })
  })
  afterAll(() => world.stop())
}

export const isApi = (row: Row): row is ApiRow => row.kind === 'api'
export const isPage = (row: Row): row is PageRow => row.kind === 'page'
export const isUnsafe = (row: Row): boolean => row.method !== 'GET'
export const api = () => rows.filter(isApi)
export const pages = () => rows.filter(isPage)
export const named = (wrong: readonly Row[]) => wrong.map(({ name }) => name)

/** A path of the row with a value for each parameter; the organization is Ada's. */
export const placeOf = (row: Row): string =>
  (row.organization === undefined ? row.path : row.path.replace(':id', organization)).replace(
    /:(\w+)/g,
    'ses_00000000000000000000000000000000',
  )
export const inputOf = (row: Row): Json => z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' })
export const listed = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : [value].flat()

export const send = (client: Client, row: Row, headers: Record<string, string> = {}): Promise<Reply> =>
  client.send(row.method, placeOf(row), isUnsafe(row) ? {} : undefined, {
    headers: { ...jsonFor(row), ...headers },
    form: row.kind === 'page',
  })

/** A row that browsers open too answers with JSON where that is requested. */
export const jsonFor = (row: Row): Record<string, string> =>
  row.kind === 'api' && row.browsers ? { accept: 'application/json' } : {}

/** A client with the same session, and no CSRF token. */
export function cookieOnly(person: Person): Client {
  const client = world.client()
  for (const [name, value] of person.client.cookies) client.cookies.set(name, value)
  return client
}
