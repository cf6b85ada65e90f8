/** The guides of docs/guides/apps: their blocks of code, and the registration of an app as their command says it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../../packages/guard/src/testing/programs.ts'
import { clientsCreate } from '../../packages/server/src/commands/clients.ts'
import type { World } from '../../packages/server/src/testing/world.ts'
import { stepsOf } from './console.ts'

const FOLDER = join(ROOT, 'docs/guides/apps')
export const APP_GUIDES = readdirSync(FOLDER).map((file) => file.replace(/\.md$/, ''))
export const readAppGuide = (guide: string): string => readFileSync(join(FOLDER, `${guide}.md`), 'utf8')

/** The blocks with the name of a file of examples/. */
export const blocksOfGuide = (guide: string): { file: string; text: string }[] =>
  [...readAppGuide(guide).matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', text = '']) => ({
    file,
    text,
  }))

/** Words as a shell reads them. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, ...forms]) => forms.find((form) => form !== undefined) ?? '',
  )

/** Runs the command of a guide that registers its app, for an app at another address and with another client id. */
export async function registerAsPrinted(
  world: World,
  guide: string,
  { url, id }: { url: string; id: string },
): Promise<{ id: string; secret: string }> {
  const printed = stepsOf(readAppGuide(guide)).find(({ command }) =>
    command.startsWith('latchkey clients create '),
  )
  const words = wordsOf((printed?.command ?? '').replaceAll('http://localhost:3000', url)).slice(3)
  const options = Object.fromEntries(
    Object.keys(clientsCreate.options ?? {}).map((name) => [name, { type: 'string' as const }]),
  )
  const { values } = parseArgs({ args: words, options })
  if (clientsCreate.on !== 'tools') throw new Error('the command does not run on the tools')
  const { json } = await clientsCreate.run(world.app.tools, { values: { ...values, id }, positionals: [] })
  const made = json as { client_id: string; client_secret: string | null }
  return { id: made.client_id, secret: made.client_secret ?? '' }
}
