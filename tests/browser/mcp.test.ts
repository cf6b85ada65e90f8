/**
 * The MCP server of the example and the client of the MCP SDK, against a whole server: challenge, metadata of the resource and of
 * the server, a sign-in in Chromium for the resource, and a tool that knows the user.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Program, run } from '../../packages/guard/src/testing/programs.ts'
import { testApp } from '../../packages/server/src/testing/apps.ts'
import { freePort, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, startChromium } from './chromium.ts'
import { visitor } from './visitor.ts'

let world: World
let chromium: Chromium
const programs: Program[] = []
const start = (...args: Parameters<typeof run>): Program => {
  const program = run(...args)
  programs.push(program)
  return program
}

beforeAll(async () => {
  chromium = await startChromium()
  world = await startWorld()
  // the guard has the clock of this machine
  world.app.tools.clock.set(new Date())
})
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()))
  await chromium?.close()
  await world?.stop()
})

it('a client that knows an address alone gets a token for it, and calls a tool as the user', async () => {
  const [port, callback] = [await freePort(), await freePort()]
  const resource = `http://localhost:${port}/mcp`
  const root = await world.person({ roles: ['super_admin'] })
  const added = await root.client.post('/api/v1/oidc/resources', {
    identifier: resource,
    name: 'Notes',
    scopes: [{ name: 'notes:read', description: 'Read your notes' }],
  })
  expect([added.status, added.text]).toEqual([201, expect.any(String)])
  const app = await testApp(world, {
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    scopes: ['openid', 'notes:read'],
  })
  const server = start(['examples/run.ts', 'mcp'], {
    PORT: `${port}`,
    RESOURCE: resource,
    LATCHKEY_PUBLIC_URL: world.config.publicUrl,
  })
  await server.printed(/Listening/)
  const client = start(['tests/setup/mcp-client.mjs'], {
    PORT: `${callback}`,
    RESOURCE: resource,
    CLIENT_ID: app.id,
  })
  await client.printed(/Open \S+\n/)
  const url = new URL(/Open (\S+)/.exec(client.output())?.[1] ?? '')
  expect([url.searchParams.get('resource'), url.searchParams.get('scope')]).toEqual([resource, 'notes:read'])

  const { id, email } = await world.person({ signIn: false })
  const context = await chromium.open({ locale: 'en-GB' })
  const me = visitor(world, await context.newPage())
  await me.page.goto(url.href)
  await me.signIn(email)
  await me.press('Allow')
  await me.page.getByText('Back in the program').waitFor()
  await client.printed(/Answer: /)
  expect(client.output()).toContain(`Answer: ${id}: milk, bread`)
  await context.close()
})
