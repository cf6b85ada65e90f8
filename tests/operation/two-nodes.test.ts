/**
 * The guide's way from nothing to two nodes behind nginx, each of its blocks executed in order as printed: on machines with a real
 * systemd and the addresses of the guide. Logins to PostgreSQL need no password here, so that the lines of pg_hba.conf are not tried.
 */
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, startCluster } from '../setup/cluster.ts'
import { blocksOf } from '../setup/console.ts'
import { makeMachines, type Network } from '../setup/machines/index.ts'
import { statement } from './node.ts'

const ROOT = join(import.meta.dirname, '../..')
const SETUP = join(ROOT, 'tests/setup/machines')
const SECTION = 'Two nodes behind nginx, step by step'
const page = readFileSync(join(ROOT, 'docs/guides/production.md'), 'utf8')
const section = page.split(/^(?=## )/m).find((text) => text.startsWith(`## ${SECTION}\n`)) ?? ''
/** The parts of the section, by number. */
const parts = section.split(/^(?=### \d)/m)
const execute = promisify(execFile)
/** Of a busy machine: nothing here is about time. */
const MINUTES = 600_000
const made = await makeMachines(
  ['first', 'second', 'proxy'],
  ['10.0.0.5', '10.0.0.6', '10.0.0.10', '10.0.0.11', '10.0.0.12'],
  ['10.0.0.10 id.example.com'],
)
const isMissing = typeof made === 'string'
const [first, second, proxy] = isMissing ? [] : made.machines
// the tests run with one only
const network = (isMissing ? null : made.network) as Network

let cluster: Cluster
let folder: string
let bridge: Server
let mail: ChildProcess
const delivered: string[] = []
/** Which blocks have been executed, so that none is left out. */
const executed: string[] = []

/** Runs the `sh` blocks of a part, each on the machine that its first line names. @returns what each printed */
async function follow(number: number): Promise<string[]> {
  const outputs: string[] = []
  for (const block of blocksOf(parts[number] ?? '', 'sh')) {
    executed.push(block)
    const [comment = '', ...lines] = block.trimEnd().split('\n')
    const script = lines.join('\n')
    const machines = {
      'both nodes': [first, second],
      'the first node': [first],
      'the second node': [second],
      'the proxy': [proxy],
    }[comment.replace('# on ', '')]
    if (!machines) throw new Error(`${comment} names no machine`)
    for (const machine of machines) {
      // packages are fetched
      const outside = script.includes('npm install')
      outputs.push(
        (await machine?.run(outside ? `export npm_config_prefer_offline=true\n${script}` : script, {
          outside,
        })) ?? '',
      )
    }
  }
  return outputs
}

/** The block of a file in a part. */
function printed(number: number, language: string): string {
  const [block, ...more] = blocksOf(parts[number] ?? '', language)
  if (block === undefined || more.length > 0) throw new Error(`not one ${language} in part ${number}`)
  executed.push(block)
  return block
}

/** Packs the server; with `version`, as another version with one more migration. */
async function pack(version: string | null): Promise<string> {
  const name = 'latchkey-server-0.1.0.tgz'
  if (version === null) {
    await execute('npm', ['pack', '-w', '@latchkey/server', '--pack-destination', folder], { cwd: ROOT })
    return join(folder, name)
  }
  const next = join(folder, version)
  mkdirSync(next)
  await execute('tar', ['-xzf', join(folder, name), '-C', next])
  const manifest = join(next, 'package/package.json')
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace('"version": "0.1.0"', `"version": "${version}"`),
  )
  const bundle = join(next, 'package/dist/server.cjs')
  const code = readFileSync(bundle, 'utf8')
  writeFileSync(bundle, code.replaceAll('"0.1.0"', `"${version}"`))
  writeFileSync(
    join(next, 'package/dist/migrations', '9999_next.up.sql'),
    '-- expand 0.2\nalter table latchkey.users add column next text;\n',
  )
  writeFileSync(
    join(next, 'package/dist/migrations', '9999_next.down.sql'),
    'alter table latchkey.users drop column next;\n',
  )
  const path = join(folder, `latchkey-server-${version}.tgz`)
  await execute('tar', ['-czf', path, '-C', next, 'package'])
  return path
}

describe.skipIf(isMissing)(`two nodes behind nginx${isMissing ? ` (not run: ${made})` : ''}`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-two-nodes-'))
    cluster = await startCluster()
    await statement(`${cluster.superuserUrl}postgres`, 'drop role latchkey')
    const { port, hostname } = new URL(cluster.baseUrl)
    const socket = join(folder, 'database')
    bridge = createServer((from) => {
      const to = connect(Number(port), hostname)
      from.pipe(to).pipe(from)
      for (const end of [from, to]) end.on('error', () => end.destroy())
    }).listen(socket)
    const forward = network.spawn(process.execPath, [join(SETUP, 'forward.mjs'), '10.0.0.5', '5432', socket])
    mail = network.spawn(process.execPath, [join(SETUP, 'mail.mjs'), '10.0.0.6', '25'])
    await Promise.all([forward, mail].map(({ stdout }) => once(stdout as NodeJS.ReadableStream, 'data')))
    mail.stdout?.setEncoding('utf8').on('data', (text: string) => delivered.push(...text.trim().split('\n')))
  }, MINUTES)
  afterAll(async () => {
    await network.stop()
    bridge?.close()
    await cluster?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it(
    '1, 2: have a role and a database, and the server with its settings',
    async () => {
      const [create = ''] = blocksOf(page, 'sql', 'The database')
      for (const one of create.split(/;\s*$/m).filter((text) => text.trim() !== ''))
        await statement(`${cluster.superuserUrl}postgres`, one)
      const tarball = readFileSync(await pack(null))
      const settings = printed(2, 'ini')
      for (const machine of [first, second]) {
        await machine?.write('/srv/latchkey-server-0.1.0.tgz', tarball)
        await machine?.run('mkdir systemd')
        for (const name of ['latchkey', 'latchkey.service'])
          await machine?.write(`/srv/systemd/${name}`, readFileSync(join(ROOT, 'deploy/systemd', name)))
      }
      await follow(2)
      await first?.write('/etc/latchkey/latchkey.env', settings)
      await second?.write('/etc/latchkey/latchkey.env', settings.replaceAll('10.0.0.11', '10.0.0.12'))
      for (const name of ['secret', 'database-url'])
        await second?.write(
          `/etc/latchkey/${name}`,
          (await first?.run(`cat /etc/latchkey/${name}`)) ?? '',
          0o600,
        )
      expect(await first?.run('stat -c %a /etc/latchkey/secret /etc/latchkey/database-url')).toBe(
        '600\n600\n',
      )
    },
    MINUTES,
  )

  it(
    '3: start under systemd on both, and can serve',
    async () => {
      const outputs = await follow(3)
      expect(outputs[0]).toMatch(/valid for production[\s\S]*All checks passed/)
      expect(outputs.at(-1)).toMatch(/"ready"[\s\S]*"ready"/)
      for (const machine of [first, second])
        expect(await machine?.run('systemctl is-enabled latchkey; systemctl is-active latchkey')).toBe(
          'enabled\nactive\n',
        )
      // as a user that systemd makes, with a folder that no other can read
      expect(await first?.run('stat -c "%a %U" /var/lib/private/latchkey')).toBe('700 latchkey\n')
      await first?.run('systemctl reload latchkey')
      const log = () => first?.run('journalctl -q -u latchkey -o cat')
      await expect.poll(log, { timeout: 120_000 }).toContain('the workers have been replaced')
      expect(await first?.run('systemctl show latchkey -p NRestarts -p SubState')).toBe(
        'NRestarts=0\nSubState=running\n',
      )
    },
    MINUTES,
  )

  let token = ''
  it(
    '4: serve users through nginx, who have an administrator',
    async () => {
      await proxy?.run(
        'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=id.example.com -addext subjectAltName=DNS:id.example.com -keyout /etc/ssl/id.example.com.key -out /etc/ssl/id.example.com.pem 2> /dev/null; rm -f /etc/nginx/sites-enabled/*',
      )
      await proxy?.write('/etc/nginx/conf.d/latchkey.conf', printed(4, 'nginx'))
      const outputs = await follow(4)
      const [, password = ''] = /Password: +(\S+)/.exec(outputs.at(-1) ?? '') ?? []
      const certificate = (await proxy?.run('cat /etc/ssl/id.example.com.pem')) ?? ''
      writeFileSync(join(folder, 'authority.pem'), certificate)
      await first?.write('/srv/authority.pem', certificate)
      const reply = await first?.run(
        `curl -sS --cacert authority.pem https://id.example.com/api/v1/auth/login -H 'content-type: application/json' -d '${JSON.stringify({ email: 'grace@example.com', password })}'`,
      )
      const { data } = JSON.parse(reply ?? '')
      expect(data.user.roles, reply).toContain('super_admin')
      token = data.token
      // the client's address is not the proxy's
      const sessions = await first?.run(
        `curl -sS --cacert authority.pem https://id.example.com/api/v1/auth/sessions -H 'authorization: Bearer ${token}'`,
      )
      expect(sessions).not.toContain('10.0.0.10')
      await first?.run(
        `curl -fsS --cacert authority.pem https://id.example.com/api/v1/auth/password/forgot -H 'content-type: application/json' -d '{"email":"grace@example.com"}'`,
      )
      await expect.poll(() => delivered, { timeout: 120_000 }).toContain('grace@example.com')
    },
    MINUTES,
  )

  it(
    '5: answer with metrics at their own address',
    async () => {
      const [metrics] = await follow(5)
      expect(metrics).toMatch(/^latchkey_build_info\{.*version="0\.1\.0"/m)
      expect(metrics).toMatch(/^latchkey_http_requests_total\{/m)
      expect(printed(5, 'yaml')).toContain("targets: ['10.0.0.11:9464', '10.0.0.12:9464']")
    },
    MINUTES,
  )

  it(
    '6: are backed up, verified, every night',
    async () => {
      const outputs = await follow(6)
      expect(outputs.at(-1)).toMatch(/can be restored/)
      const line = printed(6, 'crontab').trim()
      const [, command = ''] = /^(?:\S+ ){5}root (.*)$/.exec(line) ?? []
      // with the path that cron gives it
      await first?.run(`rm /srv/backups/*; PATH=/usr/bin:/bin; ${command.replaceAll('\\%', '%')}`)
      expect(await first?.run('ls /srv/backups')).toMatch(/^\d{4}-\d\d-\d\d\.backup\n$/)
    },
    MINUTES,
  )

  it('7: are upgraded one after the other without a failed request', async () => {
    const tarball = readFileSync(await pack('0.2.0'))
    for (const machine of [first, second]) await machine?.write('/srv/latchkey-server-0.2.0.tgz', tarball)
    const load = network.spawn(process.execPath, [
      join(SETUP, 'load.mjs'),
      'https://id.example.com',
      token,
      join(folder, 'authority.pem'),
      '10.0.0.10',
    ])
    let counts: Record<string, number> = {}
    load.stdout?.setEncoding('utf8').on('data', (text: string) => {
      counts = JSON.parse(text.trim().split('\n').at(-1) ?? '{}')
    })
    await expect.poll(() => counts['PATCH 200'] ?? 0, { timeout: 120_000 }).toBeGreaterThan(1)
    const outputs = await follow(7)
    expect(outputs.join('\n')).toContain('9999_next')
    const before = { ...counts }
    await expect
      .poll(() => (counts['PATCH 200'] ?? 0) - (before['PATCH 200'] ?? 0), { timeout: 120_000 })
      .toBeGreaterThan(1)
    const ended = once(load, 'exit')
    load.stdin?.end()
    await ended
    const errors = await Promise.all(
      [first, second].map((machine) =>
        machine?.run(`journalctl -q -u latchkey -o cat | grep '"level":"\\(error\\|warn\\)"' || true`),
      ),
    )
    expect(Object.keys(counts).sort(), errors.join('\n')).toEqual(['GET 200', 'PATCH 200'])
    for (const address of ['10.0.0.11', '10.0.0.12'])
      expect(await first?.run(`curl -sS http://${address}:9464/metrics`)).toMatch(
        /^latchkey_build_info\{.*version="0\.2\.0"/m,
      )
  }, 600_000)

  it('have no block that was left out', () => {
    const blocks = [...section.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, block]) => block)
    expect(blocks.toSorted()).toEqual(executed.toSorted())
  })
})
