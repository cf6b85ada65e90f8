/** What every example prints: where it listens, and lines to paste, each with the answer to expect. */
import type { AddressInfo } from 'node:net'

export const port = Number(process.env.PORT ?? 3000)

/** @param lines what follows `curl`; `URL` stands for the address, and after ` # ` comes the status to expect */
export function show(server: { address(): unknown }, lines: readonly string[]): void {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  console.log(`Listening on ${url}. Try:\n`)
  for (const line of lines) console.log(`curl -i ${line.replaceAll('URL', url)}`)
  console.log('')
}
