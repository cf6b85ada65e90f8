import { createPublicKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemCall } from '../../base/call.ts'
import { samlPeer } from '../../testing/saml-connection.ts'
import { startWorld, type World } from '../../testing/world.ts'
import type { UsableConnection } from '../connections/index.ts'
import {
  activateConnectionKeys,
  ensureConnectionKeys,
  listConnectionKeys,
  prepareConnectionKeys,
  sealedConnectionKeys,
} from './index.ts'
import { type ConnectionKey, decryptionKeysOf, privateKeyOf, publishedKeysOf } from './keys.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const connectionOf = async (): Promise<UsableConnection> => (await samlPeer(world)).connection
const call = () => systemCall(world.clock.now())
const ensure = (connection: UsableConnection) =>
  ensureConnectionKeys(world.app.tools, connection, world.clock.now())
const list = ({ id }: UsableConnection) => listConnectionKeys(world.app.tools.db.hot, id)
const stages = (keys: readonly ConnectionKey[]): string[] =>
  keys.map(({ use, stage }) => `${stage} ${use}`).toSorted()
const idOf = (keys: readonly ConnectionKey[], use: string, stage: string): string | undefined =>
  keys.find((key) => key.use === use && key.stage === stage)?.id

describe('keys of a connection', () => {
  it('are made when they are needed first, once, by ten processes at once', async () => {
    const connection = await connectionOf()
    const all = await Promise.all(Array.from({ length: 10 }, () => ensure(connection)))
    const [first] = all
    expect(stages(first ?? [])).toEqual(['current encryption', 'current signing'])
    for (const keys of all) expect(keys).toEqual(first)
    for (const key of first ?? []) {
      const certificate = new X509Certificate(Buffer.from(key.certificate, 'base64'))
      const privateKey = privateKeyOf(world.app.tools.keyring, key)
      expect(certificate.checkPrivateKey(privateKey)).toBe(true)
      expect(createPublicKey(privateKey).asymmetricKeyDetails?.modulusLength).toBe(2048)
      expect(new Date(certificate.validTo).getTime()).toBe(Math.floor(key.not_after.getTime() / 1000) * 1000)
      expect(key.private_key).toMatch(/^v1\./)
    }
  })

  it('are published before they are used, and decrypt after they were replaced', async () => {
    const connection = await connectionOf()
    const before = await ensure(connection)
    const prepared = await Promise.all(
      Array.from({ length: 5 }, () => prepareConnectionKeys(world.app.tools, call(), connection)),
    )
    expect(prepared.filter(Boolean)).toHaveLength(1)
    const rolling = await list(connection)
    expect(publishedKeysOf(rolling).map(({ use, stage }) => `${stage} ${use}`)).toEqual([
      'current signing',
      'next signing',
      'next encryption',
    ])
    expect(decryptionKeysOf(rolling).map(({ stage }) => stage)).toEqual(['current', 'next'])

    const activated = await Promise.all(
      Array.from({ length: 5 }, () => activateConnectionKeys(world.app.tools, call(), connection)),
    )
    expect(activated.filter(Boolean)).toHaveLength(1)
    const after = await list(connection)
    expect(idOf(after, 'signing', 'current')).toBe(idOf(rolling, 'signing', 'next'))
    expect(idOf(after, 'encryption', 'previous')).toBe(idOf(before, 'encryption', 'current'))
    expect(publishedKeysOf(after).map(({ use, stage }) => `${stage} ${use}`)).toEqual([
      'current signing',
      'current encryption',
    ])
    expect(decryptionKeysOf(after).map(({ stage }) => stage)).toEqual(['current', 'previous'])
    expect(await activateConnectionKeys(world.app.tools, call(), connection)).toBe(false)
    const rotated = (await world.events()).filter((type) => type === 'connection.keys.rotated')
    expect(rotated).toHaveLength(2)
  })

  it('rotate by themselves before they expire', async () => {
    const connection = await connectionOf()
    const first = await ensure(connection)
    await world.clock.advance('669 days')
    await world.clock.advance('2 days')
    const rolling = await list(connection)
    expect(stages(rolling)).toEqual([
      'current encryption',
      'current signing',
      'next encryption',
      'next signing',
    ])
    expect(idOf(rolling, 'signing', 'current')).toBe(idOf(first, 'signing', 'current'))
    await world.clock.advance('28 days')
    await world.clock.advance('2 days')
    const rotated = await list(connection)
    expect(idOf(rotated, 'signing', 'current')).toBe(idOf(rolling, 'signing', 'next'))
    expect(stages(rotated)).toContain('previous encryption')
    await world.clock.advance('32 days')
    expect(stages(await list(connection))).toEqual(['current encryption', 'current signing'])
  })

  it('are sealed again with the other secrets, unless another process did', async () => {
    const connection = await connectionOf()
    const ours = await ensure(connection)
    const { db } = world.app.tools
    const listed = await sealedConnectionKeys.list(db.hot, '', 1000)
    for (const { id, private_key: sealed } of ours) expect(listed).toContainEqual({ id, sealed })
    const [{ id, private_key: sealed } = { id: '', private_key: '' }] = ours
    const again = world.app.tools.keyring.encrypt(
      'connections',
      world.app.tools.keyring.decrypt('connections', sealed),
    )
    const replaced = await Promise.all(
      [1, 2, 3].map(() => sealedConnectionKeys.replace(db.hot, id, sealed, again)),
    )
    expect(replaced.filter(Boolean)).toHaveLength(1)
    const [key] = (await list(connection)).filter((one) => one.id === id)
    expect(key && privateKeyOf(world.app.tools.keyring, key).asymmetricKeyType).toBe('rsa')
  })

  it('end with the connection', async () => {
    const connection = await connectionOf()
    await ensure(connection)
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('connections').where('id', '=', connection.id).execute(),
    )
    expect(await list(connection)).toEqual([])
  })
})
