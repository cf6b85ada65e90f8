/**
 * The lock file of a data directory: PGlite has none, and two processes on one directory would lose the writes of one
 * of them. The lock is a numbered file (`lock.7`) that names its holder; the highest number is valid. It is created
 * atomically (written to a temporary file, then linked), and linking fails if the name exists, so that exactly one of
 * several processes that find a dead holder creates the next number. The highest file is never deleted, so that a
 * number is never reused, and a late process detects that it is late.
 *
 * A holder on this machine is alive if its process runs and has the recorded start time. For a holder on another
 * machine or in another container on a shared volume, the heartbeat in the file is observed for a while.
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
  /** Identifies boot and container of the host; '' where the system does not provide it. */
  realm: string
  /** The start time of the process in system ticks; '' where the system does not provide it. */
  began: string
  /** The control socket of the holder; null where it has none. */
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
/** Longer than a start can block the event loop of the holder. */
const SILENCE_MS = 10_000

export interface LockOptions {
  controlSocket?: string | null
  /** How long to observe the heartbeat of a remote holder; shorter in tests. */
  silenceMs?: number
}

/** @throws DataDirInUse with the holder */
export async function lockDataDir(folder: string, options: LockOptions = {}): Promise<DataDirLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const holder = self(options.controlSocket ?? null)
  const draft = join(folder, `.lock-${process.pid}-${randomBytes(6).toString('hex')}`)
  const content = `${JSON.stringify(holder)}\n`
  try {
    await writeDurably(draft, content)
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
      // a higher number exists: this one was used and deleted before we linked it
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

/** The holder of the directory; null where it is not locked. For the CLI, which sends commands to a running server. */
export async function dataDirHolder(folder: string): Promise<LockHolder | null> {
  const highest = await highestNumber(folder).catch(() => 0)
  const holder = highest === 0 ? null : await readHolder(folder, highest)
  return holder && (await isAlive(holder, join(folder, `lock.${highest}`))) ? holder : null
}

async function hold(file: string, holder: LockHolder, length: number): Promise<DataDirLock> {
  const handle = await open(file, 'r+')
  let beats = 0
  const timer = setInterval(() => {
    // after the JSON, which remains readable; every write updates the modification time of the file
    handle.write(++beats % 2 === 0 ? ' ' : '\n', length).catch(() => {})
  }, BEAT_MS)
  timer.unref()
  let releasing: Promise<void> | null = null
  const release = async (): Promise<void> => {
    clearInterval(timer)
    try {
      await handle.truncate(0)
      await handle.sync()
    } catch {
      // a disk that has failed: that this process has ended releases the lock too
    } finally {
      await handle.close()
    }
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

/** @returns null for a released lock, whose file is empty except for a last heartbeat */
async function readHolder(folder: string, number: number): Promise<LockHolder | null> {
  const text = await readFile(join(folder, `lock.${number}`), 'utf8').catch(() => '')
  try {
    return JSON.parse(text) as LockHolder
  } catch {
    return null
  }
}

/** Deletes all but the highest two: a slow process may still read the previous one. */
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
    // EPERM: it runs as another user
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return holder.began === '' || processBegan(holder.pid) === holder.began
}

async function hasHeartBeat(file: string, silenceMs: number): Promise<boolean> {
  const look = () => stat(file).then(({ mtimeMs, size }) => (size === 0 ? null : mtimeMs), () => null) // biome-ignore format: it reads as one line
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

/** The boot id and the pid namespace: within both, a pid identifies a process. */
function realm(): string {
  if (!existsSync('/proc/self/ns/pid')) return ''
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
}

/** proc(5): field 22 of stat; the second field, the name, may contain any character and ends with the last bracket. */
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
