/**
 * The template: a migrated, empty data directory of PGlite, packed when the server is built. A first start
 * unpacks it instead of making a database and migrating it, which takes seconds. One that was made from other
 * migrations is not used.
 */
import { readFile } from 'node:fs/promises'
import { knownMigrations, migrateUp, migrationsChecksum, packagedFile } from './migrate.ts'
import { openPglite, pgliteDriver } from './pglite.ts'

export interface Template {
  /** Gzipped tar of the data directory. */
  archive: Buffer
  /** Of the migrations it was made from. */
  checksum: string
}

/** Next to the bundle; scripts/build.mjs writes both files there. */
export const templateFiles = (): { archive: URL; checksum: URL } => ({
  archive: packagedFile('template.tar.gz'),
  checksum: packagedFile('template.json'),
})

/** Makes a template in memory from this server's migrations. */
export async function buildTemplate(): Promise<Template> {
  const lite = await openPglite({ folder: null, template: null })
  const driver = await pgliteDriver(lite)
  try {
    await migrateUp(driver)
    await driver.asOwner((line) => line.plain('checkpoint'))
    const archive = await lite.dumpDataDir('gzip')
    return { archive: Buffer.from(await archive.arrayBuffer()), checksum: migrationsChecksum() }
  } finally {
    await driver.close()
  }
}

/** The packaged template, or null where there is none or it does not fit this server's migrations. */
export async function packagedTemplate(): Promise<Buffer | null> {
  const files = templateFiles()
  try {
    const { checksum } = JSON.parse(await readFile(files.checksum, 'utf8')) as { checksum: unknown }
    if (checksum !== migrationsChecksum(knownMigrations())) return null
    return await readFile(files.archive)
  } catch {
    return null
  }
}
