/**
 * A program: the client of the MCP SDK. It knows the address of a server, its own client id and a port for the answer; the rest it
 * finds out by itself. It prints where the user signs in, and then what the tool has answered.
 */
import { createServer } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const { RESOURCE, CLIENT_ID, PORT } = process.env
const redirectUrl = `http://127.0.0.1:${PORT}/callback`

const kept = {}
const authProvider = {
  redirectUrl,
  clientMetadata: { redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
  clientInformation: () => ({ client_id: CLIENT_ID }),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => {
    kept.tokens = tokens
  },
  redirectToAuthorization: (url) => console.log(`Open ${url.href}`),
  saveCodeVerifier: (verifier) => {
    kept.verifier = verifier
  },
  codeVerifier: () => kept.verifier,
}

const answer = new Promise((resolve) => {
  createServer((req, res) => {
    const { searchParams } = new URL(req.url, redirectUrl)
    res.writeHead(200, { 'content-type': 'text/html' }).end('<p>Back in the program')
    if (searchParams.has('code')) resolve(searchParams.get('code'))
  }).listen(PORT, '127.0.0.1')
})

const connect = async () => {
  const client = new Client({ name: 'client-of-tests', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(RESOURCE), { authProvider })
  try {
    await client.connect(transport)
    return client
  } catch (error) {
    if (error.constructor.name !== 'UnauthorizedError') throw error
    await transport.finishAuth(await answer)
    return connect()
  }
}

const client = await connect()
const { tools } = await client.listTools()
const { content } = await client.callTool({ name: tools[0].name, arguments: {} })
console.log(`Answer: ${content[0].text}`)
await client.close()
process.exit(0)
