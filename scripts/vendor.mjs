/**
 * Renews packages/server/vendor: the viewer of the API reference, one prebuilt file of the package redoc. As a dependency it
 * would bring a hundred packages, of which none is needed. Fetches the pinned version with npm, checks its integrity, and
 * takes out the one address of another host, that of a logo. `node scripts/vendor.mjs` after a change of the version.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './install.mjs'

const target = join(root, 'packages/server/vendor/redoc')
const { version, integrity } = JSON.parse(readFileSync(join(target, 'redoc.json'), 'utf8'))
const LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-vendor-'))
try {
  execFileSync('npm', ['pack', '--silent', `redoc@${version}`], { cwd: folder, stdio: 'inherit' })
  const tarball = join(folder, `redoc-${version}.tgz`)
  const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
  if (found !== integrity) throw new Error(`redoc ${version} has the integrity ${found}, not ${integrity}`)
  execFileSync('tar', ['-xzf', tarball], { cwd: folder })
  const bundles = join(folder, 'package/bundles')
  const parts = readFileSync(join(bundles, 'redoc.standalone.js'), 'utf8').split(LOGO)
  if (parts.length !== 2) throw new Error('the address of the logo is not in the file once')
  mkdirSync(target, { recursive: true })
  // an image that fails is not shown
  writeFileSync(
    join(target, 'redoc.js'),
    parts.join('data:,').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'),
  )
  const notices = ['package/LICENSE', 'package/bundles/redoc.standalone.js.LICENSE.txt']
  const texts = notices.map((name) => readFileSync(join(folder, name), 'utf8').trim())
  writeFileSync(join(target, 'LICENSES.txt'), `${texts.join('\n\n')}\n`)
} finally {
  rmSync(folder, { recursive: true })
}
