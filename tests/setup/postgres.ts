/** Global set-up of the runs on PostgreSQL: a temporary cluster with a migrated template, which every worker clones. */
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { Connection } from '../../packages/server/src/base/db/connection.ts'
import { migrateUp } from '../../packages/server/src/base/db/migrate.ts'
import { postgresDriver } from '../../packages/server/src/base/db/postgres.ts'
import { quietLog, type TestDatabaseSource } from '../../packages/server/src/testing/database.ts'
import { emptyRecord } from '../../packages/server/src/testing/statements.ts'
import { startCluster } from './cluster.ts'

const TEMPLATE = 'latchkey_template'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startCluster()
  try {
    const connection = await Connection.open(
      { connectionString: `${cluster.baseUrl}postgres` },
      `create database ${TEMPLATE}`,
    )
    await connection.close()
    const driver = postgresDriver({
      databaseUrl: `${cluster.baseUrl}${TEMPLATE}`,
      pool: 1,
      silence: 10_000,
      log: quietLog,
    })
    await migrateUp(driver)
    await driver.close()
    const statements = join(import.meta.dirname, '../../.cache/statements', project.name)
    emptyRecord(statements)
    const source: TestDatabaseSource = {
      kind: 'postgres',
      template: TEMPLATE,
      baseUrl: cluster.baseUrl,
      superuserUrl: cluster.superuserUrl,
      statements,
    }
    project.provide('database', source)
    return cluster.stop
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
