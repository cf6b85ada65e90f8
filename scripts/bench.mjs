/** `npm run bench`: installs and builds what is missing, then runs the benchmarks of bench/main.ts. */
import { join } from 'node:path'
import { demandNode, install, root, run } from './install.mjs'

demandNode()
if (!(await install())) process.exit(1)
const { build } = await import('./build.mjs')
if (!(await build())) process.exit(1)
const tsx = join(root, 'node_modules/tsx/dist/cli.mjs')
process.exitCode = (
  await run(process.execPath, [tsx, join(root, 'bench/main.ts'), ...process.argv.slice(2)])
).code
