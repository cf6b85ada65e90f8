/**
 * The page on which a user enters the code of a device, sees who wants what, and decides (RFC 8628 §3.3). Who may sign in to the app,
 * and how, is judged as at the authorization endpoint. A code is looked up for users who are signed in alone, so that each guess counts
 * against an account.
 */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import { audit } from '../../../core/audit/index.ts'
import { type Client, isUsableClient, type Resource, shownLogo } from '../../../core/clients/index.ts'
import { newSid } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { allowedScopes, isResourceOf } from '../admission/index.ts'
import {
  assertMet,
  insertPermitted,
  RefusedToApp,
  type RequirementTools,
  type SignedInCall,
  signedIn,
} from '../authorize/index.ts'
import { ownerNameOf, resourceScopesOf, type ShownQuestion, sealOf, wasShown } from '../consents/index.ts'
import { accountOf } from '../scopes/index.ts'
import { deviceOperations } from './operations.ts'
import { DEVICE_GRANT, DEVICE_PATH } from './requests.ts'
import { decideDevice, findDevice, type WaitingDevice } from './sql.ts'
import { deviceText as t } from './texts.ts'
import { readUserCode } from './user-codes.ts'
import { DeviceDecided, DeviceQuestion, DeviceRefused, EnterUserCode } from './views.tsx'

export type DeviceTools = Tools & RequirementTools

const QUESTION_PATH = `${DEVICE_PATH}/question`
const UserCode = z.string().max(200)

export function deviceGrantPages(tools: DeviceTools): Row[] {
  return [
    page({
      of: deviceOperations.show,
      name: 'pages.oidc.device',
      method: 'GET',
      path: DEVICE_PATH,
      description: 'Where a user enters the code of a device.',
      input: z.object({ user_code: UserCode.optional() }),
      run: async (call, { user_code: typed }) =>
        typed === undefined ? enterPage(call, null) : next(call, typed),
    }),
    page({
      of: deviceOperations.show,
      name: 'pages.device',
      method: 'GET',
      path: '/device',
      description: 'The same, at an address that is quick to type.',
      input: z.object({ user_code: UserCode.optional() }),
      run: async (_call, { user_code: typed = '' }) => ({
        redirect: typed === '' ? DEVICE_PATH : `${DEVICE_PATH}?${new URLSearchParams({ user_code: typed })}`,
      }),
    }),
    page({
      of: deviceOperations.enter,
      name: 'pages.oidc.device.entered',
      method: 'POST',
      path: DEVICE_PATH,
      input: z.object({ user_code: UserCode.optional() }),
      run: async (call, { user_code: typed = '' }) => next(call, typed),
    }),
    page({
      of: deviceOperations.review,
      name: 'pages.oidc.device.review',
      method: 'GET',
      path: QUESTION_PATH,
      description: 'What a device asks for.',
      input: z.object({ user_code: UserCode }),
      run: (call, { user_code: typed }) => continued(tools, call, typed),
    }),
    page({
      of: deviceOperations.decide,
      name: 'pages.oidc.device.decide',
      method: 'POST',
      path: QUESTION_PATH,
      input: z.object({
        user_code: UserCode,
        decision: z.enum(['allow', 'deny']),
        shown: z.string().max(100).optional(),
      }),
      run: (call, { user_code: typed, decision, shown }) =>
        continued(tools, call, typed, { decision: decision === 'allow' ? 'allowed' : 'denied', shown }),
    }),
  ]
}

function next(call: Call, typed: string): PageAnswer {
  const userCode = readUserCode(typed)
  return userCode === null ? enterPage(call, typed) : { redirect: questionAt(userCode) }
}

const questionAt = (userCode: string): string =>
  `${QUESTION_PATH}?${new URLSearchParams({ user_code: userCode })}`

type Decision = 'allowed' | 'denied'

/** A device that waits, with its app and what that may have now. */
interface Found {
  device: WaitingDevice
  client: Client
  resources: readonly Resource[]
  scopes: readonly string[]
  userCode: string
}

/** @param decision what the user has answered; null: nothing yet */
async function continued(
  tools: DeviceTools,
  call: Call,
  typed: string,
  { decision, shown }: { decision: Decision | null; shown?: string | undefined } = { decision: null },
): Promise<PageAnswer> {
  const userCode = readUserCode(typed)
  if (userCode === null) return enterPage(call, typed)
  const caller = signedIn(call)
  if (caller === null) return { redirect: withReturnTo('/sign-in', questionAt(userCode)) }
  const found = await findWaiting(tools, caller, userCode)
  if (found === null) return enterPage(call, typed)
  const { device, client } = found
  if (device.decision !== null) {
    // a form that was sent twice, or a page that is loaded again
    const isOwn =
      device.user_id === caller.principal.userId && (decision ?? device.decision) === device.decision
    return isOwn ? decidedPage(call, client, device.decision) : enterPage(call, typed)
  }
  if (decision === 'denied') return await deny(tools, caller, found)
  try {
    return decision === null ? await question(tools, caller, found) : await allow(tools, caller, found, shown)
  } catch (error) {
    if (!(error instanceof RefusedToApp)) throw error
    const title = t(call.locale, 'refused.title', { app: client.name })
    return { page: <DeviceRefused app={client.name} userCode={userCode} />, title, status: 403 }
  }
}

