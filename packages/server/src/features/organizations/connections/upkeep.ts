/**
 * What administrators of a connection do besides changing its settings: they read its diagnostics, and of SAML fetch the
 * metadata of the provider, approve its certificates, renew our keys. Invariants: what a provider said about a person
 * (`claims`) is for those who may change the connection, because they need it to map attributes; what is approved is what
 * was shown, named by fingerprints; new keys are published by one request and used by another, so that a form that is sent
 * twice does not use what the provider has not read. Leaves recording to core/connection-events.ts.
 */
import { can } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { readCertificate } from '../../../base/x509.ts'
import { CONNECTION_QUESTIONS, KEPT_EVENTS } from '../../../core/connection-events.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault, PROVIDER_FAULTS } from '../../../core/providers/index.ts'
import { rolesIn } from '../../../core/providers/settings.ts'
import { fetchMetadata, metadataProblem } from '../../../core/saml/administration.ts'
import {
  activateConnectionKeys,
  approveCertificates,
  prepareConnectionKeys,
} from '../../../core/saml/index.ts'
import { recordMetadataCheck, storeFetchedMetadata } from '../../../core/saml/refresh.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type ConnectionTools,
  getConnection,
  getConnectionOf,
  lockForChange,
  type ShownConnection,
} from './connections.ts'
import { answeredBy, type Changing, type Owner, ownerCall, type Side, staleConnection } from './owners.ts'
import { type DiagnosisRow, selectDiagnoses, storeConnection } from './sql.ts'

/** Finds the id by what was named. @throws Problem NOT_FOUND */
export type NamedConnection = (tx: Tx, owner: Owner) => Promise<string>

const unsupported = () =>
  problem('CONFLICT', {
    message: 'Only a SAML connection has metadata and certificates.',
    details: { reason: 'not_saml' },
  })

/** @throws Problem NOT_FOUND, CONFLICT */
async function lockSaml(
  tools: ConnectionTools,
  tx: Tx,
  call: Call,
  owner: Owner,
  id: string,
): Promise<UsableConnection> {
  const connection = await lockForChange(tools, tx, call, owner, id)
  if (connection.provider !== 'saml') throw unsupported()
  return connection
}

/**
 * Fetches the metadata now. What it changes is stored with an audit event; over http, new certificates wait for approval.
 * @throws Problem NOT_FOUND, CONFLICT, VALIDATION_ERROR, UNAVAILABLE
 */
export async function refreshMetadata(
  tools: ConnectionTools,
  changing: Changing,
  named: NamedConnection,
): Promise<ShownConnection> {
  const { connection, call } = await changing(async (tx, owner, by) => ({
    connection: await lockSaml(tools, tx, by, owner, await named(tx, owner)),
    call: by,
  }))
  const url = connection.settings.saml?.metadata_url
  if (url === undefined)
    throw problem('VALIDATION_ERROR', {
      details: [
        {
          field: 'settings.saml.metadata_url',
          code: 'missing',
          message: 'The connection has no metadata URL.',
        },
      ],
    })
  const fetched = await fetchMetadata(tools, connection, url, call.now)
  if (fetched instanceof FederationFault) {
    await recordMetadataCheck(tools.db.hot, connection.id, { fault: fetched, changed: [] }, call.now)
    throw metadataProblem(fetched)
  }
  return await changing(async (tx, owner) => {
    const locked = await lockSaml(tools, tx, call, owner, connection.id)
    if (locked.settings.saml?.metadata_url !== url) throw staleConnection(locked.version)
    await storeFetchedMetadata(tx, ownerCall(call, owner.organizationId), locked, fetched)
    return await getConnectionOf(tx, owner, connection.id)
  })
}

/**
 * Trusts certificates that wait. @param fingerprints those that were shown; absent: all that wait
 * @throws Problem NOT_FOUND, and CONFLICT where none of them waits
 */
