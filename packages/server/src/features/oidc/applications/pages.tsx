/** The hosted pages of the apps that have access to an account, and their row of the security page. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { cursorField } from '../../../base/cursor.ts'
import { problem } from '../../../base/errors.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { shownLogo } from '../../../core/clients/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { pagerOf } from '../../organizations/frame/index.ts'
import type { SecuritySection } from '../../signin/security/index.ts'
import { resourceScopesOf } from '../consents/index.ts'
import { type Application, getApplication, listApplications, removeOwnApplication } from './applications.ts'
import { applicationOperations } from './operations.ts'
import { applicationText as t } from './texts.ts'
import {
  APPLICATIONS_PATH,
  type ApplicationItem,
  ApplicationSection,
  Applications,
  RemoveApplication,
} from './views.tsx'

const PAGE_SIZE = 50
const QUESTION = `${APPLICATIONS_PATH}/:id/remove`
const removed: PageAnswer = { redirect: `${APPLICATIONS_PATH}?notice=removed` }

const itemOf = (one: Application): ApplicationItem => ({
  id: one.id,
  name: one.name,
  logo: shownLogo(one.settings, one.source),
  organization: one.organization,
  url: one.settings.client_uri,
  isOwn: one.settings.first_party,
  scopes: one.allowed[''] ?? [],
  resourceScopes: one.resources.flatMap((resource) =>
    resourceScopesOf([resource], one.allowed[resource.identifier] ?? []),
  ),
  isOffline: one.is_offline,
  sessions: one.sessions,
  since: one.created_at,
  lastUsedAt: one.last_used_at,
})

const userIdOf = ({ principal }: Call): string => {
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  return principal.userId
}

export const applicationPages = (tools: Tools): Row[] => [
  page({
    of: applicationOperations.list,
    name: 'pages.account.applications',
    method: 'GET',
    path: APPLICATIONS_PATH,
    input: z.object({ notice: z.string().max(20).optional(), cursor: cursorField(512) }),
    run: async (call, { notice, cursor }) => {
      const input = { limit: PAGE_SIZE, cursor }
      const { page: listed, nextCursor } = await listApplications(tools, userIdOf(call), input, call.now)
      return {
        page: (
          <Applications
            applications={listed.map(itemOf)}
            isRemoved={notice === 'removed'}
            {...pagerOf(APPLICATIONS_PATH, { cursor }, nextCursor)}
          />
        ),
        title: t(call.locale, 'title'),
      }
    },
  }),
  page({
    of: applicationOperations.removeForm,
    method: 'GET',
    path: QUESTION,
    input: z.object({ id: z.string().max(64) }),
    run: async (call, { id }) => {
      const item = itemOf(await getApplication(tools, userIdOf(call), id, call.now))
      return {
        page: <RemoveApplication application={item} />,
        title: t(call.locale, 'remove.title', { app: item.name }),
      }
    },
  }),
  page({
    of: applicationOperations.remove,
    name: 'pages.account.applications.remove.submit',
    method: 'POST',
    path: QUESTION,
    input: z.object({ id: z.string().max(64) }),
    run: async (call, { id }) => {
      await removeOwnApplication(tools, call, id)
      return removed
    },
    // sent twice: it is removed
    reached: (call, _sent, { code }) => (call.principal && code === 'NOT_FOUND' ? removed : null),
  }),
]

/** The row of the security page: how many apps have access. Hidden where none has. */
export const applicationSection = (tools: Tools): SecuritySection => {
  const count = async (call: Call): Promise<{ length: number; isMore: boolean }> => {
    const { page: listed, nextCursor } = await listApplications(
      tools,
      userIdOf(call),
      { limit: PAGE_SIZE },
      call.now,
    )
    return { length: listed.length, isMore: nextCursor !== null }
  }
  return {
    id: 'applications',
    title: (locale) => t(locale, 'title'),
    isHidden: async (call) => (await count(call)).length === 0,
    async summary(call) {
      const { length, isMore } = await count(call)
      const form = isMore ? 'more' : length === 1 ? 'one' : 'other'
      return t(call.locale, `section.summary.${form}`, { count: length })
    },
    view: async () => <ApplicationSection />,
  }
}
