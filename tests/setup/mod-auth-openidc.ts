/**
 * Apache with mod_auth_openidc, by examples/sign-in-with-apache.conf: on a free port, with its files in a temporary folder,
 * stopped by its pid.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../packages/guard/src/testing/programs.ts'
import { APACHE_MODULES, found, isRoot, terminate, waitUntilReady } from './proxies.ts'

export const hasModAuthOpenidc = (): boolean =>
  found('apache2') !== undefined && existsSync(join(APACHE_MODULES, 'mod_auth_openidc.so'))

interface Settings {
  port: number
  /** Of the app behind it. */
  appPort: number
  issuer: string
  client: { id: string; secret: string }
}

/** @param change modifies the example further */
export async function startModAuthOpenidc(
  { port, appPort, issuer, client }: Settings,
  change: (text: string) => string = (text) => text,
): Promise<{ stop(): Promise<void>; log(): string }> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-apache-'))
  // the workers run as another user
  chmodSync(folder, 0o755)
  const site = change(readFileSync(join(ROOT, 'examples/sign-in-with-apache.conf'), 'utf8'))
    .replace('Listen 3000', `Listen 127.0.0.1:${port}`)
    .replace('*:3000', `127.0.0.1:${port}`)
    .replaceAll('localhost:3000', `localhost:${port}`)
    .replaceAll('http://localhost:4000', issuer)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${appPort}`)
    .replace('acme-portal-001', client.id)
  const modules = [
    'mpm_event',
    'authn_core',
    'authz_core',
    'authz_user',
    'proxy',
    'proxy_http',
    'auth_openidc',
  ].map((name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`)
  const account = isRoot ? ['User www-data', 'Group www-data'] : []
  const log = join(folder, 'error.log')
  const files = [
    `PidFile ${folder}/pid`,
    `DefaultRuntimeDir ${folder}`,
    `ErrorLog ${log}`,
    'ServerName localhost',
  ]
  writeFileSync(join(folder, 'apache2.conf'), [...modules, ...account, ...files, site].join('\n'))
  const env = {
    PATH: process.env.PATH ?? '',
    CLIENT_SECRET: client.secret,
    OIDC_CRYPTO_PASSPHRASE: 'a-passphrase-of-the-tests',
  }
  const args = ['-d', folder, '-f', join(folder, 'apache2.conf'), '-DFOREGROUND']
  const child = spawn(found('apache2') ?? 'apache2', args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.on('data', (chunk) => {
    output = (output + chunk).slice(-4000)
  })
  const orphaned = () => child.kill('SIGKILL')
  process.once('exit', orphaned)
  const written = () => output + (existsSync(log) ? readFileSync(log, 'utf8').slice(-4000) : '')
  const stop = async () => {
    await terminate(child)
    process.off('exit', orphaned)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await waitUntilReady(`http://127.0.0.1:${port}`, child)
  } catch (error) {
    const text = written()
    await stop()
    throw new Error(`Apache does not start: ${text}`, { cause: error })
  }
  return { stop, log: written }
}
