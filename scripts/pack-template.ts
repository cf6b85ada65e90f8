/**
 * Packs the template of the embedded database beside the bundle: a migrated, empty data directory, so that a
 * first start takes a second instead of several. Run by scripts/build.mjs with the folder to write to.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildTemplate } from '../packages/server/src/base/db/index.ts'

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('usage: pack-template.ts FOLDER')
const { archive, checksum } = await buildTemplate()
writeFileSync(join(folder, 'template.tar.gz'), archive)
// written last: it marks the archive as complete
writeFileSync(join(folder, 'template.json'), JSON.stringify({ checksum }))
