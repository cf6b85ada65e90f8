/**
 * The lock on a data directory: PGlite has none, and two processes on one directory lose every write of one of
 * them. The lock is a numbered file (`lock.7`) that names its holder; the highest number counts. It appears
 * complete or not at all (written aside, then linked), and linking fails where the name is taken, so of many who
 * find a dead holder exactly one makes the next number. The highest file is never deleted, so a number never
 * returns, and whoever is late sees that it is.
 *
 * A holder on this machine is alive if its process runs and began when the lock says. One of another machine or
 * container on a shared volume cannot be asked: its heart beat in the file is watched for a while instead.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

export interface LockHolder {
  pid: number
  host: string
  /** Tells boots and containers of one host apart; '' where the system does not say. */
  realm: string
  /** When the process began, in the system's own ticks; '' where it does not say. */
  began: string
  /** Where the holder takes commands; null where it does not. */
  controlSocket: string | null
}

export interface DataDirLock {
  readonly holder: LockHolder
  /** Idempotent. */
  release(): Promise<void>
}

export class DataDirInUse extends Error {
  readonly holder: LockHolder
  constructor(folder: string, holder: LockHolder) {
    super(
      `the data directory ${folder} is in use by process ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`}`,
    )
    this.name = 'DataDirInUse'
    this.holder = holder
  }
}

const BEAT_MS = 1000
/** Longer than a start may block the holder's event loop. */
const SILENCE_MS = 10_000

export interface LockOptions {
  controlSocket?: string | null
  /** How long a holder that cannot be asked may be silent; shorter in tests. */
  silenceMs?: number
}

/** @throws DataDirInUse with the holder */
export async function lockDataDir(folder: string, options: LockOptions = {}): Promise<DataDirLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const holder = self(options.controlSocket ?? null)
  const draft = join(folder, `.lock-${process.pid}-${randomBytes(6).toString('hex')}`)
  const content = `${JSON.stringify(holder)}\n`
  await writeDurably(draft, content)
  try {
    for (;;) {
      const highest = await highestNumber(folder)
      const before = highest === 0 ? null : await readHolder(folder, highest)
      if (before && (await isAlive(before, join(folder, `lock.${highest}`), options.silenceMs)))
        throw new DataDirInUse(folder, before)
      const mine = join(folder, `lock.${highest + 1}`)
      try {
        await link(draft, mine)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EEXIST') continue
        throw error
      }
      // a higher number: this one was used and tidied away long ago, between our look and our link
      if ((await highestNumber(folder)) !== highest + 1) {
        await rm(mine, { force: true })
        continue
      }
      await tidy(folder, highest)
      return hold(mine, holder, content.length)
    }
  } finally {
    await rm(draft, { force: true })
  }
}

/** Who holds the directory now; null where nobody does. For the CLI, which talks to a running server. */
export async function dataDirHolder(folder: string): Promise<LockHolder | null> {
  const highest = await highestNumber(folder).catch(() => 0)
  const holder = highest === 0 ? null : await readHolder(folder, highest)
  return holder && (await isAlive(holder, join(folder, `lock.${highest}`))) ? holder : null
}

async function hold(file: string, holder: LockHolder, length: number): Promise<DataDirLock> {
  const handle = await open(file, 'r+')
  let beats = 0
  const timer = setInterval(() => {
    // behind the JSON, so that it stays readable; every write moves the file's modification time
    handle.write(++beats % 2 === 0 ? ' ' : '\n', length).catch(() => {})
  }, BEAT_MS)
  timer.unref()
  let releasing: Promise<void> | null = null
  const release = async (): Promise<void> => {
    clearInterval(timer)
    await handle.truncate(0)
    await handle.sync()
    await handle.close()
  }
  return {
    holder,
    release() {
      releasing ??= release()
      return releasing
    },
  }
}

async function highestNumber(folder: string): Promise<number> {
  const numbers = (await readdir(folder)).map((name) => Number(/^lock\.(\d{1,15})$/.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

/** null: released, which empties the file; a last beat may still fall into the emptied one. */
async function readHolder(folder: string, number: number): Promise<LockHolder | null> {
  const text = await readFile(join(folder, `lock.${number}`), 'utf8').catch(() => '')
  try {
    return JSON.parse(text) as LockHolder
  } catch {
    return null
  }
}

/** All but the highest two: whoever is slow may still be looking at the one before. */
async function tidy(folder: string, keepFrom: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = Number(/^lock\.(\d{1,15})$/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER)
    if (number < keepFrom) await rm(join(folder, name), { force: true })
  }
}

async function isAlive(holder: LockHolder, file: string, silenceMs = SILENCE_MS): Promise<boolean> {
  if (holder.host === hostname() && holder.realm.split(' ')[0] !== realm().split(' ')[0]) return false // booted since
  if (holder.host !== hostname() || holder.realm !== realm()) return hasHeartBeat(file, silenceMs)
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it runs, as somebody else
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return holder.began === '' || processBegan(holder.pid) === holder.began
}

async function hasHeartBeat(file: string, silenceMs: number): Promise<boolean> {
  const look = () => stat(file).then(({ mtimeMs, size }) => (size === 0 ? null : mtimeMs), () => null) // biome-ignore format: one thought
  const first = await look()
  for (let waited = 0; waited < silenceMs; waited += BEAT_MS / 2) {
    await pause(BEAT_MS / 2)
    const now = await look()
    if (now === null) return false
    if (now !== first) return true
  }
  return false
}

const self = (controlSocket: string | null): LockHolder => ({
  pid: process.pid,
  host: hostname(),
  realm: realm(),
  began: processBegan(process.pid),
  controlSocket,
})

/** The boot, then the namespace of process numbers: within both, a process number means the same process. */
function realm(): string {
  if (!existsSync('/proc/self/ns/pid')) return ''
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
}

/** proc(5): field 22 of stat; the second, the name, may hold anything but ends with the last bracket. */
function processBegan(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

async function writeDurably(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600, flag: 'wx' })
  const handle: FileHandle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