export const approvePending = (
  tools: ConnectionTools,
  changing: Changing,
  named: NamedConnection,
  fingerprints?: readonly string[],
): Promise<ShownConnection> =>
  changing(async (tx, owner, call) => {
    const { id, settings } = await lockSaml(tools, tx, call, owner, await named(tx, owner))
    await owner.assertMayGive(rolesIn(settings))
    const waiting = settings.saml?.pending_certificates ?? []
    const wanted = fingerprints ?? waiting.flatMap((one) => readCertificate(one)?.fingerprint ?? [])
    const count = await approveCertificates(tx, ownerCall(call, owner.organizationId), id, wanted)
    if (count === 0)
      throw problem('CONFLICT', {
        message: 'None of these certificates waits for approval.',
        details: { reason: 'nothing_pending' },
      })
    await storeConnection(tx, id, answeredBy(owner))
    return await getConnectionOf(tx, owner, id)
  })

/**
 * Publishes new keys, or uses those that are published. @throws Problem NOT_FOUND, and CONFLICT where there are none to use
 */
export async function rotateKeys(
  tools: ConnectionTools,
  changing: Changing,
  named: NamedConnection,
  step: 'prepare' | 'activate',
): Promise<ShownConnection> {
  const { connection, call } = await changing(async (tx, owner, by) => ({
    connection: await lockSaml(tools, tx, by, owner, await named(tx, owner)),
    call: ownerCall(by, owner.organizationId),
  }))
  if (step === 'prepare') await prepareConnectionKeys(tools, call, connection)
  else if (!(await activateConnectionKeys(tools, call, connection)))
    throw problem('CONFLICT', {
      message: 'There are no new keys. Prepare them first, and let the identity provider read the metadata.',
      details: { reason: 'no_next_keys' },
    })
  return await changing((tx, owner) => getConnectionOf(tx, owner, connection.id))
}

export interface Diagnosis {
  id: string
  at: Date
  flow: string
  /** Null: it was accepted. */
  fault: string | null
  /** What the user decides before it leads to anything; null: nothing. */
  question: string | null
  /** The sentence of the fault, or of the question. */
  message: string | null
  /** Null for what was recorded by an earlier version. */
  requestId: string | null
  detail: string | null
  subject: string | null
  userId: string | null
  /** Null where the reader may not see them. */
  claims: Readonly<Record<string, unknown>> | null
}

const SENTENCES: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...PROVIDER_FAULTS, ...CONNECTION_QUESTIONS }),
)

/** Null for a code that only a later version knows. */
const sentenceOf = (code: string): string | null => SENTENCES.get(code) ?? null

function diagnosisOf(row: DiagnosisRow, seesClaims: boolean): Diagnosis {
  return {
    id: row.id,
    at: row.at,
    flow: row.flow,
    fault: row.fault,
    question: row.question,
    message: sentenceOf(row.fault ?? row.question ?? ''),
    requestId: row.request_id,
    detail: row.detail,
    subject: row.subject,
    userId: row.user_id,
    claims: seesClaims ? (row.claims as Diagnosis['claims']) : null,
  }
}

/** Of a connection that the caller may see, the newest first. @throws Problem NOT_FOUND */
export async function listDiagnoses(
  tools: Pick<Tools, 'db'>,
  call: Call,
  side: Side,
  id: string,
): Promise<Diagnosis[]> {
  await getConnection(tools, call, side, id)
  const reader = side === 'server' ? call.principal : call.organization
  const seesClaims = reader !== null && can(reader, 'connections:write')
  const rows = await tools.db.tx(callerScope(call), (tx) => selectDiagnoses(tx, id, KEPT_EVENTS))
  return rows.map((row) => diagnosisOf(row, seesClaims))
}

/** For the operator, as the system. */
export const readDiagnoses = async (tx: Tx, id: string): Promise<Diagnosis[]> =>
  (await selectDiagnoses(tx, id, KEPT_EVENTS)).map((row) => diagnosisOf(row, true))
