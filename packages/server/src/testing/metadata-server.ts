/** A web server of a test that answers with the metadata of an identity provider. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { metadataXml } from './saml-provider.ts'

export interface MetadataServer {
  /** For LATCHKEY_CONNECTION_HOSTS. */
  host: string
  url: string
  entityId: string
  /** What it answers. */
  answer: { status: number; body: string }
  /** Lets it answer with these certificates. */
  publish(...certificates: string[]): void
  stop(): Promise<void>
}

export async function startMetadataServer(): Promise<MetadataServer> {
  const web = createServer((_, res) => {
    const { status, body } = server.answer
    res.writeHead(status, { 'content-type': 'application/samlmetadata+xml' }).end(body)
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(web.address() as AddressInfo).port}`
  const server: MetadataServer = {
    host,
    url: `http://${host}/metadata`,
    entityId: 'https://idp.example/metadata',
    answer: { status: 404, body: '' },
    publish(...certificates) {
      server.answer = { status: 200, body: metadataXml({ entityId: server.entityId, certificates }) }
    },
    stop: () => new Promise<void>((resolve) => web.close(() => resolve())),
  }
  return server
}
