/** The JSON API of logout messages: what became of the last ones to an app. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Keyring } from '../../../base/crypto.ts'
import { described, exampleId, textField, textOrNull, timeField } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Client } from '../../../core/clients/index.ts'
import { sidAtEnd } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../../organizations/membership/index.ts'
import { ClientId, getClient } from '../clients/index.ts'
import { logoutListOperations } from './operations.ts'
import { type DeliveryRow, selectLastDeliveries } from './sql.ts'

const MOST = 50
const DESCRIPTION = `The last ${MOST} that were sent at least once, the latest first; kept for 30 days.`

const LogoutDeliveryView = z
  .object({
    session_id: textField('The session that has ended: `sid` of its ID tokens.', exampleId('ses')),
    ended_at: timeField('When it ended.'),
    attempted_at: timeField('When the message was sent last.'),
    attempts: described(z.int(), 'How often it was sent: at most three times.', 1),
    state: described(
      z.enum(['delivered', 'failed', 'waiting']),
      '`waiting`: it is sent again; `failed`: it is not.',
      'delivered',
    ),
    status: described(z.int().nullable(), 'The status of the last answer; null: there was none.', 200),
    error: textOrNull('What was wrong with the last attempt; null: nothing.', null),
  })
  .meta({ id: 'LogoutDelivery' })

const deliveryView = (
  keyring: Keyring,
  client: Client,
  { session_id: sessionId, sid, ...row }: DeliveryRow,
): z.infer<typeof LogoutDeliveryView> => ({
  session_id: sidAtEnd(keyring, client, { sessionId, sid }),
  ended_at: row.created_at.toISOString(),
  attempted_at: (row.attempted_at ?? row.created_at).toISOString(),
  attempts: row.attempts,
  state: row.outcome ?? 'waiting',
  status: row.status,
  error: row.error,
})

export function logoutRoutes(tools: Pick<Tools, 'clients' | 'db' | 'keyring'>): Row[] {
  const list = async (call: Call, side: 'server' | 'organization', id: string) => {
    const { row } = await getClient(tools, call, side, id)
    const rows = await selectLastDeliveries(tools.db.hot, row.id, MOST)
    const client = await tools.clients.find(row.id)
    return { data: client === null ? [] : rows.map((one) => deliveryView(tools.keyring, client, one)) }
  }
  const common = {
    method: 'GET',
    description: DESCRIPTION,
    tag: 'Apps',
    output: z.array(LogoutDeliveryView),
    message: 'Logout messages listed.',
  } as const
  return [
    route({
      ...common,
      of: logoutListOperations.ofServer,
      path: '/api/v1/oidc/clients/:id/logouts',
      input: z.object({ id: ClientId }),
      run: (call, { id }) => list(call, 'server', id),
    }),
    route({
      ...common,
      of: logoutListOperations.ofOrganization,
      path: '/api/v1/organizations/:id/clients/:client_id/logouts',
      input: OneOrganization.extend({ client_id: ClientId }),
      run: (call, { client_id }) => list(call, 'organization', client_id),
    }),
  ]
}
