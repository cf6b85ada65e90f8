/** `npm run example -- jwt`: runs `protect-with-jwt.ts`; without a name it lists them. */
import { readdirSync } from 'node:fs'

const names = readdirSync(import.meta.dirname).flatMap(
  (file) => /^protect-with-(.+)\.ts$/.exec(file)?.[1] ?? [],
)
const wanted = process.argv[2]?.replace(/^protect-with-/, '') ?? ''
if (names.includes(wanted)) await import(`./protect-with-${wanted}.ts`)
else {
  console.error(`npm run example -- <name>, where name is one of: ${names.join(', ')}`)
  process.exitCode = 2
}
