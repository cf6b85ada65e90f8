/** A SAML connection that is written directly, with an identity provider of the test that answers for it. */

import { newId } from '../base/ids.ts'
import { findConnection, samlAddressesOf, type UsableConnection } from '../core/connections/index.ts'
import {
  type ConnectionSettings,
  FederationFault,
  type ProviderFault,
  type ProviderSession,
} from '../core/providers/index.ts'
import { readSamlResponse, samlSessionInsert } from '../features/signin/saml/index.ts'
import {
  type AssertionOptions,
  assertionXml,
  type ProviderKey,
  providerKey,
  type ResponseOptions,
  responseXml,
  type SignOptions,
  signElement,
} from './saml-provider.ts'
import type { World } from './world.ts'

export const IDP = 'https://idp.example/metadata'

export interface SamlPeer {
  connection: UsableConnection
  key: ProviderKey
  /** The time of its messages; null: that of the world. */
  at: Date | null
  /** The connection with other settings of SAML, or others, as the database has it afterwards. */
  change(saml: ConnectionSettings['saml'], others?: ConnectionSettings): Promise<UsableConnection>
  assertion(options?: Partial<AssertionOptions>): { xml: string; id: string }
  response(content: string, options?: Partial<ResponseOptions>): { xml: string; id: string }
  /** A response with a signed assertion, in base64. */
  signed(options?: Partial<AssertionOptions>, signing?: Partial<SignOptions>): string
}

export const REQUEST_ID = '_request'

export const base64 = (xml: string): string => Buffer.from(xml).toString('base64')

/** @param slug default: the id of the connection */
export async function samlPeer(
  world: World,
  options: {
    slug?: string
    organizationId?: string
    saml?: ConnectionSettings['saml']
    settings?: ConnectionSettings
  } = {},
): Promise<SamlPeer> {
  const now = world.clock.now()
  const key = providerKey(now)
  const id = newId('con')
  const base: ConnectionSettings['saml'] = {
    entity_id: IDP,
    sso_url: 'https://idp.example/sso',
    certificates: [key.certificate],
  }
  await world.db.tx('system', (tx) =>
    tx
      .insertInto('connections')
      .values({
        id,
        organization_id: options.organizationId ?? null,
        slug: options.slug ?? id,
        provider: 'saml',
        name: 'Analytical Engines',
        status: 'active',
        client_id: null,
        client_secret: null,
        settings: JSON.stringify({ ...options.settings, saml: { ...base, ...options.saml } }),
        origin: 'api',
        made_by: null,
        tested_at: null,
        created_at: now,
        updated_at: now,
      })
      .execute(),
  )
  const read = async (): Promise<UsableConnection> => {
    const found = await findConnection(world.app.tools.db.hot, id)
    if (!found) throw new Error('the connection does not exist')
    return found
  }
  const connection = await read()
  const { entityId, acs } = samlAddressesOf(world.config, connection)
  const peer: SamlPeer = {
    connection,
    key,
    at: null,
    async change(saml, others = {}) {
      const settings = JSON.stringify({
        ...options.settings,
        ...others,
        saml: { ...base, ...options.saml, ...saml },
      })
      await world.db.tx('system', (tx) =>
        tx.updateTable('connections').set({ settings }).where('id', '=', id).execute(),
      )
      return read()
    },
    assertion: (others = {}) =>
      assertionXml({
        issuer: IDP,
        audience: entityId,
        recipient: acs,
        inResponseTo: REQUEST_ID,
        now: peer.at ?? world.clock.now(),
        ...others,
      }),
    response: (content, others = {}) =>
      responseXml(content, {
        issuer: IDP,
        destination: acs,
        inResponseTo: REQUEST_ID,
        now: peer.at ?? world.clock.now(),
        ...others,
      }),
    signed(others, signing) {
      const { xml, id: assertionId } = peer.assertion(others)
      const answered = others?.inResponseTo === undefined ? {} : { inResponseTo: others.inResponseTo }
      return base64(peer.response(signElement(xml, assertionId, { key, ...signing }), answered).xml)
    },
  }
  return peer
}

/** What a sign-in by the connection has remembered of a session. */
export async function rememberSamlSession(
  world: World,
  sessionId: string,
  connection: Pick<UsableConnection, 'id'>,
  session: ProviderSession,
): Promise<void> {
  const row = { session_id: sessionId, connection_id: connection.id, ...session }
  await world.db.tx('system', (tx) => tx.executeQuery(samlSessionInsert(row)))
}

/** Reads responses as answers to the request of the test. @returns how one is read, and the fault of one that is refused */
export function responseReader(world: World, peer: SamlPeer) {
  const read = (response: string, connection = peer.connection) =>
    readSamlResponse(world.app.tools, connection, {
      response,
      expected: { request_id: REQUEST_ID },
      now: peer.at ?? world.clock.now(),
    })
  /** @throws where it is accepted */
  async function faultOf(response: string, connection = peer.connection): Promise<ProviderFault> {
    const error = await read(response, connection).then(
      ({ subject }) => new Error(`accepted as ${subject}`),
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof FederationFault)) throw error
    return error.fault
  }
  return { read, faultOf }
}
