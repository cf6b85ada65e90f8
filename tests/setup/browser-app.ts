/** The example `browser-app` beside a server of the tests. */
import type { AddressInfo } from 'node:net'
import { notesApp } from '../../examples/browser-app/app.ts'

export interface RunningApp {
  port: number
  stop(): Promise<void>
}

/** @param latchkey the public URL of the server, and its port on 127.0.0.1 */
export async function startBrowserApp(
  latchkey: { issuer: string; port: string },
  { oneHost = false, port = 0 } = {},
): Promise<RunningApp> {
  const app = notesApp({ issuer: latchkey.issuer, url: `http://127.0.0.1:${latchkey.port}`, oneHost })
  await app.listen({ port, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, stop: () => app.close() }
}
