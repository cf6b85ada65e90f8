/** Global set-up of the runs on PGlite: packs one migrated data directory, which every worker clones. */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { migrationsChecksum } from '../../packages/server/src/base/db/migration-files.ts'
import { buildTemplate } from '../../packages/server/src/base/db/template.ts'
import type {} from '../../packages/server/src/testing/database.ts'

export default async function setup(project: TestProject): Promise<void> {
  const folder = join(import.meta.dirname, '../../.cache')
  const lock = createRequire(import.meta.url)('../../node_modules/@electric-sql/pglite/package.json') as {
    version: string
  }
  const name = `pglite-${lock.version}-${migrationsChecksum().slice(0, 16)}.tar.gz`
  const file = join(folder, name)
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true })
    const draft = `${file}.${process.pid}`
    await writeFile(draft, (await buildTemplate()).archive)
    await rename(draft, file)
    await removeOld(folder)
  }
  project.provide('database', { kind: 'pglite', template: file })
}

/** Removes templates of earlier migrations that are older than a day: a concurrent run may use a newer one. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name)
    const isOld = /^pglite-.*\.tar\.gz/.test(name) && Date.now() - (await stat(file)).mtimeMs > 86_400_000
    if (isOld) await rm(file, { force: true })
  }
}
