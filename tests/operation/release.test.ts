/** What `scripts/release.mjs` makes: tarballs, the chart, the list of their materials, and checksums. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

let folder: string
beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'latchkey-release-')), 'release')
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/release.mjs'), folder])
}, 240_000)
afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

describe('a release', () => {
  it('has both packages, the chart, and a checksum of each file', () => {
    const names = readdirSync(folder).sort()
    expect(names).toEqual([
      'SHA256SUMS',
      'latchkey-chart-0.1.0.tgz',
      'latchkey-guard-0.1.0.tgz',
      'latchkey-server-0.1.0.cdx.json',
      'latchkey-server-0.1.0.tgz',
    ])
    const checked = execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(checked.trim().split('\n')).toHaveLength(names.length - 1)
    const chart = execFileSync('tar', ['-tzf', join(folder, 'latchkey-chart-0.1.0.tgz')], {
      encoding: 'utf8',
    })
    expect(chart).toContain('latchkey/templates/deployment.yaml')
  })

  it('lists what the server is made of: the packages in its bundle, and those installed with it', () => {
    const { bomFormat, specVersion, metadata, components } = JSON.parse(
      readFileSync(join(folder, 'latchkey-server-0.1.0.cdx.json'), 'utf8'),
    )
    expect([bomFormat, specVersion, metadata.component.name]).toEqual([
      'CycloneDX',
      '1.5',
      '@latchkey/server',
    ])
    const names: string[] = components.map(({ name }: { name: string }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['zod', 'pg', '@electric-sql/pglite', 'bcrypt', '@node-rs/argon2']),
    )
    const licensed = execFileSync(
      'tar',
      ['-xzOf', join(folder, 'latchkey-server-0.1.0.tgz'), 'package/dist/licenses.txt'],
      {
        encoding: 'utf8',
        maxBuffer: 10_000_000,
      },
    )
    for (const [, name] of licensed.matchAll(/^(\S+) \d+\.\d+\.\S+ \([^)]+\)$/gm))
      expect(names).toContain(name)
    for (const { name, version, purl, licenses } of components) {
      expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`)
      expect(licenses?.[0]?.expression, name).toMatch(/MIT|ISC|BSD|Apache|0BSD|MPL|Unlicense|CC0|BlueOak/)
    }
    // none of the tools that only build and test it
    expect(names).not.toContain('vitest')
  })
})
