/**
 * The guides for identity providers, executed as printed: each provider's addresses are answered on 127.0.0.1, and its
 * tokens are minted in their real shape.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Program, run } from '../packages/guard/src/testing/programs.ts'
import { freePort } from '../packages/server/src/testing/world.ts'
import { filesOf, writePage } from './setup/guides.ts'
import { type PackedFolder, packedGuardBeside } from './setup/packed.ts'
import { type Changes, LEGACY_SECRET, now, PROVIDERS, type Provider, STRANGER } from './setup/providers.ts'

let folder: PackedFolder
let program: Program
let addresses: Server
let url: string
const documents = new Map<string, object>()
const signing = new Map<string, CryptoKey | Uint8Array>()

/** Puts the documents of a provider where the guard looks for them. */
async function publish(name: string, { alg, metadata, jwks, key }: Provider): Promise<void> {
  if (alg === 'HS256') return void signing.set(name, new TextEncoder().encode(LEGACY_SECRET))
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  signing.set(name, privateKey)
  const published = { ...(await exportJWK(publicKey)), kid: name, ...key }
  // a key for encryption, as Keycloak publishes it
  const other = await generateKeyPair('RSA-OAEP', { extractable: true })
  const encryption = { ...(await exportJWK(other.publicKey)), kid: 'enc', use: 'enc', alg: 'RSA-OAEP' }
  const before = documents.get(jwks ?? '') as { keys: object[] } | undefined
  documents.set(jwks ?? '', { keys: [...(before?.keys ?? []), encryption, published] })
  if (metadata !== undefined)
    documents.set(metadata[0], {
      issuer: metadata[1],
      jwks_uri: jwks,
      id_token_signing_alg_values_supported: [alg],
    })
}

function mint(name: string, provider: Provider, changes: Changes = {}): Promise<string> {
  const claims = JSON.parse(JSON.stringify({ iat: now, exp: now + 3600, ...provider.claims, ...changes }))
  const kid = provider.alg === 'HS256' ? {} : { kid: name }
  return new SignJWT(claims)
    .setProtectedHeader({ alg: provider.alg, ...kid, ...provider.header })
    .sign(signing.get(name) ?? new Uint8Array())
}

async function send(name: string, token: string): Promise<[number, Record<string, unknown>]> {
  const response = await fetch(`${url}/${name}`, { headers: { authorization: `Bearer ${token}` } })
  return [response.status, (await response.json()) as Record<string, unknown>]
}

/** Serves each page's guard; connections to providers are made to the test instead. */
const SERVE = `
  const real = globalThis.fetch
  globalThis.fetch = (address, init) => real(process.env.ADDRESSES + encodeURIComponent(String(address)), init)
  import { createServer } from 'node:http'
  const { currentPrincipal } = await import('@latchkey/guard')
  const answer = (_, response) => response.end(JSON.stringify(currentPrincipal()))
  const handlers = {}
  for (const name of process.env.NAMES.split(' '))
    handlers['/' + name] = (await import('./' + name)).guard.node(answer)
  createServer((request, response) => handlers[request.url](request, response)).listen(process.env.PORT, '127.0.0.1', () => console.log('ready'))`

beforeAll(async () => {
  for (const [name, provider] of Object.entries(PROVIDERS)) await publish(name, provider)
  addresses = createServer((request, response) => {
    const document = documents.get(decodeURIComponent((request.url ?? '/').slice(1)))
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document ?? {}))
  })
  await new Promise<void>((resolve) => addresses.listen(0, '127.0.0.1', () => resolve()))
  folder = await packedGuardBeside('guides')
  writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }')
  for (const page of new Set(Object.keys(PROVIDERS).map((name) => name.split('/')[0] ?? ''))) {
    mkdirSync(join(folder.path, page))
    writePage(page, join(folder.path, page))
  }
  const customers = `export const isCustomer = async (tenant: string) => tenant !== '${STRANGER}'`
  writeFileSync(join(folder.path, 'entra-id/customers.ts'), customers)
  writeFileSync(join(folder.path, 'serve.mjs'), SERVE)
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const env = {
    PORT: String(port),
    NAMES: Object.keys(PROVIDERS).join(' '),
    ADDRESSES: `http://127.0.0.1:${(addresses.address() as AddressInfo).port}/`,
    SUPABASE_JWT_SECRET: LEGACY_SECRET,
  }
  program = run(['serve.mjs'], env, folder.path)
  await program.printed(/ready/)
})
afterAll(async () => {
  await program?.stop()
  addresses.close()
  folder?.remove()
})

describe.each(Object.entries(PROVIDERS))('the guide %s', (name, provider) => {
  it('accepts the tokens of the provider, and knows their user', async () => {
    expect(await send(name, await mint(name, provider))).toEqual([
      200,
      expect.objectContaining(provider.principal),
    ])
    for (const [changes, principal] of provider.accepted ?? [])
      expect([changes, await send(name, await mint(name, provider, changes))]).toEqual([
        changes,
        [200, expect.objectContaining(principal)],
      ])
  })

  it('refuses its other tokens, expired ones, and those of others', async () => {
    const refused = [...provider.refused, { exp: now - 120 }, { exp: undefined }]
    for (const changes of refused) {
      const [status] = await send(name, await mint(name, provider, changes))
      expect([changes, status >= 401 && status <= 403]).toEqual([changes, true])
    }
    const stranger = name === 'okta/guard.ts' ? 'auth0/guard.ts' : 'okta/guard.ts'
    const forged = { ...provider, alg: PROVIDERS[stranger]?.alg ?? 'RS256' }
    expect((await send(name, await mint(stranger, forged)))[0]).toBe(401)
  })
})

it('every guide for a provider is executed', () => {
  const pages = ['auth0', 'okta', 'entra-id', 'google', 'keycloak', 'cognito', 'firebase', 'supabase']
  const files = pages.flatMap((page) => [...filesOf(page).keys()].map((file) => `${page}/${file}`))
  expect(files.sort()).toEqual(Object.keys(PROVIDERS).sort())
})
