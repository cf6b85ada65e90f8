/**
 * Reverse proxies for the tests of forward-auth: each runs with the configuration of docs/guides/forward-auth.md, on a
 * free port of the loopback interface, with its files in a temporary folder, and is stopped by its pid.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/forward-auth.md'), 'utf8')

export interface Ports {
  proxy: number
  latchkey: number
  app: number
}

/** The code block of a language in the guide, with these ports; `change` may modify it. */
function configuration(language: string, ports: Ports, change: (text: string) => string): string {
  const text = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1]
  if (text === undefined) throw new Error(`the guide has no ${language}`)
  return change(text)
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${ports.latchkey}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${ports.app}`)
}

export const isRoot = process.getuid?.() === 0
export const found = (program: string): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))

interface Kind {
  program: string
  /** The package that contains the program, and the packages it requires. */
  packages: string
  isThere(): boolean
  /** Writes the configuration into the folder. @returns the arguments of the program */
  prepare(folder: string, ports: Ports, change: (text: string) => string): string[]
}

export const APACHE_MODULES = '/usr/lib/apache2/modules'
const LUA_SOCKET = '/usr/share/lua'

export const PROXIES: Readonly<Record<'nginx' | 'Caddy' | 'Apache', Kind>> = {
  nginx: {
    program: 'nginx',
    packages: 'nginx',
    isThere: () => found('nginx') !== undefined,
    prepare(folder, ports, change) {
      const site = configuration('nginx', ports, change).replace(
        'listen 8080;',
        `listen 127.0.0.1:${ports.proxy};`,
      )
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      )
      const whole = `${isRoot ? 'user root;' : ''} daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1;
        events {} http { access_log off; ${temporary.join(' ')}\n${site} }`
      writeFileSync(join(folder, 'nginx.conf'), whole)
      return ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
    },
  },
  Caddy: {
    program: 'caddy',
    packages: 'caddy',
    isThere: () => found('caddy') !== undefined,
    prepare(folder, ports, change) {
      const site = configuration('caddyfile', ports, change).replace(
        ':8080 {',
        `http://127.0.0.1:${ports.proxy} {`,
      )
      writeFileSync(join(folder, 'Caddyfile'), `{\n  admin off\n  auto_https off\n}\n${site}`)
      return ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile']
    },
  },
  Apache: {
    program: 'apache2',
    packages: 'apache2 lua-socket',
    isThere: () =>
      found('apache2') !== undefined &&
      existsSync(join(APACHE_MODULES, 'mod_lua.so')) &&
      existsSync(LUA_SOCKET) &&
      readdirSync(LUA_SOCKET).some((version) => existsSync(join(LUA_SOCKET, version, 'socket.lua'))),
    prepare(folder, ports, change) {
      const script = join(folder, 'latchkey.lua')
      writeFileSync(script, configuration('lua', ports, change))
      const site = configuration('apache', ports, (text) => text)
        .replace('Listen 8080', `Listen 127.0.0.1:${ports.proxy}`)
        .replace('*:8080', `127.0.0.1:${ports.proxy}`)
        .replace('/etc/apache2/latchkey.lua', script)
      const modules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers', 'lua'].map(
        (name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`,
      )
      const account = isRoot ? ['User www-data', 'Group www-data'] : []
      const files = [
        `PidFile ${folder}/pid`,
        `DefaultRuntimeDir ${folder}`,
        `ErrorLog ${folder}/error.log`,
        'ServerName localhost',
      ]
      writeFileSync(join(folder, 'apache2.conf'), [...modules, ...account, ...files, site].join('\n'))
      return ['-d', folder, '-f', join(folder, 'apache2.conf'), '-DFOREGROUND']
    },
  },
}

export interface Running {
  url: string
  stop(): Promise<void>
}

export async function startProxy(
  name: keyof typeof PROXIES,
  ports: Ports,
  change: (text: string) => string = (text) => text,
): Promise<Running> {
  const kind = PROXIES[name]
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-proxy-'))
  // if root starts a proxy, its workers run as another user
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'home'))
  const args = kind.prepare(folder, ports, change)
  const env = { PATH: process.env.PATH ?? '', HOME: join(folder, 'home') }
  const child = spawn(found(kind.program) ?? kind.program, args, {
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
  const url = `http://127.0.0.1:${ports.proxy}`
  const stop = async (): Promise<void> => {
    await terminate(child)
    process.off('exit', orphaned)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await waitUntilReady(url, child)
  } catch (error) {
    const log = join(folder, 'error.log')
    if (existsSync(log)) output += readFileSync(log, 'utf8').slice(-4000)
    await stop()
    throw new Error(`${name} does not start: ${output}`, { cause: error })
  }
  return { url, stop }
}

export async function waitUntilReady(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the proxy ended with ${child.exitCode}`)
    try {
      await fetch(`${url}/healthz`)
      return
    } catch {
      await pause(50)
    }
  }
  throw new Error('the proxy does not answer')
}

export async function terminate(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const cut = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exit
  clearTimeout(cut)
}
