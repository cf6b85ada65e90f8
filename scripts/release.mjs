/**
 * Makes a release: the packages as tarballs, the Helm chart, what they contain (CycloneDX), and the checksums of all. Publishes
 * nothing. `node scripts/release.mjs [folder]`, by default `release`.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from './build.mjs'
import { demandNode, install, root, run } from './install.mjs'

const PACKAGES = ['@latchkey/server', '@latchkey/guard']

/** @returns the standard output @throws where it fails */
async function ran(program, args) {
  const { code, output } = await run(program, args, { quiet: true })
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${output}`)
  return output
}

/** The packages that are installed with the server, as a flat list. */
async function installedWithServer() {
  const listed = await ran('npm', ['ls', '--workspace', PACKAGES[0], '--omit', 'dev', '--all', '--json'])
  const found = new Map()
  const visit = (dependencies = {}) => {
    for (const [name, { version, dependencies: below }] of Object.entries(dependencies)) {
      if (version && !PACKAGES.includes(name)) found.set(`${name}@${version}`, { name, version })
      visit(below)
    }
  }
  visit(JSON.parse(listed).dependencies)
  return [...found.values()].map(({ name, version }) => {
    const manifest = join(root, 'node_modules', name, 'package.json')
    return { name, version, license: JSON.parse(readFileSync(manifest, 'utf8')).license }
  })
}

const purl = ({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`

/** CycloneDX 1.5: https://cyclonedx.org/docs/1.5/json/ */
function billOfMaterials(version, packages) {
  const component = ({ license, ...about }) => ({
    type: 'library',
    'bom-ref': purl(about),
    ...about,
    purl: purl(about),
    ...(license && { licenses: [{ expression: license }] }),
  })
  const server = { name: PACKAGES[0], version }
  const unique = new Map(packages.map((one) => [purl(one), component(one)]))
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': purl(server), ...server, purl: purl(server) } },
    components: [...unique.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one),
  }
}

const checksum = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')

async function release(folder) {
  if (!(await install()) || !(await build())) throw new Error('The server could not be built.')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await ran('npm', [
    'pack',
    ...PACKAGES.flatMap((name) => ['--workspace', name]),
    '--pack-destination',
    folder,
  ])
  const { version } = JSON.parse(readFileSync(join(root, 'packages/server/package.json'), 'utf8'))
  // as `helm package` names it
  await ran('tar', [
    '-czf',
    join(folder, `latchkey-chart-${version}.tgz`),
    '-C',
    join(root, 'deploy/helm'),
    'latchkey',
  ])
  const bundled = JSON.parse(readFileSync(join(root, 'packages/server/dist/bundled.json'), 'utf8'))
  const materials = billOfMaterials(version, [...bundled, ...(await installedWithServer())])
  writeFileSync(
    join(folder, `latchkey-server-${version}.cdx.json`),
    `${JSON.stringify(materials, null, 2)}\n`,
  )
  const names = readdirSync(folder).sort()
  // as sha256sum --check reads it
  writeFileSync(
    join(folder, 'SHA256SUMS'),
    names.map((name) => `${checksum(join(folder, name))}  ${name}\n`).join(''),
  )
  console.log(`The release ${version} is in ${folder}: ${[...names, 'SHA256SUMS'].join(', ')}`)
}

demandNode()
await release(resolve(root, process.argv[2] ?? 'release'))
