/** The guide for Next.js, executed as printed: `next build` checks its types, and the built app answers. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Counterpart, startCounterpart } from '../packages/guard/src/testing/counterpart.ts'
import { type Program, runProgram } from '../packages/guard/src/testing/programs.ts'
import { freePort } from '../packages/server/src/testing/world.ts'
import { writePage } from './setup/guides.ts'
import { type PackedFolder, packedGuardBeside } from './setup/packed.ts'

let folder: PackedFolder
let server: Counterpart
let program: Program
let url: string
let built: string

/** What every app of Next.js has besides: a layout, and settings. */
function writeApp(): void {
  const files = {
    'package.json': JSON.stringify({ private: true, type: 'module' }),
    'next.config.mjs': `export default { turbopack: { root: ${JSON.stringify(folder.installed)} } }`,
    'app/layout.tsx':
      'export default ({ children }: { children: React.ReactNode }) => <html lang="en"><body>{children}</body></html>',
  }
  writePage('nextjs', folder.path, server.issuer)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text)
}

beforeAll(async () => {
  server = await startCounterpart()
  folder = await packedGuardBeside('next')
  writeApp()
  const next = join(folder.installed, 'node_modules/next/dist/bin/next')
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', NEXT_TELEMETRY_DISABLED: '1' }
  const build = promisify(execFile)(process.execPath, [next, 'build'], { cwd: folder.path, env })
  built = await build.then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }) => Promise.reject(new Error(stdout + stderr)),
  )
  const port = await freePort()
  program = runProgram(
    process.execPath,
    [next, 'start', '-H', '127.0.0.1', '-p', String(port)],
    env,
    folder.path,
  )
  await program.printed(/Ready in/)
  url = `http://127.0.0.1:${port}`
})
afterAll(async () => {
  await program?.stop()
  await server.close()
  folder?.remove()
})

const tokenFor = (...permissions: string[]) => server.token({ permissions })
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

describe('an app of Next.js', () => {
  it('builds, types included, with a dynamic route and a proxy on Node', () => {
    expect(built).toMatch(/\/api\/notes\/\[id\]/)
    expect(built).toMatch(/Proxy/)
  })

  it('protects route handlers by method, with their parameters', async () => {
    const response = await fetch(`${url}/api/notes/7`, bearer(await tokenFor('notes:read')))
    expect([response.status, await response.json()]).toEqual([200, { id: '7', user: 'ada' }])
    const refused = await fetch(`${url}/api/notes/7`)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('Bearer'),
    ])
    const post = { method: 'POST', ...bearer(await tokenFor('notes:read')) }
    expect((await fetch(`${url}/api/notes/7`, post)).status).toBe(403)
  })

  it('knows the caller in a page', async () => {
    expect(await (await fetch(url)).text()).toContain('Sign in to continue.')
    expect(await (await fetch(url, bearer(await tokenFor()))).text()).toMatch(/Hello, (?:<!-- -->)?ada/)
  })

  it('knows the caller in a server action', async () => {
    const send = async (token: string) => {
      const page = await (await fetch(url, bearer(token))).text()
      const name = /name="(\$ACTION_ID_\w+)"/.exec(page)?.[1] ?? ''
      const body = new FormData()
      body.set(name, '')
      body.set('name', 'Second draft')
      return fetch(url, { method: 'POST', body, ...bearer(token) })
    }
    expect((await send(await tokenFor('notes:write'))).status).toBe(200)
    await program.printed(/ada renames it to Second draft/)
    expect((await send(await tokenFor('notes:read'))).status).toBe(500)
  })

  it('protects a path by the proxy, in the form of the guard', async () => {
    const refused = await fetch(`${url}/internal/x`)
    expect([refused.status, await refused.json()]).toEqual([401, expect.objectContaining({ success: false })])
    expect((await fetch(`${url}/internal/x`, bearer(await tokenFor()))).status).toBe(404)
  })
})
