import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../base/call.ts'
import { readCertificate } from '../../base/x509.ts'
import { IDP, samlPeer } from '../../testing/saml-connection.ts'
import { metadataXml, providerKey } from '../../testing/saml-provider.ts'
import { startWorld, type World } from '../../testing/world.ts'
import { findConnection, type UsableConnection } from '../connections/index.ts'
import { approveCertificates, findMetadataCheck, refreshIdpMetadata } from './index.ts'

let world: World
let server: Server
let url: string
/** What the server answers. */
let answer: { status: number; body: string }
beforeAll(async () => {
  server = createServer((_, res) => {
    res.writeHead(answer.status, { 'content-type': 'application/samlmetadata+xml' }).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata`
  world = await startWorld({ connectionHosts: [new URL(url).host] })
})
afterAll(async () => {
  await world.stop()
  await new Promise((resolve) => server.close(resolve))
})

const document = (...certificates: string[]) => ({
  status: 200,
  body: metadataXml({ entityId: IDP, certificates }),
})
const refresh = (connection: UsableConnection) =>
  refreshIdpMetadata(world.app.tools, systemCall(world.clock.now()), connection)
const fingerprint = (certificate: string): string => readCertificate(certificate)?.fingerprint ?? ''

async function peerWithUrl(metadataUrl = url) {
  const peer = await samlPeer(world, { saml: { metadata_url: metadataUrl } })
  const read = async (): Promise<UsableConnection> => {
    const found = await findConnection(world.app.tools.db.hot, peer.connection.id)
    if (!found) throw new Error('the connection does not exist')
    return found
  }
  const check = () => findMetadataCheck(world.app.tools.db.hot, peer.connection.id)
  return { ...peer, read, check }
}

describe('metadata of an http address', () => {
  it('lets new certificates wait until those that were shown are approved, once', async () => {
    const { connection, key, read, check } = await peerWithUrl()
    const next = providerKey(world.clock.now()).certificate
    const other = providerKey(world.clock.now()).certificate
    answer = document(key.certificate, next, other)
    expect(await refresh(connection)).toEqual({ changed: ['pending_certificates'], fault: null })
    const waiting = await read()
    expect(waiting.settings.saml).toMatchObject({
      certificates: [key.certificate],
      pending_certificates: [next, other],
    })
    expect(waiting.version).toBe(connection.version + 1)
    expect(await check()).toMatchObject({ fault: null, changed_at: expect.any(Date) })

    const call = systemCall(world.clock.now())
    const approve = (...fingerprints: string[]) =>
      world.db.tx('system', (tx) => approveCertificates(tx, call, connection.id, fingerprints))
    expect(await approve('0'.repeat(64))).toBe(0)
    const results = await Promise.all(Array.from({ length: 10 }, () => approve(fingerprint(next))))
    expect(results.toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    expect((await read()).settings.saml).toMatchObject({
      certificates: [next, key.certificate],
      pending_certificates: [other],
    })
    const events = await world.events()
    expect(events.filter((type) => type === 'connection.metadata.changed')).toHaveLength(1)
    expect(events.filter((type) => type === 'connection.certificates.approved')).toHaveLength(1)
  })

  it.each([
    ['an error', { status: 500, body: '' }, 'bad_answer', 'status 500'],
    ['HTML', { status: 200, body: '<html></html>' }, 'bad_settings', 'no'],
    ['a document type', { status: 200, body: '<!DOCTYPE x><x/>' }, 'unsafe_document', 'document type'],
    [
      'another provider',
      { status: 200, body: metadataXml({ entityId: 'https://other.example', certificates: [] }) },
      'bad_settings',
      IDP,
    ],
    ['more than 1 MB', { status: 200, body: 'x'.repeat(1_100_000) }, 'bad_answer', ''],
  ])('keeps what is there when the answer is %s, and shows why', async (_, wrong, fault, detail) => {
    const { connection, read, check } = await peerWithUrl()
    answer = wrong
    expect(await refresh(connection)).toMatchObject({ changed: [], fault: { fault } })
    expect(await check()).toMatchObject({ fault, detail: expect.stringContaining(detail), changed_at: null })
    expect(await read()).toEqual(connection)
  })

  it.each([
    ['single sign-on', { sso: { 'HTTP-Redirect': 'http://idp.example/sso' } }],
    ['single logout', { slo: { 'HTTP-POST': 'http://idp.example/slo' } }],
  ])(
    'keeps what is there when the address of %s is not https, as where it is entered',
    async (_, endpoints) => {
      const { connection, key, read, check } = await peerWithUrl()
      const next = providerKey(world.clock.now()).certificate
      const about = { entityId: IDP, certificates: [key.certificate, next], ...endpoints }
      answer = { status: 200, body: metadataXml(about) }
      expect(await refresh(connection)).toMatchObject({ changed: [], fault: { fault: 'address_refused' } })
      expect(await check()).toMatchObject({ detail: 'the address of idp.example is not https' })
      expect(await read()).toEqual(connection)
    },
  )

  it('may name endpoints in a private network, to which browsers alone go', async () => {
    const sso_url = 'https://10.0.0.5/sso'
    const slo_url = 'https://sso.localhost/slo'
    const peer = await samlPeer(world, { saml: { metadata_url: url, sso_url, slo_url } })
    const next = providerKey(world.clock.now()).certificate
    const endpoints = { sso: { 'HTTP-Redirect': sso_url }, slo: { 'HTTP-Redirect': slo_url } }
    const about = { entityId: IDP, certificates: [peer.key.certificate, next], ...endpoints }
    answer = { status: 200, body: metadataXml(about) }
    expect(await refresh(peer.connection)).toEqual({ changed: ['pending_certificates'], fault: null })
  })

  it('keeps what is there when the host is private and not listed', async () => {
    for (const refused of [
      'http://127.0.0.1:9/metadata',
      'http://169.254.169.254/latest',
      'http://localhost:1/',
    ]) {
      const { connection, read, check } = await peerWithUrl(refused)
      expect((await refresh(connection)).fault).toMatchObject({ fault: 'address_refused' })
      expect(await check()).toMatchObject({ fault: 'address_refused' })
      expect(await read()).toEqual(connection)
    }
  })

  it('keeps what is there when no server answers', async () => {
    const { connection, read, check } = await peerWithUrl('https://nowhere.invalid/metadata')
    expect((await refresh(connection)).fault).toMatchObject({ fault: 'unreachable' })
    expect(await check()).toMatchObject({ fault: 'unreachable' })
    expect(await read()).toEqual(connection)
  })

  it('does not overwrite a change that was made meanwhile', async () => {
    const { connection, key, read } = await peerWithUrl()
    answer = document(key.certificate, providerKey(world.clock.now()).certificate)
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('connections')
        .set({ version: connection.version + 5 })
        .where('id', '=', connection.id)
        .execute(),
    )
    expect(await refresh(connection)).toEqual({ changed: [], fault: null })
    expect((await read()).settings).toEqual(connection.settings)
  })

  it('takes nothing from a document of which a certificate cannot be read', async () => {
    const { connection, key, read, check } = await peerWithUrl()
    answer = document(key.certificate, 'AAAA')
    expect(await refresh(connection)).toMatchObject({ changed: [], fault: { fault: 'bad_settings' } })
    expect(await check()).toMatchObject({ detail: 'A certificate of the metadata cannot be read.' })
    expect(await read()).toEqual(connection)
  })

  it('repairs certificates that cannot be read, and keeps settings of a newer version', async () => {
    const peer = await peerWithUrl()
    const settings = JSON.stringify({
      requires: 'x',
      saml: { ...peer.connection.settings.saml, certificates: ['AAAA'], newer: 1 },
    })
    await world.db.hot
      .updateTable('connections')
      .set({ settings })
      .where('id', '=', peer.connection.id)
      .execute()
    const stored = async () =>
      (
        await world.db.hot
          .selectFrom('connections')
          .select('settings')
          .where('id', '=', peer.connection.id)
          .executeTakeFirstOrThrow()
      ).settings
    answer = document(peer.key.certificate)
    await refresh(await peer.read())
    expect(await stored()).toMatchObject({
      requires: 'x',
      saml: { certificates: [], pending_certificates: [peer.key.certificate], newer: 1 },
    })
    expect((await peer.read()).unreadable).toEqual(['settings.requires', 'settings.saml.newer'])
  })

  it('is fetched once a day', async () => {
    const { key, read } = await peerWithUrl()
    const next = providerKey(world.clock.now()).certificate
    answer = document(key.certificate, next)
    await world.clock.advance('25 hours')
    expect((await read()).settings.saml?.pending_certificates).toEqual([next])
  })
})
