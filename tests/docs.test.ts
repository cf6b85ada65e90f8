/**
 * Every markdown page of the repository: links resolve, to files and to headings; docs/README.md lists every page below
 * docs/; blocks of settings are valid.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../packages/server/src/config.ts'
import { blocksOf } from './setup/console.ts'

const ROOT = join(import.meta.dirname, '..')
const IGNORED = new Set(['node_modules', '.git', '.cache', 'dist', 'coverage', '.latchkey'])

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return IGNORED.has(entry.name) ? [] : pagesIn(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}
const pages = pagesIn(ROOT).map((path) => relative(ROOT, path))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Without blocks of code. */
const proseOf = (page: string): string => read(page).replaceAll(/^```[\s\S]*?^```$/gm, '')

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const counts = new Map<string, number>()
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text)
  return new Set(
    headings.map((text) => {
      const slug = text
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
        .replaceAll(/\s/g, '-')
      const count = counts.get(slug) ?? 0
      counts.set(slug, count + 1)
      return count === 0 ? slug : `${slug}-${count}`
    }),
  )
}

interface Link {
  text: string
  /** The path from the root of the repository. */
  path: string
  anchor: string | undefined
}

/** The links of a page to files of the repository. */
const linksOf = (page: string): Link[] =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)]
    .map(([, markdown, html]) => markdown ?? html ?? '')
    .filter((text) => !/^[a-z]+:/.test(text))
    .map((text) => {
      const [file = '', anchor] = text.split('#')
      const path = file === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), file))
      return { text, path, anchor }
    })

describe('links', () => {
  it.each(pages)('of %s resolve', (page) => {
    const broken = linksOf(page).filter(({ path, anchor }) => {
      if (!existsSync(join(ROOT, path))) return true
      return anchor !== undefined && path.endsWith('.md') && !anchorsOf(path).has(anchor)
    })
    expect(broken.map(({ text }) => text)).toEqual([])
  })
})

describe('docs/README.md', () => {
  const listed = linksOf('docs/README.md').map(({ path }) => path)

  it('lists every page below docs/, and every README of a package, once in its order of reading', () => {
    const wanted = pages.filter(
      (page) =>
        (page.startsWith('docs/') || /^packages\/\w+\/README/.test(page)) && page !== 'docs/README.md',
    )
    expect(wanted.filter((page) => !listed.includes(page))).toEqual([])
    expect(listed.filter((path, at) => listed.indexOf(path) !== at)).toEqual([])
  })

  it('is in the order tutorial, how-to guides, reference, explanation', () => {
    const headings = [...read('docs/README.md').matchAll(/^## (.+)$/gm)].map(([, text]) => text)
    expect(headings).toEqual(['Tutorial', 'How-to guides', 'Reference', 'Explanation'])
  })

  it('is linked by the README of the repository', () => {
    expect(linksOf('README.md').map(({ path }) => path)).toContain('docs/README.md')
  })
})

describe('settings', () => {
  const SETTING = /^([A-Z][A-Z0-9_]+)=(.*?)(?: +#.*)?$/
  const blocks = pages.flatMap((page) =>
    ['', 'ini', 'sh', 'env']
      .flatMap((language) => blocksOf(read(page), language))
      .map((block) => block.trim().split('\n'))
      .filter((lines) => lines.every((line) => SETTING.test(line) && !/^\S+ [a-z]/.test(line)))
      .map((lines) => [page, lines] as const),
  )

  it.each(blocks)('of %s are valid: %s', (_, lines) => {
    const values = lines.map((line) => {
      const [, name = '', value = ''] = SETTING.exec(line) ?? []
      return [name, value.replaceAll('…', 'KQ7dGfoT7xCIl2zW9Yk5bU0c3mVnRr1aP8sLhXeJtE4')]
    })
    expect(() => loadConfig(Object.fromEntries(values), { cwd: '/nonexistent' })).not.toThrow()
  })

  it('are found', () => expect(blocks.length).toBeGreaterThan(3))
})

describe('commands that are printed', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const printed = (pattern: RegExp): string[][] =>
    pages.flatMap((page) =>
      [...read(page).matchAll(pattern)].map(([, ...groups]) => [page, ...groups] as string[]),
    )

  it('are scripts of package.json, where they begin with `npm run`', () => {
    const names = printed(/npm run ([a-z]+)/g)
    expect(names.length).toBeGreaterThan(5)
    expect(names.filter(([, name = '']) => !(name in scripts))).toEqual([])
  })

  it('name projects of the test suite and files that exist', () => {
    const config = read('vitest.config.ts')
    const commands = printed(/npx vitest run --project (\w+)(?: +([\w./-]+))?/g)
    expect(commands.length).toBeGreaterThan(4)
    const isThere = ([, project = '', path]: string[]) =>
      new RegExp(`(?:project|onDatabase)\\('${project}'`).test(config) &&
      (path === undefined || existsSync(join(ROOT, path)))
    expect(commands.filter((command) => !isThere(command))).toEqual([])
  })

  it('name steps of `npm test`', () => {
    const runner = read('scripts/test.mjs')
    const [, steps = ''] = /these steps only: ([a-z0-9 ]+)/.exec(read('CONTRIBUTING.md')) ?? []
    expect(steps.split(' ').length).toBeGreaterThan(8)
    expect(steps.split(' ').filter((step) => !runner.includes(`'${step}'`))).toEqual([])
  })
})

it('images are small enough for a page', () => {
  for (const name of readdirSync(join(ROOT, 'docs/images')))
    expect(statSync(join(ROOT, 'docs/images', name)).size).toBeLessThan(300_000)
})

describe('packages', () => {
  const ours = ['guard', 'server'].map((name) => {
    const { version } = JSON.parse(read(`packages/${name}/package.json`))
    const [major, minor] = version.split('.').map(Number)
    return {
      name,
      archive: `latchkey-${name}-${version}.tgz`,
      // what an upgrade installs
      next: `latchkey-${name}-${major}.${minor + 1}.0.tgz`,
    }
  })

  it.each(pages)('of this repository are installed from an archive of the checkout by %s', (page) => {
    const installed = [
      ...read(page).matchAll(/npm (?:install|i|add)\b[^\n`]*?(\S*latchkey[/-]\S*?)(?=[\s`]|$)/gm),
    ]
    const known = ours.flatMap(({ archive, next }) => [archive, next])
    expect(
      installed.map(([, what = '']) => what.split('/').at(-1)).filter((what) => !known.includes(what ?? '')),
    ).toEqual([])
  })

  it.each(ours)('$name is installed as its README says', ({ name, archive }) => {
    expect(read(`packages/${name}/README.md`)).toMatch(
      new RegExp(
        `^npm pack -w @latchkey/${name} .*\\nnpm install \\.\\./latchkey/${archive.replaceAll('.', '\\.')} `,
        'm',
      ),
    )
  })
})
