/** The command line in a test: a working folder of the test, and `latchkey …` with what it prints. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { runCommandLine } from './run.ts'

export interface Ran {
  exit: number
  stdout: string
  stderr: string
  /** With `--json`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what was printed without types
  json: any
}

/** A new working folder, for `beforeEach`. @returns its path, and what removes it */
export function workingFolder(): { cwd: string; remove(): void } {
  const cwd = mkdtempSync(join(tmpdir(), 'lk-command-'))
  vi.spyOn(process, 'cwd').mockReturnValue(cwd)
  return { cwd, remove: () => rmSync(cwd, { recursive: true, force: true }) }
}

/** Runs `latchkey …`. */
export async function latchkey(...words: string[]): Promise<Ran> {
  const printed = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += text
      return true
    }),
  )
  const exit = await runCommandLine(words)
  for (const spy of spies) spy.mockRestore()
  return { exit, ...printed, json: words.includes('--json') ? JSON.parse(printed.stdout) : null }
}
