/**
 * The file of a backup: gzipped lines of JSON, a header, the pages of each table, and an end with the counts, the
 * checksums and a MAC under LATCHKEY_SECRET over all lines before it. It is the data and not the files of a database:
 * another version, and the other kind of database, can read it. A file that was cut off, changed, or sealed under
 * another secret is recognized before its last line is used.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { pipeline as flow } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import type { MovedTable } from './catalog.ts'
import type { Digests } from './digest.ts'
import type { Page } from './pages.ts'
import { MoveRefused } from './target.ts'

export interface BackupHeader {
  format: 'latchkey-backup-1'
  /** ISO 8601. */
  at: string
  /** The version of the server that wrote it. */
  version: string
  migrations: readonly { name: string; checksum: string }[]
  tables: readonly MovedTable[]
}
export interface BackupPage extends Page {
  table: string
}
interface BackupEnd {
  digests: Digests
  mac: string
}

export const BACKUP_FORMAT = 'latchkey-backup-1'

/** MACs under the server's secrets: of a text, the current one first. */
export type BackupMacs = (text: string) => readonly Buffer[]

export interface BackupWriter {
  header(header: BackupHeader): Promise<void>
  page(page: BackupPage): Promise<void>
  /** Complete and on the disk: only then the file has its name. */
  end(digests: Digests): Promise<void>
  /** Removes what was written. */
  discard(): Promise<void>
}

/**
 * Writes beside, under a name that says that it is unfinished; only the owner may read it. A file of that name is what a killed
 * command has left, or that of another one that writes the same backup at this moment: the last of them makes it.
 */
export async function writeBackup(path: string, macs: BackupMacs): Promise<BackupWriter> {
  const draft = `${path}.unfinished`
  await rm(draft, { force: true })
  const file: FileHandle = await open(draft, 'wx', 0o600)
  const { ino } = await file.stat()
  /** Whether the file of that name is this one. */
  const isOurs = async (name: string): Promise<boolean> => (await stat(name).catch(() => null))?.ino === ino
  const gzip = createGzip({ level: 3 })
  const hash = createHash('sha256')
  const written = flow(gzip, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) await file.appendFile(chunk)
  })
  // each line awaits it
  written.catch(() => {})
  const line = async (value: object, isHashed = true): Promise<void> => {
    const text = `${JSON.stringify(value)}\n`
    if (isHashed) hash.update(text)
    const taken = new Promise<void>((resolve, reject) => {
      gzip.write(text, (error) => (error ? reject(error) : resolve()))
    })
    try {
      await Promise.race([taken, written])
    } catch (error) {
      // why the file could not be written, rather than that its stream has ended
      await written
      throw error
    }
  }
  return {
    header: (header) => line(header),
    page: (page) => line(page),
    async end(digests) {
      const [mac] = macs(hash.digest('hex') + JSON.stringify(digests))
      await line({ digests, mac: mac?.toString('base64url') ?? '' } satisfies BackupEnd, false)
      gzip.end()
      await written
      await file.sync()
      // open until then: its number belongs to no other file
      await ((await isOurs(draft)) ? rename(draft, path) : refuseOvertaken(path))
      if (!(await isOurs(path))) {
        await rename(path, draft)
        refuseOvertaken(path)
      }
      await file.close()
    },
    async discard() {
      gzip.destroy()
      if (await isOurs(draft)) await rm(draft, { force: true })
      await file.close().catch(() => {})
    },
  }
}

function refuseOvertaken(path: string): never {
  throw new MoveRefused('BACKUP_RUNNING', `Another command writes ${path} at this moment.`)
}

/**
 * Reads a backup to its end. @returns the digests of the end, whose MAC is right
 * @throws MoveRefused
 */
export async function readBackup(
  path: string,
  macs: BackupMacs,
  use: { header(header: BackupHeader): Promise<void>; page(page: BackupPage): Promise<void> },
): Promise<Digests> {
  const hash = createHash('sha256')
  let end: BackupEnd | null = null
  let isHeaded = false
  for await (const text of linesOf(path)) {
    if (end) throw damaged(path, 'has more after its end')
    const value = parsed(path, text)
    if ('mac' in value) {
      end = value as BackupEnd
      continue
    }
    hash.update(`${text}\n`)
    if (isHeaded) await use.page(value as BackupPage)
    else {
      if ((value as BackupHeader).format !== BACKUP_FORMAT) throw notBackup(path)
      isHeaded = true
      await use.header(value as BackupHeader)
    }
  }
  if (!isHeaded) throw notBackup(path)
  if (!end) throw damaged(path, 'is cut off or damaged')
  const digest = hash.digest('hex') + JSON.stringify(end.digests)
  if (!macs(digest).some((mac) => mac.toString('base64url') === end?.mac))
    throw damaged(path, 'was changed after it was written, or belongs to another LATCHKEY_SECRET')
  return end.digests
}

/** @throws MoveRefused where the file is damaged, or the error of the file system */
async function* linesOf(path: string): AsyncGenerator<string> {
  const gunzip = createGunzip()
  // its error is that of the loop
  const flowing = flow(createReadStream(path), gunzip)
  flowing.catch(() => {})
  let isBegun = false
  let parts: string[] = []
  try {
    for await (const chunk of gunzip.setEncoding('utf8') as AsyncIterable<string>) {
      isBegun = true
      const [first = '', ...more] = chunk.split('\n')
      parts.push(first)
      for (const next of more) {
        yield parts.join('')
        parts = [next]
      }
    }
    await flowing
  } catch (error) {
    const { code = '', syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined || code.startsWith('Z_'))
      throw isBegun ? damaged(path, 'is cut off or damaged') : notBackup(path)
    throw error
  }
  if (parts.join('') !== '') throw damaged(path, 'is cut off')
}

function parsed(path: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // it is reported below
  }
  throw damaged(path, 'is damaged')
}

const notBackup = (path: string): MoveRefused =>
  new MoveRefused('NOT_A_BACKUP', `${path} is no backup that this version can read.`)

const damaged = (path: string, why: string): MoveRefused =>
  new MoveRefused(
    'BACKUP_DAMAGED',
    `The backup ${path} ${why}; no server starts on what was restored from it.`,
  )
