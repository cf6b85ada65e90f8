/**
 * The server of the previous version: that of the last commit before the newest migration, from the repository's history, in
 * a temporary folder and as its own process. It uses the packages of this tree, where it demands the same versions.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { knownMigrations } from '../../packages/server/src/base/db/migration-files.ts'
import { freePort } from '../../packages/server/src/testing/world.ts'

const ROOT = join(import.meta.dirname, '../..')
const SERVER = 'packages/server'

const git = (...words: string[]): string =>
  execFileSync('git', words, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

export interface Previous {
  commit: string
  /** Why it cannot be run here; null: it can. */
  obstacle: string | null
}

export function findPrevious(): Previous {
  const newest = knownMigrations().at(-1)?.name
  try {
    const added = git(
      'log',
      '-1',
      '--diff-filter=AR',
      '--format=%H',
      '--',
      `${SERVER}/migrations/${newest}.up.sql`,
    )
    const commit = added === '' ? git('rev-parse', 'HEAD') : git('rev-parse', '--verify', `${added}^`)
    const { dependencies } = JSON.parse(git('show', `${commit}:${SERVER}/package.json`)) as {
      dependencies: Record<string, string>
    }
    const now = JSON.parse(readFileSync(join(ROOT, SERVER, 'package.json'), 'utf8'))
    const other = Object.entries(dependencies).filter(([name, version]) => now.dependencies[name] !== version)
    return {
      commit,
      obstacle:
        other.length > 0 ? `it demands other packages: ${other.map(([name]) => name).join(', ')}` : null,
    }
  } catch {
    return { commit: '', obstacle: 'the history of the repository is not here (a shallow clone, or none)' }
  }
}

/** A tree of which the server and its commands run from source. */
export interface Tree {
  folder: string
  /** Runs a command. @returns the document that `--json` prints */
  command(databaseUrl: string, ...words: string[]): Promise<Record<string, unknown>>
  start(databaseUrl: string, env?: Record<string, string>): Promise<SourceServer>
}

export interface SourceServer {
  url: string
  child: ChildProcess
  /** All that it has written so far. */
  output(): string
  stop(): Promise<void>
}

export const SECRET = 'a secret of the operation tests, thirty-two characters'

export function treeIn(folder: string): Tree {
  const launch = (databaseUrl: string, words: readonly string[], env: Record<string, string> = {}) =>
    spawn(process.execPath, ['--import', 'tsx', join(folder, SERVER, 'src/main.ts'), ...words], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        LATCHKEY_PROFILE: 'testing',
        LATCHKEY_LOG_LEVEL: 'info',
        LATCHKEY_SECRET: SECRET,
        LATCHKEY_EMAIL_VERIFICATION: 'off',
        ...env,
      },
    })
  return {
    folder,
    async command(databaseUrl, ...words) {
      const child = launch(databaseUrl, [...words, '--json'])
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const [code] = await once(child, 'close')
      if (code !== 0) throw new Error(`${words.join(' ')} failed with ${code}: ${text}`)
      return JSON.parse(text) as Record<string, unknown>
    },
    async start(databaseUrl, env = {}) {
      const port = await freePort()
      const child = launch(databaseUrl, ['start'], { LATCHKEY_PORT: `${port}`, ...env })
      const ended = once(child, 'exit')
      let text = ''
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          if (text.includes('"the server has started"')) resolve()
        })
        void ended.then(() => reject(new Error(`the server has ended: ${text}`)))
      })
      return {
        url: `http://127.0.0.1:${port}`,
        child,
        output: () => text,
        async stop() {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill('SIGTERM')
          await ended
        },
      }
    },
  }
}

export const thisTree = (): Tree => treeIn(ROOT)

/** The files of a commit, with the packages of this tree and the guard of that one. */
export async function checkOut(commit: string): Promise<Tree & { remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-previous-'))
  const archive = execFileSync('git', ['archive', commit, 'package.json', 'tsconfig.json', 'packages'], {
    cwd: ROOT,
    maxBuffer: 1 << 28,
  })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  await mkdir(join(folder, 'node_modules/@latchkey'), { recursive: true })
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== '@latchkey' && !name.startsWith('.'))
      await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  await symlink(join(folder, 'packages/guard'), join(folder, 'node_modules/@latchkey/guard'))
  const own = join(ROOT, SERVER, 'node_modules')
  await symlink(own, join(folder, SERVER, 'node_modules')).catch(() => {})
  return { ...treeIn(folder), remove: () => rm(folder, { recursive: true, force: true }) }
}

/** The migrations of a tree, by name. */
export async function migrationsOf({ folder }: Pick<Tree, 'folder'>): Promise<string[]> {
  const files = await readdir(join(folder, SERVER, 'migrations'))
  return files
    .filter((file) => file.endsWith('.up.sql'))
    .map((file) => file.replace('.up.sql', ''))
    .sort()
}

export const readGuide = (name: string): Promise<string> =>
  readFile(join(ROOT, `docs/guides/${name}.md`), 'utf8')
