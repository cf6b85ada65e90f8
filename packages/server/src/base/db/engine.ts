/**
 * PGlite as a program that can crash. Where PostgreSQL would end itself (PANIC: the write-ahead log cannot be written),
 * PGlite calls the crashed program again: it answers nonsense, or never returns. Here the first crash ends the call and
 * every later one, so that nothing is acknowledged afterwards; the folder is opened again by another instance, which
 * recovers as PostgreSQL does after a crash. Faults of the folder have the code that Node would give them.
 */
import { closeSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { PGlite } from '@electric-sql/pglite'
import { rootCode } from './faults.ts'

export interface PgliteOptions {
  /** The folder of the database itself; null keeps it in memory. */
  folder: string | null
  /** A packed data directory to start from (template.ts); only for an empty folder. */
  template: Buffer | null
}

/** The part of PGlite that a driver needs. */
export type Engine = Pick<PGlite, 'execProtocolRawSync' | 'close'>

/** The embedded database cannot be opened, or has crashed. */
export class EngineFault extends Error {
  /** As Node names a fault of a file system (`ENOSPC`); null for every other one. */
  readonly code: string | null
  constructor(message: string, cause: unknown, code: string | null = codeOf(message)) {
    super(message, { cause })
    this.name = 'EngineFault'
    this.code = code
  }
}

/** What strerror(3) says, as PostgreSQL quotes it. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/, 'ENOSPC'],
  [/quota exceeded/i, 'EDQUOT'],
  [/Read-only file system/, 'EROFS'],
  [/Permission denied|Operation not permitted/, 'EACCES'],
  [/I\/O error/, 'EIO'],
]
/** The numbers of Emscripten, which are those of WASI. */
const ERRNO: Readonly<Record<number, string>> = { 2: 'EACCES', 19: 'EDQUOT', 29: 'EIO', 51: 'ENOSPC', 63: 'EACCES', 69: 'EROFS' } // biome-ignore format: a table

/** The folder or its disk is at fault, and not what is in it. */
export const isFolderFault = (error: unknown): boolean =>
  /^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO)$/.test(rootCode(error) ?? '')

const codeOf = (message: string): string | null =>
  WORDS.find(([pattern]) => pattern.test(message))?.[1] ?? null

/** What Emscripten exports of the program, as far as it is used here; `tests/operation/embedded.test.ts` pins it. */
interface Program {
  _PostgresMainLoopOnce(): void
  _PostgresSendReadyForQueryIfNecessary(): void
  _pgl_pq_flush(): void
  stackRestore(pointer: number): void
  FS: { streams: readonly ({ nfd?: number } | null | undefined)[] }
}
const programOf = (lite: PGlite): Program => (lite as unknown as { mod: Program }).mod
/** The status of the exception by which the program returns to its main loop after an error of a statement. */
const LONGJMP = 100

const crashes = new WeakMap<Engine, EngineFault>()

/** Why this engine has crashed; null while it runs. */
export const crashOf = (engine: Engine): EngineFault | null => crashes.get(engine) ?? null

/**
 * By default V8 validates all of PGlite's WebAssembly before running it, and soon compiles it again with optimizations: on
 * one core that is most of the startup time. With these flags, functions are validated when they are first called, and
 * optimized about five hundred times later.
 */
const PATIENT_COMPILER = ['--wasm-lazy-validation', '--wasm-tiering-budget=1000000000']

/** @throws EngineFault */
export async function openPglite({ folder, template }: PgliteOptions): Promise<PGlite> {
  for (const flag of PATIENT_COMPILER) setFlagsFromString(flag)
  // imported on demand: a server with PostgreSQL does not need its memory
  const { PGlite } = await import('@electric-sql/pglite')
  let lastWords = ''
  const onStderr = (line: string): boolean => {
    lastWords = /(?:PANIC|FATAL): +(.*)/.exec(line)?.[1] ?? lastWords
    return true
  }
  let lite: PGlite
  try {
    lite = await PGlite.create({
      onStderr,
      ...(folder === null ? {} : { dataDir: folder }),
      ...(template ? { loadDataDir: new Blob([new Uint8Array(template)]) } : {}),
    })
  } catch (error) {
    const { errno, message } = error as { errno?: number; message?: string }
    const code = errno === undefined ? undefined : (ERRNO[errno] ?? null)
    throw new EngineFault(lastWords || message || 'the embedded database cannot be opened', error, code)
  }
  endAtCrash(lite, () => lastWords)
  return lite
}

function endAtCrash(lite: PGlite, lastWords: () => string): void {
  const program = programOf(lite)
  const mainLoop = program._PostgresMainLoopOnce
  program._PostgresMainLoopOnce = () => {
    try {
      mainLoop()
    } catch (error) {
      if ((error as { status?: number }).status !== LONGJMP) crash(error)
      throw error
    }
  }
  const crash = (error: unknown): void => {
    const fault = new EngineFault(lastWords() || 'the embedded database has crashed', error)
    crashes.set(lite, fault)
    // called by PGlite's loop after an exception: it ends the loop
    program.stackRestore = () => {
      throw fault
    }
    program._PostgresSendReadyForQueryIfNecessary = () => {}
    program._pgl_pq_flush = () => {}
    lite.execProtocolRawSync = () => {
      throw fault
    }
  }
}

/** Closes the files of a crashed engine. Its shutdown must not run: it would write what is in its memory. */
export function abandon(engine: Engine): void {
  for (const stream of programOf(engine as PGlite).FS.streams) {
    if (stream?.nfd === undefined) continue
    try {
      closeSync(stream.nfd)
    } catch {
      // it was closed before
    }
  }
}

/** The size of a segment of the write-ahead log, which a recovery creates. */
const SEGMENT = 16 * 1024 * 1024

/** Whether there is room to open a folder again: without it, the attempt takes seconds and fails. @throws as Node does */
export async function assertRoom(folder: string): Promise<void> {
  const path = join(folder, '..', `.room-${process.pid}`)
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(Buffer.alloc(SEGMENT))
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}
