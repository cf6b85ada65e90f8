/** A server that apps receive logout tokens on (OpenID Connect Back-Channel Logout 1.0 §2.5), as tests want it to answer. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LogoutReceiver {
  url: string
  /** What has arrived: media type and body. */
  received: { type: string | undefined; body: string }[]
  /** The tokens that have arrived. */
  tokens(): string[]
  /** Replaces the answer; default: 200 without a body. */
  answer(response: ServerResponse): void
  close(): Promise<void>
}

export async function startLogoutReceiver(): Promise<LogoutReceiver> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    receiver.received.push({ type: request.headers['content-type'], body })
    receiver.answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: LogoutReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`,
    received: [],
    tokens: () => receiver.received.map(({ body }) => new URLSearchParams(body).get('logout_token') ?? ''),
    answer: (response) => void response.writeHead(200).end(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}
