/**
 * The pages of docs/guides/guard as programs: a block of code whose fence names a file, as in ```ts server.ts, is that
 * file. They run as printed, except for the addresses.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../../packages/guard/src/testing/programs.ts'

const ADDRESS = 'https://id.example.com'

/** The files that a page prints, by name. */
export function filesOf(page: string): Map<string, string> {
  const text = readFileSync(join(ROOT, 'docs/guides/guard', `${page}.md`), 'utf8')
  const blocks = text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)
  return new Map([...blocks].map(([, name = '', code = '']) => [name, code]))
}

/**
 * Writes the files of a page.
 *
 * @param issuer replaces the address of the Latchkey server
 * @param port replaces 3000
 */
export function writePage(page: string, folder: string, issuer = ADDRESS, port = 3000): void {
  for (const [name, code] of filesOf(page)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, code.replaceAll(ADDRESS, issuer).replace(/\b3000\b/, String(port)))
  }
}
