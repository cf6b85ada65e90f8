/**
 * The database template: a migrated, empty data directory of PGlite, packed when the server is built. The first start
 * unpacks it instead of creating and migrating a database, which takes seconds. A template of other migrations is not
 * used.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { packagedFile } from '../packaged.ts'
import { openPglite } from './engine.ts'
import { migrateUp } from './migrate.ts'
import { knownMigrations, migrationsChecksum } from './migration-files.ts'
import { pgliteDriver } from './pglite.ts'

export interface Template {
  /** Gzipped tar of the data directory. */
  archive: Buffer
  /** The checksum of its migrations. */
  checksum: string
}

/** Next to the bundle; scripts/build.mjs writes both files there. */
export const templateFiles = (): { archive: URL; checksum: URL } => ({
  archive: packagedFile('template.tar.gz'),
  checksum: packagedFile('template.json'),
})

/** Creates a template in memory from the migrations of this server. */
export async function buildTemplate(): Promise<Template> {
  const lite = await openPglite({ folder: null, template: null })
  const driver = await pgliteDriver(lite)
  try {
    await migrateUp(driver)
    await driver.asOwner(async (connection) => {
      // templates of PostgreSQL for new databases, of which there are none here: they are two thirds of the files
      for (const name of ['template0', 'template1']) {
        await connection.plain(`alter database ${name} with is_template false allow_connections true`)
        await connection.plain(`drop database ${name}`)
      }
      await connection.plain('checkpoint')
    })
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

/** Unpacks a template into an empty folder; the loader of PGlite takes more than twice the time and memory. */
export function unpackTemplate(archive: Buffer, folder: string): void {
  const tar = gunzipSync(archive)
  const text = (from: number, length: number) =>
    tar.toString('utf8', from, from + length).replace(/\0.*$/s, '')
  // POSIX ustar: a header of 512 bytes, then the content in blocks of 512
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const name = [text(at + 345, 155), text(at, 100)].filter(Boolean).join('/')
    const size = Number.parseInt(text(at + 124, 12), 8)
    const path = resolve(folder, `./${name}`)
    if (!path.startsWith(resolve(folder)) || Number.isNaN(size))
      throw new Error('not a packed data directory')
    if (text(at + 156, 1) === '5') mkdirSync(path, { recursive: true, mode: 0o700 })
    else writeFileSync(path, tar.subarray(at + 512, at + 512 + size), { mode: 0o600 })
    at += 512 + Math.ceil(size / 512) * 512
  }
}
