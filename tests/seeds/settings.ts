/** The settings that a page of docs/guides/coming-from prints, so that its document is replayed under exactly these. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { type Config, loadConfig, SETTINGS } from '../../packages/server/src/config.ts'

/** @param but settings of the page that a test replaces, such as a port that has to be free */
export function pageSettings(document: string, but: readonly (keyof Config)[] = ['port']): Partial<Config> {
  const page = new URL(`../../docs/guides/coming-from/${document}.md`, import.meta.url)
  const block = /```ini\n([\s\S]*?)```/.exec(readFileSync(page, 'utf8'))?.[1] ?? ''
  // `…` is what each installation generates for itself
  const env = parseEnv(block.replaceAll('…', randomBytes(48).toString('base64')))
  const config = loadConfig({ LATCHKEY_PROFILE: 'testing', ...env }, { cwd: '/nonexistent' })
  const names = (Object.keys(SETTINGS) as (keyof Config)[]).filter(
    (name) => env[SETTINGS[name].env] !== undefined && !but.includes(name),
  )
  return Object.fromEntries(names.map((name) => [name, config[name]]))
}
