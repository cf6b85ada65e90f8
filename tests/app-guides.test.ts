/** The guides of docs/guides/apps: their code is that of the examples, which tests/browser/foreign-apps.test.ts runs. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../packages/guard/src/testing/programs.ts'
import { startWorld } from '../packages/server/src/testing/world.ts'
import { APP_GUIDES, blocksOfGuide, readAppGuide } from './setup/app-guides.ts'

const example = (file: string) => readFileSync(join(ROOT, 'examples', file), 'utf8')
/** What discovery says, of a server at the address of the examples. */
let metadata: Record<string, unknown>
beforeAll(async () => {
  const world = await startWorld()
  const { text } = await world.client().get('/.well-known/openid-configuration')
  metadata = JSON.parse(text.replaceAll(world.config.publicUrl, 'http://localhost:4000'))
  await world.stop()
})

describe('the guides of apps', () => {
  it.each(APP_GUIDES)('%s has the code of its example, character by character', (guide) => {
    const blocks = blocksOfGuide(guide)
    expect(blocks.length).toBeGreaterThan(0)
    for (const { file, text } of blocks) expect(example(file)).toContain(text)
  })

  it('and that of an MCP server', () => {
    const page = readFileSync(join(ROOT, 'docs/guides/guard/mcp.md'), 'utf8')
    const [, text = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(page) ?? []
    expect(text).toContain('protectedResource(')
    expect(example('protect-with-mcp.ts')).toContain(text)
  })

  it('show every example of an app, and name the command that runs it', () => {
    const files = readdirSync(join(ROOT, 'examples')).filter((file) => file.startsWith('sign-in-'))
    const shown = APP_GUIDES.flatMap((guide) => blocksOfGuide(guide).map(({ file }) => file.split('/')[0]))
    expect(files.filter((file) => !shown.includes(file))).toEqual([])
    const text = APP_GUIDES.map(readAppGuide).join()
    for (const file of files) expect(text).toContain(file.replace(/\.ts$/, ''))
  })

  it('name addresses of this server that discovery names', () => {
    const known = new Set(Object.values(metadata))
    const named = APP_GUIDES.flatMap((guide) => [...readAppGuide(guide).matchAll(/`(\/oidc\/[a-z_]+)`/g)])
    expect(named.length).toBeGreaterThan(3)
    for (const [, path] of named) expect(known).toContain(`http://localhost:4000${path}`)
  })
})

describe('the configuration for Spring Security', () => {
  const yaml = example('sign-in-with-spring.yml')
  const value = (name: string) => new RegExp(`^ +${name}: (.+)$`, 'm').exec(yaml)?.[1]

  it.each([
    ['issuer-uri', 'issuer'],
    ['authorization-uri', 'authorization_endpoint'],
    ['token-uri', 'token_endpoint'],
    ['user-info-uri', 'userinfo_endpoint'],
    ['jwk-set-uri', 'jwks_uri'],
  ])('has the %s that discovery calls %s', (name, member) => {
    expect(value(name)).toBe(metadata[member])
  })

  it('has a grant, a way to authenticate, scopes and a claim that this server supports', () => {
    expect(metadata.grant_types_supported).toContain(value('authorization-grant-type'))
    expect(metadata.token_endpoint_auth_methods_supported).toContain(value('client-authentication-method'))
    expect(metadata.scopes_supported).toEqual(expect.arrayContaining(value('scope')?.split(',') ?? ['none']))
    expect(metadata.claims_supported).toContain(value('user-name-attribute'))
  })
})
