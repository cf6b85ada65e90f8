/**
 * The statements and commands of the guides for production and for row-level security, executed as printed on a cluster
 * where only they have created roles: the login roles are no superusers.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latchkeySql } from '../../packages/guard/src/database/sql.ts'
import { Client } from '../../packages/server/src/testing/client.ts'
import { PASSWORD } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { blocksOf, Shell } from '../setup/console.ts'
import { type Node, startNode, statement } from './node.ts'

const ROOT = join(import.meta.dirname, '../..')
const guide = (name: string): Promise<string> => readFile(join(ROOT, `docs/guides/${name}.md`), 'utf8')
/** Without the section that two-nodes.test.ts executes. */
const production = async (): Promise<string> =>
  (await guide('production')).replace(/^## Two nodes behind nginx[\s\S]*?(?=^## )/m, '')

let cluster: Cluster
let folder: string
let node: Node | null = null
beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  cluster = await startCluster()
  folder = await mkdtemp(join(tmpdir(), 'latchkey-production-'))
  // the guide creates it
  await superuser('drop role latchkey')
}, 180_000)
afterAll(async () => {
  await node?.stop()
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

/** One statement after the other: `create database` refuses a transaction. */
async function superuser(script: string, database = 'postgres'): Promise<void> {
  for (const one of script.split(/;\s*$/m).filter((text) => text.trim() !== ''))
    await statement(`${cluster.superuserUrl}${database}`, one)
}
const urlOf = (user: string, database: string): string =>
  `postgres://${user}@${new URL(cluster.baseUrl).host}/${database}`

/** Registers a user on a server of this database, which migrates it. */
async function serve(databaseUrl: string, email: string): Promise<void> {
  node = await startNode(databaseUrl)
  const reply = await new Client(node.url).post('/api/v1/auth/register', { email, password: PASSWORD })
  expect(reply.status).toBe(201)
  await node.stop()
  node = null
}

describe('the guide for production', () => {
  it('creates a role and a database, on which a server starts', async () => {
    const [create = ''] = blocksOf(await production(), 'sql', 'The database')
    await superuser(create)
    await serve(urlOf('latchkey', 'latchkey'), 'ada@example.com')
  })

  it('backs up and restores a database, and ends what the backup brings back', async () => {
    const page = await production()
    // the list of breached passwords is built in commands/breaches.test.ts
    const blocks = blocksOf(page, 'sh').filter((block) => !block.includes('breaches build'))
    // every other block is one of those above, or of the console, which tests/readme.test.ts executes
    expect(blocks).toHaveLength(3)
    expect(blocksOf(page, 'sql')).toHaveLength(2)
    const languages = [...page.matchAll(/^```(\w+)$/gm)].map(([, language]) => language)
    // the configuration of Prometheus with an API key is not executed
    expect([...new Set(languages)].sort()).toEqual(['console', 'sh', 'sql', 'yaml'])
    const [dump = '', restore = '', revoke = ''] = blocks
    const shell = new Shell(folder, {
      PATH: [cluster.bin, process.env.PATH].join(delimiter),
      DATABASE_URL: urlOf('latchkey', 'latchkey'),
      LATCHKEY_PROFILE: 'testing',
      LATCHKEY_SECRET: 'a secret of the operation tests, thirty-two characters',
    })
    const bundle = join(ROOT, 'packages/server/dist/latchkey.cjs')
    try {
      await shell.run(`latchkey() { '${process.execPath}' '${bundle}' "$@"; }`)
      const here = (text: string) => text.replaceAll('postgres://postgres@db/', cluster.superuserUrl)
      await shell.run(here(dump))
      await superuser('drop database latchkey')
      await shell.run(here(restore))
      expect(await shell.run(revoke)).toMatch(/Ended/)
    } finally {
      await shell.close()
    }
    // it serves, with the same users
    await serve(urlOf('latchkey', 'latchkey'), 'grace@example.com')
    const { rows } = await query(
      'postgres',
      'latchkey',
      'select address from latchkey.emails order by address',
    )
    expect(rows).toEqual([{ address: 'ada@example.com' }, { address: 'grace@example.com' }])
  })

  it('creates the roles where the login role may not, on which a server starts', async () => {
    const [create = '', roles = ''] = blocksOf(await production(), 'sql', 'The database')
    await superuser('drop database latchkey')
    await superuser('drop role latchkey, latchkey_system, latchkey_request')
    await superuser(create.replace(' createrole', ''))
    await superuser(roles)
    await serve(urlOf('latchkey', 'latchkey'), 'ada@example.com')
  })
})

describe('the guide for row-level security', () => {
  it('isolates tenants in the database of a server', async () => {
    const [app = '', migration = ''] = blocksOf(await guide('row-level-security'), 'sql')
    await superuser(app, 'latchkey')
    await statement(urlOf('app', 'latchkey'), migration)
    await expectIsolated('latchkey')
    // the server starts, and its tables are not touched
    await serve(urlOf('latchkey', 'latchkey'), 'grace@example.com')
  })

  it('isolates tenants in another database', async () => {
    const [, migration = ''] = blocksOf(await guide('row-level-security'), 'sql')
    await superuser('drop owned by app_request', 'latchkey')
    await superuser('drop owned by app', 'latchkey')
    await superuser('drop role app_request')
    await superuser('create database app owner app')
    await statement(urlOf('app', 'app'), latchkeySql)
    await statement(urlOf('app', 'app'), migration)
    await expectIsolated('app')
  })
})

async function query(user: string, database: string, text: string) {
  const client = new pg.Client({ connectionString: urlOf(user, database) })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

/** The snippet for pg, as printed, in a process with the login role of the app in `DATABASE_URL`. */
async function expectIsolated(database: string): Promise<void> {
  const snippet = blocksOf(await guide('row-level-security'), 'ts')[0] ?? ''
  expect(snippet).toContain("from '@latchkey/guard/pg'")
  const printed = snippet.replace('@latchkey/guard/pg', join(ROOT, 'packages/guard/src/database/pg.ts'))
  const folderHere = await mkdtemp(join(ROOT, '.cache/production-'))
  const file = join(folderHere, 'use.ts')
  await writeFile(
    file,
    `${printed}
    for (const organizationId of ['org_a', 'org_b'])
      await asCaller({ userId: 'ann', organizationId, permissions: ['projects:*'] }, (tx) =>
        tx.query('insert into projects (name) values ($1)', ['Of ' + organizationId]))
    const names = (organizationId: string) => asCaller({ userId: 'ann', organizationId, permissions: [] }, async (tx) =>
      (await tx.query('select name from projects')).rows.map((row) => row.name))
    const forged = asCaller({ userId: 'ann', organizationId: 'org_a', permissions: [] }, (tx) =>
      tx.query("insert into projects (name) values ('without the permission')")).catch((error) => error.code)
    console.log(JSON.stringify([await names('org_a'), await names('org_b'), await names('org_c'), await forged]))
    await pool.end()`,
  )
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, DATABASE_URL: urlOf('app', database) },
    })
    expect(JSON.parse(stdout)).toEqual([['Of org_a'], ['Of org_b'], [], '42501'])
    // the login role itself is subject to the policies too
    expect((await query('app', database, 'select name from projects')).rows).toEqual([])
  } finally {
    await rm(folderHere, { recursive: true, force: true })
  }
}
