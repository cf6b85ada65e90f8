/**
 * The machine: two cores, to isolate the server from everything else, and the counters of the kernel (CPU time of a
 * process, its memory, the load of each core). Linux only: it reads /proc.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

export interface Cores {
  /** Null where processes cannot be pinned to cores: one core, or no `taskset` (util-linux). */
  server: number | null
  load: number | null
  /** Both, for what runs on all. */
  both: string | null
}

/** Pins this process, and thereby its children, to the second core. */
export function takeCores(): Cores {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  const [server, load] = allowed.split(',').flatMap(range)
  if (server === undefined || load === undefined) return { server: null, load: null, both: null }
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(load), String(process.pid)], { stdio: 'ignore' })
  } catch {
    return { server: null, load: null, both: null }
  }
  return { server, load, both: `${server},${load}` }
}

function range(text: string): number[] {
  const [first = Number.NaN, last = first] = text.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/** A command line that runs on one core, or on several (`0,1`); `taskset` executes the command in its process, so that the pid is that of the command. */
export const onCore = (core: number | string | null, command: readonly string[]): string[] =>
  core === null ? [...command] : ['taskset', '-c', String(core), ...command]

const TICK_MICROSECONDS = 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU time that a process, its threads and its child processes have used so far, in microseconds: user and system. */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // the name may contain spaces and parentheses; utime and stime are the 14th and 15th field
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.map(Number).reduce((sum, child) => sum + cpuTime(child), own)
}

/** Resident memory of a process in MiB, and the part of it that is not mapped files. */
export function memory(pid: number): { rss: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024
  return { rss: mib('VmRSS'), anonymous: mib('RssAnon') }
}

/** Begins to measure the load of a core. @returns a function that returns the share since then, 0 to 1 */
export function watchCore(core: number | null): () => number {
  if (core === null) return () => Number.NaN
  const read = () => {
    const line = new RegExp(`^cpu${core} (.+)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, ...rest] = line.split(' ').map(Number)
    const total = user + nice + system + idle + iowait + rest.slice(0, 3).reduce((a, b) => a + b, 0)
    return { total, idle: idle + iowait }
  }
  const before = read()
  return () => {
    const now = read()
    return 1 - (now.idle - before.idle) / Math.max(1, now.total - before.total)
  }
}

/** Waits until the load average is low, at most `minutes`. @returns the load average at the end */
export async function waitForQuiet(minutes: number, say: (line: string) => void): Promise<number> {
  const enough = 0.5
  for (let waited = 0; waited < minutes * 60 && (loadavg()[0] ?? 0) > enough; waited += 5) {
    if (waited % 60 === 0) say(`Waiting for a quiet machine (load average ${loadavg()[0]?.toFixed(2)}) …`)
    await pause(5000)
  }
  return loadavg()[0] ?? Number.NaN
}

export const describeMachine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cpus: cpus().length,
  node: process.version,
  kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
})
