/**
 * The marker of a data folder whose database was moved to PostgreSQL: while the file is there, nothing opens the
 * embedded database, so that no change is made to a copy that is no longer used.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { StartRefused } from '../errors.ts'

export interface Promoted {
  /** The database that has the data now, without a password: `db.example:5432/latchkey`. */
  to: string
  /** ISO 8601. */
  at: string
}

export const promotedFile = (dataDir: string): string => join(dataDir, 'promoted')

/** @throws StartRefused where the database of this folder was moved */
export async function assertNotPromoted(dataDir: string): Promise<void> {
  const promoted = await findPromoted(dataDir)
  if (!promoted) return
  const { to, at } = promoted
  throw new StartRefused(
    `The database of ${dataDir} was moved to PostgreSQL${to ? ` at ${to}` : ''}${at ? ` on ${at.slice(0, 10)}` : ''}: set its DATABASE_URL. To use this folder again, with the data from before the move, delete ${promotedFile(dataDir)}.`,
  )
}

/** @returns null for a folder that was not moved; a marker that cannot be read is one */
export async function findPromoted(dataDir: string): Promise<Partial<Promoted> | null> {
  const file = promotedFile(dataDir)
  if (!existsSync(file)) return null
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial<Promoted>
  } catch {
    return {}
  }
}

/** Complete and on the disk, or not there. */
export async function markPromoted(dataDir: string, promoted: Promoted): Promise<void> {
  const file = promotedFile(dataDir)
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(promoted)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
}
