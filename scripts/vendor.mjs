/**
 * Renews packages/server/vendor: what is taken out of npm packages that are no dependencies. Fetches the pinned version of
 * each with npm and checks its integrity. `node scripts/vendor.mjs` after a change of a version.
 *
 * - redoc: the viewer of the API reference, one prebuilt file. As a dependency it would bring a hundred packages, of which
 *   none is needed. The one address of another host, that of a logo, is taken out.
 * - public-suffixes: the rules of the Public Suffix List, as text, from the index that tldts makes of it each week.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { root } from './install.mjs'

const vendor = join(root, 'packages/server/vendor')

/** Unpacks the version of the package that the file `<target>.json` of the target folder pins, and passes its folder to `take`. */
function renew(name, target, take) {
  const to = join(vendor, target)
  const { version, integrity } = JSON.parse(readFileSync(join(to, `${target}.json`), 'utf8'))
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-vendor-'))
  try {
    execFileSync('npm', ['pack', '--silent', `${name}@${version}`], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const tarball = join(folder, `${name}-${version}.tgz`)
    const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    if (found !== integrity)
      throw new Error(`${name} ${version} has the integrity ${found}, not ${integrity}`)
    execFileSync('tar', ['-xzf', tarball], { cwd: folder })
    take(join(folder, 'package'), to)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg'

renew('redoc', 'redoc', (from, to) => {
  const parts = readFileSync(join(from, 'bundles/redoc.standalone.js'), 'utf8').split(LOGO)
  if (parts.length !== 2) throw new Error('the address of the logo is not in the file once')
  // an image that fails is not shown
  writeFileSync(join(to, 'redoc.js'), parts.join('data:,').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))
  const notices = ['LICENSE', 'bundles/redoc.standalone.js.LICENSE.txt']
  const texts = notices.map((name) => readFileSync(join(from, name), 'utf8').trim())
  writeFileSync(join(to, 'LICENSES.txt'), `${texts.join('\n\n')}\n`)
})

/** The rules below a node of the index: `co.uk`, `*.ck`, and those with only one label, which nothing needs, left out. */
function* rulesBelow(trie, node, suffix) {
  let at = trie.edgeLength.subarray(0, trie.edgeStart[node]).reduce((sum, length) => sum + length, 0)
  for (let edge = trie.edgeStart[node]; edge < trie.edgeStart[node + 1]; edge += 1) {
    const label = trie.labelText.slice(at, at + trie.edgeLength[edge])
    at += trie.edgeLength[edge]
    const child = trie.edgeChild[edge]
    const rule = suffix === '' ? label : `${label}.${suffix}`
    if (trie.nodeFlags[child] !== 0 && rule.includes('.'))
      yield rule
        .split('.')
        .map((one) => (/^[\x21-\x7e]+$/.test(one) ? one : domainToASCII(one)))
        .join('.')
    yield* rulesBelow(trie, child, rule)
  }
}

renew('tldts', 'public-suffixes', (from, to) => {
  const trie = createRequire(import.meta.url)(join(from, 'dist/cjs/src/data/trie.js'))
  const rules = [...rulesBelow(trie, trie.rulesRoot, '')]
  const exceptions = [...rulesBelow(trie, trie.exceptionsRoot, '')].map((rule) => `!${rule}`)
  const lines = [...new Set([...rules, ...exceptions])].sort()
  // fewer would mean that the form of the index has changed
  if (lines.length < 8000 || !lines.includes('co.uk') || !lines.includes('!www.ck'))
    throw new Error(`the index has only ${lines.length} rules`)
  writeFileSync(join(to, 'public-suffixes.txt'), `${lines.join('\n')}\n`)
})
