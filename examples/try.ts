/** The output of every example: its address, and commands to paste, each with the expected status. */
import type { AddressInfo } from 'node:net'

export const port = Number(process.env.PORT ?? 3000)

/** @param lines arguments of `curl`; `URL` is replaced by the address, and ` # ` precedes the expected status */
export function show(server: { address(): unknown }, lines: readonly string[]): void {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  console.log(`Listening on ${url}. Try:\n`)
  for (const line of lines) console.log(`curl -i ${line.replaceAll('URL', url)}`)
  console.log('')
}
