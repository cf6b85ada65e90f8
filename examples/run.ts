/**
 * `npm run example -- jwt` runs `protect-with-jwt.ts`, `sign-in-with-passport` the file of this name, other names `main.ts`
 * of a folder; without a name it lists the examples.
 */
import { readdirSync } from 'node:fs'

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
const examples = new Map(
  files.flatMap((file) => {
    const [, guarded, folder, app] =
      /^(?:protect-with-(.+)\.ts|([^\\/]+)[\\/]main\.ts|(sign-in-with-.+)\.ts)$/.exec(file) ?? []
    const name = guarded ?? folder ?? app
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
