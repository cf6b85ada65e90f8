/** The shipped CLI, in a process, a folder and a database of a test. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase, type TestDatabase } from '../../packages/server/src/testing/database.ts'

const BUNDLE = new URL('../../packages/server/dist/latchkey.cjs', import.meta.url).pathname

export interface Installation {
  /** Runs `latchkey …`. */
  latchkey(
    words: readonly string[],
    input?: string,
  ): Promise<{ exit: number; stdout: string; stderr: string }>
  /** Runs `latchkey start …` until the output matches and `use` has ended, then stops it. @returns its output and how it ended */
  startAndStop(
    words: readonly string[],
    ready: RegExp,
    use?: (output: string) => Promise<void>,
  ): Promise<{ exit: number | null; output: string }>
  remove(): Promise<void>
}

/** A folder and a database for `latchkey` commands; `settings` are added to those of a test. */
export async function installation(settings: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const cwd = mkdtempSync(join(tmpdir(), 'lk-seeds-'))
  const database: TestDatabase = await createTestDatabase()
  const env = {
    PATH: process.env.PATH ?? '',
    LATCHKEY_PROFILE: 'testing',
    LATCHKEY_PORT: '0',
    LATCHKEY_ARGON2_MEMORY_KIB: '1024',
    ...(database.databaseUrl ? { DATABASE_URL: database.databaseUrl } : {}),
    ...settings,
  }
  return {
    async latchkey(words, input = '') {
      const child = spawn(process.execPath, [BUNDLE, ...words], { cwd, env })
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      child.stderr.on('data', (chunk) => {
        stderr += chunk
      })
      child.stdin.end(input)
      const [exit] = await once(child, 'close')
      return { exit, stdout, stderr }
    },
    async startAndStop(words, ready, use = async () => {}) {
      const child = spawn(process.execPath, [BUNDLE, 'start', ...words], { cwd, env })
      let output = ''
      let used: Promise<void> | undefined
      const read = (chunk: Buffer): void => {
        output += chunk
        if (ready.test(output)) used ??= use(output).finally(() => child.kill('SIGTERM'))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      const [exit] = await once(child, 'close')
      await used
      return { exit, output }
    },
    async remove() {
      await database.drop()
      rmSync(cwd, { recursive: true, force: true })
    },
  }
}
