/**
 * Records the statements that a run on PostgreSQL executes, with their role, so that one test can prepare each of
 * them on PGlite (tests/statements.test.ts) instead of a second run there.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Connection, DatabaseRole } from '../base/db/connection.ts'
import type { Driver } from '../base/db/driver.ts'

export interface ExecutedStatement {
  text: string
  role: DatabaseRole
  /** The test file that executed it first in this worker. */
  file: string
  /** Whether the code of the server sent it, or a test. */
  origin: 'server' | 'test'
}

export function emptyRecord(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

const seen = new Set<string>()
const observers = new Set<(text: string) => void>()
const observed = (text: string): void => {
  for (const observe of observers) observe(text)
}

/**
 * Collects the statements that are sent from now on, on PostgreSQL, without BEGIN and COMMIT, which are sent with the others.
 * @returns a function that stops, and returns them
 */
export function observeStatements(): () => string[] {
  const texts: string[] = []
  const observe = (text: string): void => void texts.push(text)
  observers.add(observe)
  return () => {
    observers.delete(observe)
    return texts
  }
}

/** Frames of the way from a statement's call to here. */
const BETWEEN = /\/node_modules\/|\(node:|\/base\/db\/[^/]+(?<!\.test)\.ts|\/testing\/statements\.ts/
const OF_A_TEST = /\.test\.tsx?|\/testing[/.]|\/tests\//

/** By the innermost frame outside of the database module; statements are sent in the stack of their call. */
function originOf(): ExecutedStatement['origin'] {
  const depth = Error.stackTraceLimit
  Error.stackTraceLimit = 60
  const frames = new Error().stack?.split('\n').slice(1) ?? []
  Error.stackTraceLimit = depth
  const frame = frames.find((one) => /\/(?:packages|tests)\//.test(one) && !BETWEEN.test(one))
  return frame !== undefined && OF_A_TEST.test(frame) ? 'test' : 'server'
}

/** Records a statement after it succeeded: PGlite may refuse what PostgreSQL refused in a test. */
async function record(
  folder: string,
  text: string,
  role: DatabaseRole,
  answer: Promise<unknown>,
): Promise<void> {
  // a stack takes long to make
  if (seen.has(`server ${role} ${text}`)) return
  const origin = originOf()
  const key = `${origin} ${role} ${text}`
  const isAccepted = () =>
    answer.then(
      () => true,
      () => false,
    )
  if (seen.has(key) || !(await isAccepted()) || seen.has(key)) return
  seen.add(key)
  const executed: ExecutedStatement = { text, role, file: expect.getState().testPath ?? '', origin }
  appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(executed)}\n`)
}

/** The driver, which also records each statement that it executes. */
export function recordingDriver(driver: Driver, folder: string): Driver {
  const connections = new WeakSet<Connection>()
  return {
    ...driver,
    async acquire() {
      const connection = await driver.acquire()
      if (connections.has(connection)) return connection
      connections.add(connection)
      const send = connection.send.bind(connection)
      connection.send = (text, values, role) => {
        observed(text)
        const answer = send<never>(text, values, role)
        void record(folder, text, role, answer)
        return answer
      }
      return connection
    },
    statement(text, values) {
      observed(text)
      const answer = driver.statement<never>(text, values)
      void record(folder, text, 'system', answer)
      return answer
    },
  }
}

/** Every distinct statement recorded in a folder below this one. */
export function executedStatements(folder: string): ExecutedStatement[] {
  const found = new Map<string, ExecutedStatement>()
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  for (const name of names.filter((one) => one.endsWith('.jsonl'))) {
    for (const line of readFileSync(join(folder, name), 'utf8').trimEnd().split('\n')) {
      const executed = JSON.parse(line) as ExecutedStatement
      const key = `${executed.role} ${executed.text}`
      if (found.get(key)?.origin !== 'server') found.set(key, executed)
    }
  }
  return [...found.values()]
}
