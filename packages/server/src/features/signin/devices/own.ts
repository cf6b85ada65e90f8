/** A user's remembered devices: listing and forgetting them. A forgotten browser is still known, and proves nothing. */
import type { Call } from '../../../base/call.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { deviceName } from '../../../base/http/request/device.ts'
import { audit } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { lockUserRow } from '../../identity/users/index.ts'
import { distrustDevices, findCallersDevice, listTrustedDevices } from './devices.ts'
import type { RememberedDevice } from './view.ts'

type DeviceTools = Pick<Tools, 'config' | 'db'>

const callerOf = ({ principal }: Call) => {
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  return principal
}

/** The caller's remembered devices, the last used first; none where the server accepts none. */
export async function listRemembered({ config, db }: DeviceTools, call: Call): Promise<RememberedDevice[]> {
  const { userId } = callerOf(call)
  if (config.rememberedDevice === 0) return []
  return await db.tx('system', async (tx) => {
    const current = await findCallersDevice(tx, call)
    return (await listTrustedDevices(tx, userId, call.now)).map((row) => ({
      id: row.id,
      current: row.id === current?.id,
      device: deviceName(row.user_agent),
      ip_address: row.ip_address,
      user_agent: row.user_agent,
      created_at: row.created_at.toISOString(),
      last_used_at: row.last_used_at.toISOString(),
      trusted_until: row.trusted_until.toISOString(),
    }))
  })
}

/**
 * Forgets a remembered device of the caller, or all. Under the lock of the user's row, as a sign-in reads them.
 * @returns how many @throws Problem NOT_FOUND for one that is not remembered
 */
export async function forgetRemembered({ db }: DeviceTools, call: Call, id: string | null): Promise<number> {
  const { userId, username } = callerOf(call)
  return await db.tx('system', async (tx) => {
    await lockUserRow(tx, userId)
    const forgotten = await distrustDevices(tx, userId, id ?? undefined)
    if (id !== null && forgotten.length === 0) throw notFound('device')
    if (forgotten.length > 0)
      await audit(tx, call, {
        type: 'auth.device.forgotten',
        userId,
        username,
        details: { device_ids: forgotten.map((device) => device.id) },
      })
    return forgotten.length
  })
}

/** Whether the device is the caller's, remembered or not. */
export const isOwnDevice = ({ db }: DeviceTools, call: Call, id: string): Promise<boolean> =>
  db.tx('system', async (tx) => {
    const row = await tx
      .selectFrom('devices')
      .select('id')
      .where('id', '=', id)
      .where('user_id', '=', callerOf(call).userId)
      .executeTakeFirst()
    return row !== undefined
  })
