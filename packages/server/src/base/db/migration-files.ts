/**
 * Migrations as files: NNNN_name.up.sql and .down.sql. The first line of each up script declares the minor version that
 * brings it and what it does to the versions before: `-- expand 0.2` adds, so that the previous version serves on;
 * `-- contract 0.3, unused since 0.2` removes what no version from 0.2 on uses. `, concurrently` at its end: the script
 * builds or drops indexes outside of a transaction. The declaration is not part of the checksum.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { packagedFile } from '../packaged.ts'

export interface Migration extends MigrationDeclaration {
  /** `0001_base` */
  name: string
  /** The up script after its declaration. */
  up: string
  down: string
  /** SHA-256 of the up script in hexadecimal, with normalized newlines. */
  checksum: string
}

export interface MigrationDeclaration {
  kind: MigrationKind
  /** The minor version that brings it: `0.1`. */
  version: string
  /** Of a contract: the first minor version that does not use what it removes; `0.0`: no released version has. */
  unusedSince: string | null
  /** Whether its statements run outside of a transaction, each by itself. */
  isConcurrent: boolean
}

export type MigrationKind = 'expand' | 'contract'

const DECLARATION =
  /^-- (?:(expand) (\d+\.\d+)|(contract) (\d+\.\d+), unused since (\d+\.\d+))(, concurrently)?\n/

/** Every migration of this server, oldest first. */
export function knownMigrations(folder: URL = packagedFile('migrations/')): Migration[] {
  const names = readdirSync(folder)
    .flatMap((file) => /^(\d{4}_[a-z0-9_]+)\.up\.sql$/.exec(file)?.[1] ?? [])
    .sort()
  return names.map((name) => {
    const read = (way: 'up' | 'down') =>
      readFileSync(new URL(`${name}.${way}.sql`, folder), 'utf8').replaceAll('\r\n', '\n')
    return readMigration(name, read('up'), read('down'))
  })
}

/** Pure. @throws Error for a script without a declaration, or with one that contradicts itself */
export function readMigration(name: string, text: string, down: string): Migration {
  const found = DECLARATION.exec(text)
  if (!found)
    throw new Error(`${name} does not begin with its declaration, such as "-- expand 0.2" (CONTRIBUTING.md)`)
  const [line, expand, expandVersion, , contractVersion, unusedSince = null, concurrently] = found
  const version = expandVersion ?? contractVersion ?? ''
  if (unusedSince !== null && compareVersions(unusedSince, version) >= 0)
    throw new Error(`${name} removes what ${unusedSince} has stopped using: a later version than that may`)
  const up = text.slice(line.length)
  return {
    name,
    kind: expand ? 'expand' : 'contract',
    version,
    unusedSince,
    isConcurrent: concurrently !== undefined,
    up,
    down,
    checksum: createHash('sha256').update(up).digest('hex'),
  }
}

/** One checksum over all migrations, to check whether a template was made from the same ones. */
export function migrationsChecksum(migrations: readonly Migration[] = knownMigrations()): string {
  const hash = createHash('sha256')
  for (const { name, checksum } of migrations) hash.update(`${name} ${checksum}\n`)
  return hash.digest('hex')
}

/** By minor versions: `0.9` before `0.10`; what follows the second number does not count. */
export function compareVersions(a: string, b: string): number {
  const [[aMajor, aMinor], [bMajor, bMinor]] = [minorOf(a), minorOf(b)]
  return aMajor - bMajor || aMinor - bMinor
}

/** Whether a server of `version` may serve while a database has migrations of `other`: up to the next minor version. */
export function mayServeBeside(version: string, other: string): boolean {
  const [[major, minor], [otherMajor, otherMinor]] = [minorOf(version), minorOf(other)]
  if (otherMajor === major) return otherMinor <= minor + 1
  return otherMajor < major || (otherMajor === major + 1 && otherMinor === 0)
}

function minorOf(version: string): [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return [major, minor]
}

/** The statements of a script, without comments; bodies of functions and quoted texts stay whole. Pure. */
export function statementsOf(script: string): string[] {
  const parts = script.match(/--[^\n]*|\$(\w*)\$[\s\S]*?\$\1\$|'(?:[^']|'')*'|[^;'$-]+|[\s\S]/g) ?? []
  const statements = ['']
  for (const part of parts) {
    if (part.startsWith('--')) continue
    if (part === ';') statements.push('')
    else statements[statements.length - 1] += part
  }
  return statements.map((text) => text.replace(/\s+/g, ' ').trim()).filter(Boolean)
}
