/** The hosted pages of connected accounts, and their row of the security page. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { problemText } from '../../../base/page/index.ts'
import { offersPasskeys } from '../../../base/relying-party.ts'
import type { ProviderId } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SecuritySection } from '../../signin/security/index.ts'
import { type ConnectedAccount, getOwnConnected, ownConnected, unlinkOwn } from './connected.ts'
import { connectedOperations } from './operations.ts'
import { connectedText as t } from './texts.ts'
import {
  CONNECTED_NOTICES,
  CONNECTED_PATH,
  Connected,
  type ConnectedItem,
  type ConnectedNotice,
  ConnectedSection,
  Disconnect,
  questionTitle,
} from './views.tsx'

const QUESTION = `${CONNECTED_PATH}/:id/disconnect`
const done: PageAnswer = { redirect: `${CONNECTED_PATH}?notice=disconnected` }

const itemOf = ({ identity, connection, isUnlinkable }: ConnectedAccount): ConnectedItem => ({
  id: identity.id,
  provider: identity.provider as ProviderId,
  connection: connection?.name ?? null,
  account: identity.email ?? identity.name,
  lastUsedAt: identity.last_used_at,
  isUnlinkable,
})

const isNotice = (text: string | undefined): text is ConnectedNotice =>
  CONNECTED_NOTICES.some((notice) => notice === text)

export function connectedPages(tools: Tools): Row[] {
  const shown = { offersPasskeys: offersPasskeys(tools.config) }
  const showList = async (call: Call, notice: ConnectedNotice | null): Promise<PageAnswer> => {
    const { accounts, offered } = await ownConnected(tools, call)
    return {
      page: <Connected accounts={accounts.map(itemOf)} offered={offered} {...shown} notice={notice} />,
      title: t(call.locale, 'title'),
    }
  }
  const showQuestion = async (call: Call, id: string, alert: string | null = null): Promise<PageAnswer> => {
    const item = itemOf(await getOwnConnected(tools, call, id))
    return {
      page: <Disconnect account={item} {...shown} alert={alert} />,
      title: questionTitle(call.locale, item),
    }
  }
  return [
    page({
      of: connectedOperations.list,
      name: 'pages.account.connected',
      method: 'GET',
      path: CONNECTED_PATH,
      input: z.object({ notice: z.string().max(20).optional() }),
      run: (call, { notice }) => showList(call, isNotice(notice) ? notice : null),
    }),
    page({
      of: connectedOperations.unlinkForm,
      method: 'GET',
      path: QUESTION,
      input: z.object({ id: z.string().max(64) }),
      run: (call, { id }) => showQuestion(call, id),
    }),
    page({
      of: connectedOperations.unlink,
      name: 'pages.account.disconnect.submit',
      method: 'POST',
      path: QUESTION,
      input: z.object({ id: z.string().max(64) }),
      run: async (call, { id }) => {
        await unlinkOwn(tools, call, id)
        return done
      },
      // sent twice: it is disconnected
      reached: (call, _sent, { code }) => (call.principal && code === 'NOT_FOUND' ? done : null),
      redisplay: async (call, { id = '' }, failed) => {
        if (failed.code !== 'CONFLICT') throw failed
        return {
          ...(await showQuestion(call, id, problemText(call.locale, failed))),
          status: failed.status,
        }
      },
    }),
  ]
}

/** The row of the security page: how many accounts are connected. Hidden where there is none, and none can be connected. */
export const connectedSection = (tools: Pick<Tools, 'config' | 'db'>): SecuritySection => ({
  id: 'connected',
  title: (locale) => t(locale, 'title'),
  async isHidden(call) {
    const { accounts, offered } = await ownConnected(tools, call)
    return accounts.length === 0 && offered.length === 0
  },
  async summary(call) {
    const { length: count } = (await ownConnected(tools, call)).accounts
    const form = count === 0 ? 'none' : count === 1 ? 'one' : 'other'
    return t(call.locale, `section.summary.${form}`, { count })
  },
  view: async () => <ConnectedSection />,
})