async function findWaiting(
  { db, keyring, clients }: DeviceTools,
  { now }: Call,
  userCode: string,
): Promise<Found | null> {
  const device = await findDevice(db.hot, keyring.macs('device', userCode), now)
  const client = device && (await clients.find(device.client_id))
  if (device === null || client === null || !isUsableClient(client, now)) return null
  const named = await Promise.all(device.resources.map((one) => clients.findResource(one)))
  const resources = named.filter((one) => one !== null && isResourceOf(client, one)) as Resource[]
  // a token without a resource would be for other APIs
  if (resources.length === 0 && device.resources.length > 0) return null
  return { device, client, resources, scopes: allowedScopes(client, resources, device.scopes), userCode }
}

/** @throws RefusedToApp where the user may not sign in to the app; Problem where something has to be proven first */
const met = (tools: DeviceTools, call: SignedInCall, { client, device }: Found) =>
  assertMet(
    tools,
    call,
    {
      client,
      redirectUri: DEVICE_GRANT,
      mode: 'query',
      state: null,
      prompts: new Set(),
      maxAge: client.settings.default_max_age,
      acr: client.settings.required_acr,
      preferredAcr: null,
    },
    device.created_at,
  )

const questionOf = (
  { principal }: SignedInCall,
  { client, resources, scopes, userCode }: Found,
): ShownQuestion => ({
  userId: principal.userId,
  reference: userCode,
  client,
  redirectUri: DEVICE_GRANT,
  scopes,
  resources,
})

async function question(tools: DeviceTools, call: SignedInCall, found: Found): Promise<PageAnswer> {
  await met(tools, call, found)
  const { device, client, resources, scopes, userCode } = found
  return {
    page: (
      <DeviceQuestion
        app={client.name}
        logo={shownLogo(client.settings, client.source)}
        organization={await ownerNameOf(tools.db.hot, client)}
        account={await accountOf(tools.db.hot, call.principal)}
        scopes={scopes}
        resourceScopes={resourceScopesOf(resources, scopes)}
        userCode={userCode}
        shown={sealOf(tools.keyring, questionOf(call, found))}
        begunAt={device.created_at}
        address={device.address}
      />
    ),
    title: t(call.locale, 'question.title', { app: client.name }),
  }
}

/** @param shown the seal of what the user has seen */
async function allow(
  tools: DeviceTools,
  call: SignedInCall,
  found: Found,
  shown: string | undefined,
): Promise<PageAnswer> {
  const { device, client, resources, scopes } = found
  const reached = await met(tools, call, found)
  if (!wasShown(tools.keyring, questionOf(call, found), shown))
    return { redirect: questionAt(found.userCode) }
  const permitted = { client, scopes, consentScopes: scopes, resources, redirectUri: DEVICE_GRANT }
  const sid = newSid(tools.keyring, client, call.session.id)
  const code = { hash: device.hash, sid, met: reached, isAllowed: true, expiresAt: device.expires_at }
  return await decideOnce(tools, call, found, 'allowed', (tx) =>
    insertPermitted(tx, call, permitted, code, { device: true }),
  )
}

function deny(tools: DeviceTools, call: SignedInCall, found: Found): Promise<PageAnswer> {
  const { userId, username } = call.principal
  const details = { client: found.client.id, device: true }
  return decideOnce(tools, call, found, 'denied', (tx) =>
    audit(tx, call, { type: 'oidc.denied', userId, username, details }),
  )
}

/** @param recorded runs in the transaction of the one decision */
async function decideOnce(
  { db }: DeviceTools,
  call: SignedInCall,
  { device, client, userCode }: Found,
  decision: Decision,
  recorded: (tx: Tx) => Promise<void>,
): Promise<PageAnswer> {
  const { userId } = call.principal
  const isFirst = await db.tx('system', async (tx) => {
    if (!(await decideDevice(tx, { hash: device.hash, decision, userId }, call.now))) return false
    await recorded(tx)
    return true
  })
  // who was second finds what the first has decided
  return isFirst ? decidedPage(call, client, decision) : { redirect: questionAt(userCode) }
}

function enterPage({ locale }: Call, typed: string | null): PageAnswer {
  const title = t(locale, 'enter.title')
  return { page: <EnterUserCode typed={typed} />, title, ...(typed !== null && { status: 400 }) }
}

const decidedPage = ({ locale }: Call, { name }: Client, decision: Decision): PageAnswer => ({
  page: <DeviceDecided app={name} decision={decision} />,
  title: t(locale, `${decision}.title`),
})
