/**
 * What a question has shown to its user, sealed into its form: the answer holds for that alone. The app, its scopes and APIs may be
 * changed while the page is open.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Keyring } from '../../../base/crypto.ts'
import type { Client, Resource } from '../../../core/clients/index.ts'
import { allowedBy } from './consents.ts'
import { resourceScopesOf } from './wanted.ts'

export interface ShownQuestion {
  userId: string
  /** What names the request. */
  reference: string
  client: Client
  redirectUri: string
  scopes: readonly string[]
  resources: readonly Resource[]
}

/** The field of the form. */
export const sealOf = (keyring: Keyring, shown: ShownQuestion): string =>
  keyring.mac('consents', contentsOf(shown)).toString('base64url')

/** Whether the form of the answer has shown what an answer would allow now. */
export function wasShown(keyring: Keyring, shown: ShownQuestion, seal: string | undefined): boolean {
  const sent = Buffer.from(seal ?? '', 'base64url')
  return keyring
    .macs('consents', contentsOf(shown))
    .some((mac) => mac.length === sent.length && timingSafeEqual(mac, sent))
}

const contentsOf = ({ userId, reference, client, redirectUri, scopes, resources }: ShownQuestion): string =>
  JSON.stringify([
    [userId, reference, client.id, client.name, redirectUri],
    Object.entries(allowedBy(scopes, resources)).map(([name, own]) => [name, [...own].sort()]),
    resourceScopesOf(resources, scopes).map(({ description, resource }) => [description, resource]),
  ])
