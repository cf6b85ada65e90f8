/**
 * `npm run example -- jwt` runs `protect-with-jwt.ts`, or `main.ts` of a folder; without a name it lists the
 * examples.
 */
import { readdirSync } from 'node:fs'

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
const examples = new Map(
  files.flatMap((file) => {
    const name = /^protect-with-(.+)\.ts$/.exec(file)?.[1] ?? /^([^\\/]+)[\\/]main\.ts$/.exec(file)?.[1]
    return name === undefined ? [] : [[name, file] as const]
  }),
)
const wanted = examples.get(process.argv[2]?.replace(/^protect-with-/, '') ?? '')
if (wanted !== undefined) await import(`./${wanted}`)
else {
  console.error(
    `npm run example -- <name>, with one of these names: ${[...examples.keys()].sort().join(', ')}`,
  )
  process.exitCode = 2
}
