/** A user's own passkeys: listing, renaming and removing them. */
import type { Call } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import { judgeEnrolled } from '../../../base/enrolled.ts'
import { notFound } from '../../../base/errors.ts'
import { findRelyingParty } from '../../../base/relying-party.ts'
import { inForm, RegistrationAnswer } from '../../../base/webauthn.ts'
import { findSignInFacts } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { removeFactors, renameOwnFactor } from '../mfa/index.ts'
import type { PasskeyView } from './fields.ts'
import { passkeyEmail } from './mail.tsx'
import { findHandle, type OwnPasskeyRow, selectOwn } from './sql.ts'

type PasskeyTools = Pick<Tools, 'config' | 'db' | 'mail'>

const view = (row: OwnPasskeyRow): PasskeyView => ({
  id: row.id,
  name: row.name ?? 'Passkey',
  created_at: row.created_at.toISOString(),
  last_used_at: row.last_used_at?.toISOString() ?? null,
  synced: row.device_type === 'multiDevice',
  backed_up: row.backed_up,
  user_verified: row.user_verified,
  suspended: row.flagged_at !== null,
})

/** The caller's passkeys, oldest first. */
export async function listPasskeys(tools: Pick<Tools, 'db'>, call: Call): Promise<PasskeyView[]> {
  const { userId } = callerScope(call)
  return (await selectOwn(tools.db.hot, userId)).map(view)
}

/** @throws Problem NOT_FOUND for a passkey that is not the caller's */
export async function getPasskey(tools: Pick<Tools, 'db'>, call: Call, id: string): Promise<PasskeyView> {
  const found = (await listPasskeys(tools, call)).find((passkey) => passkey.id === id)
  if (!found) throw notFound('passkey')
  return found
}

/** Whether the caller's second factors are all refused, so that none of them confirms a change. */
export async function isBlocked(tools: Pick<Tools, 'config' | 'db'>, call: Call): Promise<boolean> {
  const { userId } = callerScope(call)
  const facts = await tools.db.tx('system', (tx) => findSignInFacts(tools, tx, userId, call.now))
  return judgeEnrolled([], facts).blocked !== null
}

/** Whether an answer of an authenticator, as JSON text, is of a passkey that the caller has. */
export async function isOwnCredential(
  tools: Pick<Tools, 'db'>,
  call: Call,
  answer: string,
): Promise<boolean> {
  const read = inForm(RegistrationAnswer).safeParse(answer)
  const own = read.success ? await selectOwn(tools.db.hot, callerScope(call).userId) : []
  return own.some((row) => row.credential_id.toString('base64url') === read.data?.id)
}

/**
 * What the caller's password managers may keep (WebAuthn §5.1.10.3); null where the caller has never had a passkey.
 */
export async function acceptedPasskeys(
  tools: Pick<Tools, 'config' | 'db'>,
  call: Call,
): Promise<object | null> {
  const { userId } = callerScope(call)
  const party = findRelyingParty(tools.config)
  const [handle, own] = await tools.db.tx('system', (tx) =>
    Promise.all([findHandle(tx, userId), selectOwn(tx, userId)]),
  )
  if (!handle || !party) return null
  return {
    rpId: party.id,
    userId: handle.toString('base64url'),
    allAcceptedCredentialIds: own.map((row) => row.credential_id.toString('base64url')),
  }
}

/** @throws Problem NOT_FOUND */
export async function renamePasskey(
  tools: Pick<Tools, 'db'>,
  call: Call,
  id: string,
  name: string,
): Promise<PasskeyView> {
  await renameOwnFactor(tools, call, { kind: 'passkey', id }, name)
  return await getPasskey(tools, call, id)
}

/** @throws Problem NOT_FOUND; CONFLICT `last_way_in`; INSUFFICIENT_PERMISSIONS where a policy requires it */
export const removePasskey = (tools: PasskeyTools, call: Call, id: string): Promise<boolean> =>
  removeFactors(tools, call, {
    id,
    kind: 'passkey',
    email: (user, { name }) => passkeyEmail(tools.config, 'removed', { user, name: name ?? 'Passkey' }, call),
  })
