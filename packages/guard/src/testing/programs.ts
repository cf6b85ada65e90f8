/** For tests: runs programs from the command line, and sends the requests that they print. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../../../..')

export interface Program {
  /** The output so far. */
  output(): string
  /** Resolves when the output matches; rejects when the program ends before that, or on a timeout. */
  printed(what: RegExp): Promise<void>
  stop(): Promise<void>
}

/** Runs a TypeScript file as `npx tsx` does. */
export const run = (args: readonly string[], env: Record<string, string> = {}, cwd = ROOT): Program =>
  runProgram(process.execPath, [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), ...args], env, cwd)

export function runProgram(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = ROOT,
): Program {
  const child: ChildProcess = spawn(program, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const keep = (chunk: Buffer): void => {
    text += chunk.toString()
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    output: () => text,
    async printed(what) {
      let isOver = false
      void ended.then(() => {
        isOver = true
      })
      for (let tries = 0; tries < 1100 && !isOver; tries++) {
        if (what.test(text)) return
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      if (!what.test(text)) throw new Error(`it did not print ${what}, but: ${text}`)
    },
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** Sends a `curl` line with fetch. @returns the status, and the expected one after ` # ` */
export async function sendLine(line: string): Promise<{ status: number; expected: number; body: string }> {
  const [command = '', expected] = line.split(' # ')
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  const headers = new Headers()
  let method = 'GET'
  let body: string | undefined
  let url = ''
  for (let i = 1; i < words.length; i++) {
    const next = (): string => words[++i] ?? ''
    const word = words[i] ?? ''
    if (word === '-X') method = next()
    else if (word === '-d') body = next()
    else if (word === '-b') headers.set('cookie', next())
    else if (word === '-u') headers.set('authorization', `Basic ${Buffer.from(next()).toString('base64')}`)
    else if (word === '-H') {
      const [name = '', ...value] = next().split(': ')
      headers.append(name, value.join(': '))
    } else if (word !== '-i') url = word
  }
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: response.status, expected: Number(expected), body: await response.text() }
}
