/** A browser that signs in by a SAML connection through the public addresses, as the provider of the test answers. */
import { inflateRawSync } from 'node:zlib'
import type { Client } from './client.ts'
import { HTML } from './federation.ts'
import type { SamlPeer } from './saml-connection.ts'
import type { World } from './world.ts'

/** What the identity provider receives. */
export interface ReceivedRequest {
  requestId: string
  relayState: string
}

/** The message of the Redirect binding. */
export const inflated = (message: string): string => inflateRawSync(Buffer.from(message, 'base64')).toString()

export const idOf = (xml: string): string => / ID="([^"]+)"/.exec(xml)?.[1] ?? ''

/** Begins a sign-in at the address of the connection. */
export async function beginSaml(world: World, client: Client, slug: string): Promise<ReceivedRequest> {
  let reply = await client.get(`/saml/${slug}/login`, HTML)
  for (let hops = 0; hops < 3 && !reply.headers.get('location')?.startsWith('https:'); hops += 1)
    reply = await client.get(new URL(reply.headers.get('location') ?? '', world.url).pathname, HTML)
  const parameters = new URL(reply.headers.get('location') ?? '').searchParams
  return {
    requestId: idOf(inflated(parameters.get('SAMLRequest') ?? '')),
    relayState: parameters.get('RelayState') ?? '',
  }
}

/** Posts from the site of the provider, without cookies, and comes for the answer. @returns where the browser ends */
export async function answerSaml(
  world: World,
  client: Client,
  path: string,
  fields: { SAMLResponse: string; RelayState?: string },
): Promise<string> {
  const posted = await world.client().post(path, fields, {
    form: true,
    headers: { ...HTML.headers, origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
  })
  if (posted.status !== 303) return String(posted.status)
  const reply = await client.get(posted.headers.get('location') ?? '', HTML)
  return reply.headers.get('location') ?? String(reply.status)
}

/** All of it. @returns where the browser ends */
export async function signInBySaml(
  world: World,
  client: Client,
  peer: SamlPeer,
  assertion: Parameters<SamlPeer['signed']>[0],
): Promise<string> {
  const { slug } = peer.connection
  const { requestId, relayState } = await beginSaml(world, client, slug)
  const SAMLResponse = peer.signed({ inResponseTo: requestId, ...assertion })
  return await answerSaml(world, client, `/saml/${slug}/acs`, { SAMLResponse, RelayState: relayState })
}
