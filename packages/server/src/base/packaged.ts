/** Files of the package: next to the bundle (dist/server.cjs), or in the package when the sources run. */
import { existsSync } from 'node:fs'

export function packagedFile(name: string): URL {
  const beside = new URL(`./${name}`, import.meta.url)
  return existsSync(beside) ? beside : new URL(`../../${name}`, import.meta.url)
}
