/** Processes of the benchmark: each pinned to its core, each stopped by its pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { onCore } from './machine.ts'

export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  /** Sends SIGTERM, and SIGKILL after a timeout. */
  stop(): Promise<void>
}

const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export interface How {
  core: number | string | null
  env?: Record<string, string>
  cwd?: string
  /** A message channel to the process. */
  ipc?: boolean
  /** Handles the output of the process; by default the last part is kept, and shown on failure. */
  patience?: number
}

export function run(command: readonly string[], how: How): Running & { output(): string } {
  const [program = '', ...args] = onCore(how.core, command)
  const child = spawn(program, args, {
    cwd: how.cwd,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', ...how.env },
    stdio: ['ignore', 'pipe', 'pipe', ...(how.ipc ? (['ipc'] as const) : [])],
  })
  living.add(child)
  let text = ''
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-8000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      living.delete(child)
      resolve()
    })
    child.once('error', () => resolve())
  })
  return {
    pid: child.pid ?? -1,
    child,
    output: () => text,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const cut = setTimeout(() => child.kill('SIGKILL'), how.patience ?? 15_000)
      await ended
      clearTimeout(cut)
    },
  }
}

/** The next message of a process. @throws when the process ends before, or on a timeout */
export function nextMessage<T>(running: Running & { output(): string }, patience = 120_000): Promise<T> {
  const { child } = running
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
      act()
    }
    const onMessage = (message: unknown) => settle(() => resolve(message as T))
    const onExit = () => settle(() => reject(new Error(`a process ended early:\n${running.output()}`)))
    const timer = setTimeout(() => settle(() => reject(new Error('a process does not answer'))), patience)
    child.on('message', onMessage).on('exit', onExit)
  })
}

export function ask<T>(running: Running & { output(): string }, message: object): Promise<T> {
  const answer = nextMessage<T>(running)
  running.child.send(message)
  return answer
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
