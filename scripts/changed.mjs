/**
 * The test files that a change affects, for `npm test -- --changed`: changed test files, those in the directory of a
 * changed file, and those that import it directly or indirectly. The search ends at the composition root; otherwise
 * every file would affect every test that starts a server. Tests over the whole repository always run.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { root } from './install.mjs'

const TEST = /\.test\.tsx?$/
/** Imports beyond these files do not show what a test is about. */
const ENDS = /^packages\/server\/src\/(?:app|main)\.ts$/
const ALWAYS = [
  'tests/architecture.test.ts',
  'tests/reference.test.ts',
  'tests/openapi.test.ts',
  'tests/routes.test.ts',
]

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

/** Changes since a commit; without one, since the branch left `main`, or on `main` since the last commit. */
export function changedFiles(since) {
  const base = since ?? mergeBase()
  const names = `${git('diff', '--name-only', base)}\n${git('ls-files', '--others', '--exclude-standard')}`
  return names.split('\n').filter((name) => name !== '')
}

function mergeBase() {
  for (const branch of ['origin/main', 'main']) {
    try {
      const base = git('merge-base', 'HEAD', branch)
      if (base !== git('rev-parse', 'HEAD')) return base
    } catch {
      // the branch does not exist
    }
  }
  return git('diff', '--name-only', 'HEAD') === '' ? 'HEAD~1' : 'HEAD'
}

/** The files of the repository that a file imports; the type check covers imports of types. */
function importsOf(path) {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/\b(?:import|export)\b(?! type\b)[^'"]*?'(\.[^']+)'/g)].map(([, to]) =>
    normalize(join(dirname(path), to)),
  )
}

/** @param {readonly string[]} changed @returns {string[]} */
export function touchedTests(changed) {
  const sources = git('ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx')
    .split('\n')
    .filter((path) => existsSync(join(root, path)))
  const importers = new Map()
  for (const path of sources) {
    if (ENDS.test(path)) continue
    for (const to of importsOf(path)) importers.set(to, [...(importers.get(to) ?? []), path])
  }
  const reached = new Set(changed)
  for (const path of reached) for (const importer of importers.get(path) ?? []) reached.add(importer)
  const rooms = new Set(changed.filter((path) => /^packages\/[^/]+\/src\/.+\//.test(path)).map(dirname))
  const touched = sources.filter((path) => TEST.test(path) && (reached.has(path) || rooms.has(dirname(path))))
  const isOfCode = changed.some((path) => /\.(?:tsx?|sql|css|mjs|cjs)$/.test(path))
  return [...new Set([...touched, ...(isOfCode ? ALWAYS : [])])]
    .filter((path) => !/^tests\/(browser|operation)\//.test(path))
    .sort()
}
