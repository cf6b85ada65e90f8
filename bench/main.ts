/**
 * `npm run bench`: this server compared with the limits of the platform, in one run. README.md explains the results.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { Bench, type Row, type RowResult } from './harness/bench.ts'
import { describeMachine, takeCores, waitForQuiet } from './harness/machine.ts'
import { isMet, table } from './harness/report.ts'
import { apiKey } from './rows/api-key.ts'
import { emails } from './rows/emails.ts'
import { federation } from './rows/federation.ts'
import { flood } from './rows/flood.ts'
import { guard } from './rows/guard.ts'
import { keyRotation } from './rows/key-rotation.ts'
import { limits } from './rows/limits.ts'
import { idleMemory } from './rows/memory.ts'
import { permissionCheck } from './rows/permission-check.ts'
import { promote } from './rows/promote.ts'
import { appRefresh, clientCredentials, codeFlow, introspection } from './rows/provider.ts'
import { refresh } from './rows/refresh.ts'
import { scale } from './rows/scale.ts'
import { scoped } from './rows/scoped.ts'
import { secondFactor } from './rows/second-factor.ts'
import { sessionCheck } from './rows/session-check.ts'
import { sharedRows } from './rows/shared-rows.ts'
import { signIn, signUp, signUpWithoutEmail } from './rows/sign-in.ts'
import { start } from './rows/start.ts'
import { traces } from './rows/traces.ts'
import { underLoad } from './rows/under-load.ts'
import { workers } from './rows/workers.ts'

const ROWS: readonly Row[] = [
  sessionCheck,
  apiKey,
  limits,
  traces,
  sharedRows,
  workers,
  guard,
  permissionCheck,
  refresh,
  clientCredentials,
  appRefresh,
  introspection,
  codeFlow,
  scoped,
  scale,
  keyRotation,
  signIn,
  secondFactor,
  federation,
  signUp,
  signUpWithoutEmail,
  emails,
  underLoad,
  flood,
  start,
  promote,
  idleMemory,
]

const HELP = `npm run bench -- [options]
  --only <row>      one row, or several with commas: ${ROWS.map(({ name }) => name).join(', ')}
  --seconds <n>     how long a contender's turn is (1.5)
  --rounds <n>      how many turns each has, after one to warm up (9)
  --connections <n> connections of the load (32)
  --quiet <n>       wait up to n minutes for the machine to have nothing else to do (0)
  --json            print the JSON that is written to bench/results/latest.json
`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '1.5' },
    rounds: { type: 'string', default: '9' },
    connections: { type: 'string', default: '32' },
    quiet: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !ROWS.some((row) => row.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`Unknown row ${unknown.join(', ')}.\n${HELP}`)
  const options = {
    seconds: number('seconds', 0.1, 60),
    rounds: number('rounds', 1, 100),
    connections: number('connections', 1, 1000),
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const cores = takeCores()
  if (cores.server === null) say('Processes cannot be pinned to separate cores here: the figures are rough.')
  const began = await waitForQuiet(number('quiet', 0, 60), say)
  const bench = new Bench(cores, options, await builtContenders(), say)
  const rows: RowResult[] = []
  let postgres: string | undefined
  try {
    for (const row of ROWS.filter(({ name }) => only?.includes(name) ?? true)) {
      say(`Measuring: ${row.title} …`)
      const result = { row: row.name, title: row.title, ...(await row.measure(bench)) }
      rows.push(result)
      if (!values.json) process.stdout.write(`${table(result)}\n`)
    }
    postgres = (await bench.postgres()).version
  } finally {
    await bench.close()
  }
  const result = {
    measured_at: new Date().toISOString(),
    commit: commit(),
    machine: { ...describeMachine(), postgres, cores },
    load_average: { before: began, after: loadavg()[0] },
    options,
    rows: rows.map((row) => ({
      ...row,
      figures: row.figures.map((figure) => ({ ...figure, met: isMet(figure) })),
    })),
  }
  const text = `${JSON.stringify(result, (_, value) => (typeof value === 'number' ? rounded(value) : value), 2)}\n`
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'latest.json'), text)
  if (values.json) process.stdout.write(text)
  return rows.every((row) => row.figures.every((figure) => isMet(figure) !== false)) ? 0 : 1
}

function number(name: 'seconds' | 'rounds' | 'connections' | 'quiet', least: number, most: number): number {
  const value = Number(values[name])
  if (!(value >= least && value <= most))
    throw new Error(`--${name} requires a number from ${least} to ${most}.`)
  return value
}

const rounded = (value: number): number => Number(value.toPrecision(4))

/**
 * Contenders and load run as plain JavaScript, as the server does: nothing translates them while they run. They
 * find the guard as an application does, as the package that is published.
 */
async function builtContenders(): Promise<string> {
  const here = import.meta.dirname
  const outdir = join(here, 'dist')
  await build({
    entryPoints: [
      'contenders/bare',
      'contenders/bare-provider',
      'contenders/emails',
      'contenders/fastify',
      'contenders/guarded',
      'contenders/hash',
      'contenders/issuer',
      'contenders/mailbox',
      'contenders/oidc-provider',
      'contenders/scoped',
      'contenders/permissions',
      'contenders/relying-party',
      'contenders/unseen',
      'harness/load-process',
      'harness/loop-delay',
    ].map((name) => join(here, `${name}.ts`)),
    outdir,
    outbase: here,
    bundle: true,
    packages: 'external',
    // without the workspace's `paths`, which would bundle the guard's sources
    tsconfigRaw: '{}',
    // `paths` of tsconfig.json would take its sources; measured is what is published
    external: ['@latchkey/guard', '@latchkey/guard/*'],
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    platform: 'node',
    target: 'node20.19',
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
  })
  const guardBuild = join(here, '../packages/guard/build.mjs')
  execFileSync(process.execPath, [guardBuild, join(outdir, 'node_modules/@latchkey/guard')])
  return outdir
}

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim()
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '../packages')
    return git('rev-parse', '--short', 'HEAD') + (changed ? ' and changes' : '')
  } catch {
    return 'unknown'
  }
}

process.exitCode = await main()
