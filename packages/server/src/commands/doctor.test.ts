import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../base/db/database.ts'
import { loadConfig } from '../config.ts'
import { openTestDatabase } from '../testing/database.ts'
import { databaseMigrations, waitingJobs } from './doctor.ts'
import { type DatabaseReport, doctorDatabase } from './doctor-database.ts'

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

async function examine(): Promise<DatabaseReport> {
  if (doctorDatabase.on !== 'database') throw new Error('not a command on the database')
  const config = loadConfig({ LATCHKEY_PROFILE: 'testing' }, { cwd: '/nonexistent', secret: 'look' })
  return (await doctorDatabase.run(db, { values: {}, positionals: [] }, config)).json as DatabaseReport
}

describe('doctor', () => {
  it('lists jobs that no server runs, by kind', async () => {
    expect((await examine()).waiting).toEqual([])
    await db.tx('system', (tx) =>
      sql`insert into latchkey.jobs (id, kind, payload, run_at, created_at, failed_at)
        select 'job_' || n, kind, '{}', at, now(), failed from (values
          (1, 'later.kind', timestamptz '2026-01-02 03:04:05Z', null), (2, 'later.kind', now() - interval '2 hours', null),
          (3, 'just.due', now(), null), (4, 'to.come', now() + interval '1 day', null),
          (5, 'has.failed', now() - interval '1 day', now())) as jobs (n, kind, at, failed)`.execute(tx),
    )
    const found = await examine()
    expect(found.waiting).toEqual([{ kind: 'later.kind', count: 2, since: '2026-01-02T03:04:05Z' }])
    expect(waitingJobs(found)).toEqual([
      {
        check: 'jobs',
        state: 'warn',
        message: expect.stringMatching(
          /^2 of the kind later\.kind due since 2026-01-02T03:04:05Z: .*after 30 days/,
        ),
      },
    ])
  })
  it('lists migrations that are pending, those among them that remove something, and those of a version after the next one', async () => {
    expect(databaseMigrations(await examine())).toEqual([
      { check: 'migrations', state: 'ok', message: 'all applied' },
    ])
    const contract = '0049_withdrawn_grants'
    await db.asOwner((connection) =>
      connection.plain(
        `delete from latchkey.migrations where name >= '${contract}';
         insert into latchkey.migrations values ('9999_later', 'x', now(), 'expand', '9.9')`,
      ),
    )
    const found = await examine()
    expect(found).toMatchObject({ contracts: [contract], beyond: ['9999_later'], odd: [] })
    const [pending, beyond] = databaseMigrations(found)
    expect(pending).toMatchObject({
      state: 'warn',
      message: expect.stringMatching(
        / pending, of which 0049_withdrawn_grants removes .* `latchkey migrate plan`/,
      ),
    })
    expect(beyond).toMatchObject({ state: 'fail', message: expect.stringMatching(/^9999_later: /) })
  })
})
