/** Browsers that sign in by a SAML connection, at an identity provider of the test that answers with any name. */
import { inflateRawSync } from 'node:zlib'
import type { Client } from './client.ts'
import { goal, HTML } from './federation.ts'
import { base64, IDP } from './saml-connection.ts'
import {
  type AssertionOptions,
  assertionXml,
  type ProviderKey,
  responseXml,
  signElement,
} from './saml-provider.ts'
import type { World } from './world.ts'

/** A request as the identity provider receives it. */
export interface SamlRequest {
  id: string
  relayState: string
  acs: string
  entityId: string
}

/** The request in the query of a URL. */
export function samlRequestIn(url: string): SamlRequest {
  const { searchParams } = new URL(url)
  const xml = inflateRawSync(Buffer.from(searchParams.get('SAMLRequest') ?? '', 'base64')).toString()
  const part = (pattern: RegExp): string => pattern.exec(xml)?.[1] ?? ''
  return {
    id: part(/ ID="([^"]+)"/),
    relayState: searchParams.get('RelayState') ?? '',
    acs: part(/AssertionConsumerServiceURL="([^"]+)"/),
    entityId: part(/<saml:Issuer>([^<]+)</),
  }
}

/** Begins at a path that leads to the identity provider. */
export const beginSaml = async (client: Client, path: string): Promise<SamlRequest> =>
  samlRequestIn(goal(await client.get(path, HTML)) ?? '')

export interface SamlUser extends Pick<AssertionOptions, 'nameId' | 'attributes'> {
  key: ProviderKey
  issuer?: string
}

/** Answers a request from the site of the provider, and comes for the answer. @returns where the browser ends */
export async function answerSaml(
  world: World,
  client: Client,
  { id, relayState, acs, entityId }: SamlRequest,
  { key, issuer = IDP, ...user }: SamlUser,
): Promise<string | null> {
  const about = { issuer, inResponseTo: id, now: world.clock.now() }
  const assertion = assertionXml({ ...about, audience: entityId, recipient: acs, ...user })
  const signed = signElement(assertion.xml, assertion.id, { key })
  const posted = await world.client().post(
    new URL(acs).pathname,
    { SAMLResponse: base64(responseXml(signed, { ...about, destination: acs }).xml), RelayState: relayState },
    {
      form: true,
      headers: { ...HTML.headers, origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    },
  )
  const back = goal(posted)
  return back === null ? null : goal(await client.get(back, HTML))
}
