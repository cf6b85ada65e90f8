/**
 * The image of the Dockerfile without an engine: its steps run in a separate file system (bubblewrap), on this machine's Node and
 * libraries instead of the base images, which no test can fetch; then its program runs as its user on a read-only root.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contextOf, copyContext, pairsIn, readStages, textsOf } from '../setup/packaging/dockerfile.ts'

const ROOT = join(import.meta.dirname, '../..')
const [build = [], run = []] = readStages(join(ROOT, 'Dockerfile'))
const execute = promisify(execFile)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-image-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string): string => {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  return path
}
const libraries = ['--ro-bind', '/usr/lib', '/usr/lib', '--symlink', 'usr/lib', '/lib']
if (existsSync('/lib64')) libraries.push('--ro-bind', realpathSync('/lib64'), '/lib64')

/** A step of the first stage, as the root user of a machine with a shell. */
async function step(command: string): Promise<string> {
  const npm = join(at('bin'), 'npm')
  const cli = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())
  writeFileSync(npm, `#!/bin/sh\nexec /usr/local/bin/node ${cli} "$@"\n`, { mode: 0o755 })
  const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim()
  const home = process.env.HOME ?? '/root'
  const { stdout, stderr } = await execute(
    'bwrap',
    [
      ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/sbin', '/sbin', '--symlink', 'usr/lib', '/lib'],
      ...(existsSync('/lib64') ? ['--ro-bind', realpathSync('/lib64'), '/lib64'] : []),
      ...['--ro-bind', '/etc', '/etc', '--proc', '/proc', '--dev', '/dev', '--bind', at('tmp'), '/tmp'],
      ...['--tmpfs', '/usr/local/bin', '--ro-bind', process.execPath, '/usr/local/bin/node', '--ro-bind', npm, '/usr/local/bin/npm'],
      ...['--bind', at('build'), '/build', '--bind', at('srv'), '/srv', '--bind', cache, '/cache'],
      ...(existsSync(join(home, '.npmrc')) ? ['--ro-bind', join(home, '.npmrc'), '/builder/.npmrc'] : []),
      ...['--setenv', 'HOME', '/builder', '--setenv', 'npm_config_cache', '/cache', '--setenv', 'npm_config_prefer_offline', 'true'],
      ...['--setenv', 'PATH', '/usr/local/bin:/usr/bin:/bin', '--chdir', '/build', '/bin/sh', '-c', command],
    ],
    { maxBuffer: 10_000_000 },
  ) // biome-ignore format: lists
  return stdout + stderr
}

describe('the context', () => {
  it('has what the build reads, and neither tests nor what this checkout keeps for itself', () => {
    const files = contextOf(ROOT)
    expect(files).toEqual(expect.arrayContaining(['package-lock.json', 'scripts/build.mjs', 'LICENSE']))
    expect(
      files.filter((path) => /\.test\.|^tests\/|^docs\/|\.env$|node_modules|\/dist\//.test(path)),
    ).toEqual([])
  })
})

describe('the image', () => {
  it('is built by its steps, and serves as an unprivileged user on a read-only root without a shell', async () => {
    copyContext(ROOT, at('build'))
    for (const command of textsOf(build, 'RUN')) await step(command)
    const entry = JSON.parse(textsOf(run, 'ENTRYPOINT')[0] ?? '') as string[]
    const words = JSON.parse(textsOf(run, 'CMD')[0] ?? '') as string[]
    const [, health = ''] = /CMD (\[.*\])$/.exec(textsOf(run, 'HEALTHCHECK')[0] ?? '') ?? []
    const [user = '', group = ''] = (textsOf(run, 'USER')[0] ?? '').split(':')
    const settings = {
      ...pairsIn(textsOf(run, 'ENV').join(' ')),
      // production, on the database that needs no other machine
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
      LATCHKEY_SECRET: 'a secret of the operation tests, thirty-two characters',
      LATCHKEY_EMBEDDED_IN_PRODUCTION: 'yes',
      LATCHKEY_SMTP_URL: 'smtp://mail.example.com:25',
      LATCHKEY_MAIL_FROM: 'Latchkey <no-reply@id.example.com>',
      LATCHKEY_DRAIN: '0s',
    }
    const { stdout, stderr } = await execute(
      'bwrap',
      [
        ...['--unshare-all', '--uid', user, '--gid', group, '--cap-drop', 'ALL', '--clearenv', '--new-session', '--die-with-parent'],
        ...libraries,
        ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--ro-bind', process.execPath, '/usr/local/bin/node'],
        ...['--ro-bind', join(folder, 'srv/latchkey'), '/srv/latchkey', '--bind', join(folder, 'srv/data'), '/var/lib/latchkey'],
        ...['--ro-bind', join(ROOT, 'tests/setup/packaging/container.mjs'), '/check.mjs', '--remount-ro', '/'],
        ...Object.entries(settings).flatMap(([name, value]) => ['--setenv', name, value]),
        ...['--chdir', textsOf(run, 'WORKDIR')[0] ?? '/', '/usr/local/bin/node', '/check.mjs', JSON.stringify([...entry, ...words]), health],
      ],
      { maxBuffer: 10_000_000 },
    ) // biome-ignore format: lists
    const { output, data, ...found } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
    expect(found, output + stderr).toEqual({
      isHealthy: true,
      page: 200,
      user: Number(user),
      onRoot: 'EROFS',
      inProgram: 'EROFS',
      inData: null,
      shells: [],
      dataMode: '700',
      exit: 0,
    })
    expect(data).toBeGreaterThan(0)
    // the code that V8 compiled is that of this Node
    expect(existsSync(join(folder, 'srv/latchkey/node_modules/@latchkey/server/dist/server.cache'))).toBe(
      true,
    )
  })
})
