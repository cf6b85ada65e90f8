/** The migration of the guide and its snippets for pg, Kysely and Drizzle run as printed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runAs } from '../principal.ts'
import { type AppDatabase, openAppDatabase } from '../testing/databases.ts'
import { ROOT } from '../testing/programs.ts'
import { unitOfWork } from './pg.ts'

const guide = readFileSync(join(ROOT, 'docs/guides/row-level-security.md'), 'utf8')
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text ?? '')
const snippets = blocks('ts').map((text) => [/guard\/(\w+)'/.exec(text)?.[1] ?? '', text] as const)

let app: AppDatabase
let pool: pg.Pool
let folder: string
beforeAll(async () => {
  const [, migration = ''] = blocks('sql')
  // the role is created with the database, under a unique name
  app = await openAppDatabase(migration.replace(/create role app_request nologin;/, ''))
  pool = app.pool()
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  folder = mkdtempSync(join(ROOT, '.cache/guide-'))
  const asCaller = unitOfWork(pool, { role: app.role })
  for (const organizationId of ['org_a', 'org_b'])
    await asCaller({ userId: 'ann', organizationId, permissions: ['projects:*'] }, (tx) =>
      tx.query('insert into projects (name) values ($1)', [`Of ${organizationId}`]),
    )
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await app.close()
})

describe('the guide', () => {
  it('has a snippet for each driver', () => {
    expect(snippets.map(([name]) => name)).toEqual(['pg', 'kysely', 'drizzle'])
  })

  it.each(snippets)('isolates tenants with %s, as printed', async (name, text) => {
    const shared = globalThis as { poolOfTheGuide?: pg.Pool }
    shared.poolOfTheGuide = pool
    const file = join(folder, `${name}.ts`)
    // as printed, except for the address of the database and the name of the role
    const printed = text
      .replace(
        /const pool = .*/,
        'const pool = (globalThis as never as { poolOfTheGuide: pg.Pool }).poolOfTheGuide',
      )
      .replaceAll('app_request', app.role)
      .replaceAll('@latchkey/guard/', `${ROOT}/packages/guard/src/database/`)
      .replace(/(src\/database\/\w+)'/, "$1.ts'")
    writeFileSync(file, printed)
    const { projects } = (await import(pathToFileURL(file).href)) as {
      projects(): Promise<{ name: string }[]>
    }
    for (const organizationId of ['org_a', 'org_b', 'org_c']) {
      const principal = { userId: 'ann', organizationId, permissions: [] } as never
      const names = (await runAs(principal, projects)).map((row) => row.name)
      expect(names).toEqual(organizationId === 'org_c' ? [] : [`Of ${organizationId}`])
    }
    await expect(projects()).rejects.toMatchObject({ code: 'AUTHENTICATION_REQUIRED' })
  })
})
