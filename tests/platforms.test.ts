/** The lock file installs on every platform that Latchkey runs on, with the native packages of that platform. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const run = promisify(execFile)

interface Platform {
  os: string
  cpu: string
  libc?: string
}
const PLATFORMS: readonly Platform[] = [
  { os: 'linux', cpu: 'x64', libc: 'glibc' },
  { os: 'linux', cpu: 'x64', libc: 'musl' },
  { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { os: 'linux', cpu: 'arm64', libc: 'musl' },
  { os: 'darwin', cpu: 'x64' },
  { os: 'darwin', cpu: 'arm64' },
  { os: 'win32', cpu: 'x64' },
]

interface LockEntry {
  version?: string
  resolved?: string
  integrity?: string
  link?: true
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}
const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockEntry>
}
const locked = (name: string): LockEntry | undefined => packages[`node_modules/${name}`]
const fits = (entry: LockEntry, { os, cpu, libc }: Platform): boolean =>
  (entry.os ?? [os]).includes(os) &&
  (entry.cpu ?? [cpu]).includes(cpu) &&
  (!libc || (entry.libc ?? [libc]).includes(libc))

/** Packages with one native package per platform, and the names of those. */
const NATIVE = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) => {
  const parts = Object.keys(optionalDependencies)
  return parts.length > 5 ? [[path.replace('node_modules/', ''), parts] as const] : []
})

describe('the lock', () => {
  it('contains the native packages of all platforms', () => {
    expect(NATIVE.map(([name]) => name)).toEqual(
      expect.arrayContaining(['@biomejs/biome', '@node-rs/argon2', 'esbuild', 'rolldown', 'typescript']),
    )
    expect(NATIVE.flatMap(([, parts]) => parts.filter((part) => !locked(part)))).toEqual([])
  })

  it('has a hash of every package, and names no registry', () => {
    const entries = Object.entries(packages).filter(
      ([path, { link }]) => path.includes('node_modules/') && !link,
    )
    expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([])
    expect(entries.filter(([, { resolved }]) => resolved)).toEqual([])
  })
})

describe('npm ci', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-platforms-'))
    for (const name of ['package.json', 'package-lock.json', '.npmrc'])
      cpSync(join(ROOT, name), join(folder, name))
    for (const name of ['guard', 'server'])
      cpSync(join(ROOT, `packages/${name}/package.json`), join(folder, `packages/${name}/package.json`))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(PLATFORMS)('installs on $os $cpu $libc', async (platform) => {
    const { os, cpu, libc } = platform
    // without network and cache: a complete lock file needs neither, and npm refuses an incomplete one
    const args = ['ci', '--dry-run', '--ignore-scripts', '--offline', '--cache', join(folder, 'cache')]
    const on = ['--os', os, '--cpu', cpu, ...(libc ? ['--libc', libc] : [])]
    const { stdout } = await run('npm', [...args, ...on], { cwd: folder })
    const added = new Set([...stdout.matchAll(/^add (\S+) \S+$/gm)].map(([, name]) => name))
    for (const [name, parts] of NATIVE) {
      const native = parts.filter((part) => fits(locked(part) ?? {}, platform))
      expect(native, `the packages of ${name} for this platform`).not.toEqual([])
      expect(
        native.filter((part) => !added.has(part)),
        `of ${name}`,
      ).toEqual([])
    }
  })
})

it('bcrypt contains its binaries for all platforms', () => {
  const prebuilds = join(ROOT, 'node_modules/bcrypt/prebuilds')
  const files = PLATFORMS.map(({ os, cpu, libc }) => `${os}-${cpu}/bcrypt${libc ? `.${libc}` : ''}.node`)
  expect(files.filter((file) => !existsSync(join(prebuilds, file)))).toEqual([])
})
