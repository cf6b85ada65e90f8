/** The unit of systemd without systemd: its checkers, and its commands with the environment that it describes. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../packages/server/src/testing/world.ts'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { pairsIn } from '../setup/packaging/dockerfile.ts'
import { createDatabase } from './node.ts'
import { buildBundle } from './workers.ts'

const ROOT = join(import.meta.dirname, '../..')
const UNIT = join(ROOT, 'deploy/systemd/latchkey.service')
const execute = promisify(execFile)
const settings = readFileSync(UNIT, 'utf8')
  .split('\n')
  .filter((line) => /^\w+=/.test(line))
  .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
const valuesOf = (name: string): string[] => settings.flatMap(([key, value]) => (key === name ? [value] : []))

let cluster: Cluster
let folder: string
beforeAll(async () => {
  await buildBundle()
  cluster = await startCluster()
  folder = mkdtempSync(join(tmpdir(), 'latchkey-systemd-'))
}, 180_000)
afterAll(async () => {
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('the unit', () => {
  it('has nothing that systemd does not know', async () => {
    const { stdout, stderr } = await execute('systemd-analyze', [
      'verify',
      '--man=no',
      '--recursive-errors=no',
      UNIT,
    ])
    // about other units of this machine, and the program that is not installed here
    expect((stdout + stderr).split('\n').filter((line) => line.includes('latchkey.service'))).toEqual([])
  })

  it('exposes little to an attacker who runs code in it', async () => {
    const { stdout } = await execute('systemd-analyze', ['security', '--offline=true', UNIT])
    const [, exposure = '10'] = /exposure level for latchkey\.service: ([\d.]+)/.exec(stdout) ?? []
    expect(Number(exposure)).toBeLessThan(2)
  })

  it('starts workers with secrets from files, is ready when they listen, reloads, and stops', async () => {
    const port = await freePort()
    // what systemd makes: a folder of credentials, a state folder, a socket for notifications
    writeFileSync(join(folder, 'secret'), 'a secret of the operation tests, thirty-two characters\n')
    writeFileSync(join(folder, 'database-url'), `${await createDatabase(cluster, 'unit')}\n`)
    const socket = join(folder, 'notify')
    const listener = spawn('python3', [join(ROOT, 'tests/setup/packaging/notified.py'), socket])
    const notified: string[] = []
    listener.stdout
      .setEncoding('utf8')
      .on('data', (text: string) => notified.push(...text.trim().split('\n')))
    await once(listener.stdout, 'data')
    const specifiers: Record<string, string> = { '%d': folder, '%S': folder }
    const fill = (text: string) => text.replaceAll(/%[dS]/g, (name) => specifiers[name] ?? name)
    const [, ...words] = (valuesOf('ExecStart')[0] ?? '').split(' ')
    const service = spawn(
      process.execPath,
      words.map((word) =>
        word.endsWith('latchkey.cjs') ? join(ROOT, 'packages/server/dist/latchkey.cjs') : word,
      ),
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          PATH: process.env.PATH,
          ...pairsIn(valuesOf('Environment').map(fill).join(' ')),
          NOTIFY_SOCKET: socket,
          // what a person writes to latchkey.env
          LATCHKEY_PUBLIC_URL: 'https://id.example.com',
          LATCHKEY_PORT: `${port}`,
          LATCHKEY_SMTP_URL: 'smtp://mail.example.com:25',
          LATCHKEY_DRAIN: '100ms',
        },
      },
    )
    let log = ''
    service.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    const ended = once(service, 'exit')
    const ready = () => fetch(`http://127.0.0.1:${port}/readyz`).then(({ status }) => status)
    try {
      await expect.poll(() => notified, { timeout: 60_000 }).toContain('READY=1')
      expect(await ready()).toBe(200)
      const [program, ...signal] = (valuesOf('ExecReload')[0] ?? '').split(' ')
      await execute(
        program ?? '',
        signal.map((word) => (word === '$MAINPID' ? `${service.pid}` : word)),
      )
      await expect.poll(() => log, { timeout: 60_000 }).toContain('the workers have been replaced')
      expect(await ready()).toBe(200)
      // KillMode=mixed
      service.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
      // systemd-notify waits until each has been read
      expect(notified.filter((text) => !['', 'listening', 'BARRIER=1'].includes(text))).toEqual([
        'READY=1',
        'STOPPING=1',
      ])
    } finally {
      service.kill('SIGKILL')
      listener.kill('SIGTERM')
    }
  })
})
