/** A server of client id metadata documents, which answers for every https host that tests name. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isPublicAddress } from '../base/outbound/public-address.ts'
import type { Network } from '../base/outbound/request.ts'
import { CALLBACK } from './apps.ts'

export interface DocumentServer {
  network: Network
  /** The addresses that were requested, in their order. */
  requested: string[]
  /** Puts a document at its `client_id`; members that differ from an ordinary app's. */
  put(id: string, members?: Record<string, unknown>, headers?: Record<string, string>): void
  /** Replaces the answer at an address. */
  answer(id: string, by: (response: ServerResponse) => void): void
  close(): Promise<void>
}

/** @param privateHosts names that resolve to an address of a private network */
export async function startDocumentServer(privateHosts: readonly string[] = []): Promise<DocumentServer> {
  const answers = new Map<string, (response: ServerResponse) => void>()
  const server = createServer((request, response) => {
    const id = `https:/${request.url}`
    documents.requested.push(id)
    const answer = answers.get(id)
    if (answer) answer(response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const documents: DocumentServer = {
    network: {
      resolve: async () => [{ address: '10.0.0.7', family: 4 }],
      isPublic: (address) => address === '127.0.0.1' || isPublicAddress(address),
      instead: (url) =>
        privateHosts.includes(url.hostname)
          ? url
          : new URL(`http://127.0.0.1:${port}/${url.host}${url.pathname}${url.search}`),
    },
    requested: [],
    put(id, members = {}, headers = {}) {
      const document = {
        client_id: id,
        client_name: 'Editor',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        ...members,
      }
      documents.answer(id, (response) =>
        response
          .writeHead(200, { 'content-type': 'application/json', ...headers })
          .end(JSON.stringify(document)),
      )
    },
    answer: (id, by) => void answers.set(id, by),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return documents
}
