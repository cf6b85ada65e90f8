/**
 * What a provider continues: an attempt that waits in a browser. Only the connections that the attempt offers continue it, and a
 * browser begins it only at a link of this server's pages, which has a mark that no other site can know.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Keyring } from '../../../base/crypto.ts'
import type { Statements } from '../../../base/db/types.ts'
import {
  listActiveConnections,
  listOwnConnections,
  type UsableConnection,
} from '../../../core/connections/index.ts'
import type { Attempt } from '../attempts/index.ts'

/** Whether the organization of a step-up requires one of certain connections, of which this is one. */
export const isRequiredBy = ({ stepUp }: Pick<Attempt, 'stepUp'>, { id }: UsableConnection): boolean =>
  stepUp?.demand.sso?.connections.includes(id) === true

/** Those that know the user; where an organization requires certain ones, these, which may know the user only afterwards. */
export async function continuingConnections(
  db: Statements,
  attempt: Pick<Attempt, 'stepUp'>,
  userId: string,
): Promise<UsableConnection[]> {
  const { sso, organization } = attempt.stepUp?.demand ?? {}
  if (!sso || organization === undefined) return await listOwnConnections(db, userId)
  return (await listActiveConnections(db, organization)).filter((one) => isRequiredBy(attempt, one))
}

const textOf = (attemptId: string): string => `continue ${attemptId}`

/** The parameter `mark` of a link that continues an attempt. @param attempt its id, or its token */
export const continuationMark = (keyring: Keyring, attempt: string): string =>
  keyring.mac('round_trips', textOf(idOf(attempt))).toString('base64url')

/** @param attempt the token in the browser's cookie */
export function isContinuationMark(keyring: Keyring, attempt: string, mark: string | undefined): boolean {
  const given = Buffer.from(mark ?? '', 'base64url')
  return keyring
    .macs('round_trips', textOf(idOf(attempt)))
    .some((one) => one.length === given.length && timingSafeEqual(one, given))
}

const idOf = (attempt: string): string => attempt.split('.')[0] ?? ''
