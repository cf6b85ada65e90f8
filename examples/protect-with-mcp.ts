/**
 * An MCP server, whose clients find out by themselves where to get a token. Register its address as a resource at Latchkey, with
 * the scope notes:read; docs/guides/guard/mcp.md says how.
 */
import { currentPrincipal, protectedResource } from '@latchkey/guard'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { port, show } from './try.ts'

const issuer = process.env.LATCHKEY_PUBLIC_URL ?? 'http://localhost:4000'
const resource = process.env.RESOURCE ?? 'http://localhost:3000/mcp'

const notes = ['milk', 'bread']
function mcpServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('list_notes', { description: 'Lists your notes' }, async () => ({
    content: [{ type: 'text', text: `${currentPrincipal()?.userId}: ${notes.join(', ')}` }],
  }))
  return server
}

const app = express()
const api = protectedResource({ resource, issuer, scopes: ['notes:read'], name: 'Notes' })
app.all(api.metadata.path, api.metadata.express)
app.post('/mcp', api.express({ scopes: 'notes:read' }), express.json(), async (req, res) => {
  const transport = new StreamableHTTPServerTransport({})
  await mcpServer().connect(transport)
  await transport.handleRequest(req, res, req.body)
})

const server = app.listen(port, 'localhost', () =>
  show(server, [
    `URL${api.metadata.path} # 200`,
    `-X OPTIONS URL${api.metadata.path} # 204`,
    `-X POST -H 'Content-Type: application/json' -d '{}' URL/mcp # 401`,
    `-X POST -H 'Authorization: Bearer no-token' URL/mcp # 401`,
  ]),
)
