/** The hosted pages of members. They offer what the reader may do; the rules check every request again. */
import { can, covers } from '@latchkey/guard'
import type { Call } from '../../../base/call.ts'
import { notFound } from '../../../base/errors.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import { hasEvent } from '../../../core/audit/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  type Above,
  again,
  frameOf,
  PageNotice,
  pagerOf,
  placeOf,
  questionRows,
  titleOf,
} from '../frame/index.ts'
import { findOrganization, OneOrganization } from '../membership/index.ts'
import { listGrantableRoles, MemberRole } from '../roles/index.ts'
import { findLeaveObstacle, leaveOrganization } from './leaving.ts'
import { changeMemberRole, getMember, listMembers, removeMember, transferOwnership } from './members.ts'
import { changeMemberMfa } from './mfa.ts'
import { memberOperations as of } from './operations.ts'
import { type MemberRow, selectGroupConnections } from './sql.ts'
import { membersText as t } from './texts.ts'
import { MemberCursor, MemberMfaField, MemberSearch, OneMember } from './view.ts'
import { Leave, Member, type MemberItem, Members, nameOf, Transfer } from './views.tsx'

const ORGANIZATION = '/account/organizations/:id'
const MEMBER = `${ORGANIZATION}/members/:user_id`
const PAGE_SIZE = 25
/** With one of these permissions the reader may do something to members. */
const MANAGING = ['members:update', 'members:remove', 'security:write', 'organization:transfer']

const itemOf = (call: Call, row: MemberRow): MemberItem => ({
  id: row.user_id,
  fullName: row.full_name,
  username: row.username,
  email: row.email,
  role: row.role,
  joinedAt: row.joined_at,
  mfa: row.mfa,
  isYou: row.user_id === call.principal?.userId,
})

async function showMembers(
  tools: Tools,
  call: Call,
  query: { cursor?: string | undefined; search?: string | undefined; done?: string | undefined },
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, query)
  const { cursor } = query
  const search = query.search || undefined
  const { page: rows, nextCursor } = await listMembers(tools, call, { limit: PAGE_SIZE, cursor, search })
  return {
    page: (
      <Members
        shell={shell}
        members={rows.map((row) => itemOf(call, row))}
        search={search ?? null}
        {...pagerOf(placeOf(shell.id, '/members'), { cursor, search }, nextCursor)}
        mayManage={MANAGING.some((needed) => can(shell, needed))}
      />
    ),
    title: titleOf(t(call.locale, 'members.title'), shell),
  }
}

/** Whether the reader may transfer the organization to the member. */
const mayTransfer = (permissions: readonly string[], item: MemberItem): boolean =>
  can({ permissions }, 'organization:transfer') &&
  covers(permissions, ['*']) &&
  item.role !== 'owner' &&
  !item.isYou

async function showOne(
  tools: Tools,
  call: Call,
  userId: string,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const item = itemOf(call, await getMember(tools, call, userId))
  const { roles, permissions, grantable } = await listGrantableRoles(tools, call)
  const theirs = roles.find(({ name }) => name === item.role)?.effective ?? []
  const isWithin = covers(permissions, theirs)
  const groupsAt =
    item.role === 'owner'
      ? []
      : await tools.db.tx('system', (tx) => selectGroupConnections(tx, call.organization?.id ?? ''))
  // the current role is offered even if the reader may not read it
  const offered = grantable.includes(item.role) ? grantable : [item.role, ...grantable]
  return {
    page: (
      <Member
        shell={shell}
        item={item}
        roles={isWithin && can(shell, 'members:update') ? offered : null}
        mayChangeMfa={isWithin && can(shell, 'security:write')}
        mayRemove={isWithin && can(shell, 'members:remove') && !item.isYou}
        mayTransfer={mayTransfer(permissions, item)}
        isBeyond={!isWithin}
        groupsAt={groupsAt}
        {...form}
      />
    ),
    title: titleOf(nameOf(item), shell),
  }
}

async function showTransfer(tools: Tools, call: Call, userId: string, form: FormState): Promise<PageAnswer> {
  const { shell, role } = await frameOf(tools, call)
  const item = itemOf(call, await getMember(tools, call, userId))
  return {
    page: <Transfer shell={shell} item={item} isOwner={role === 'owner'} {...form} />,
    title: t(call.locale, 'transfer.title', shell),
  }
}

async function showLeave(tools: Tools, call: Call, id: string, form: FormState): Promise<PageAnswer> {
  // a member may read the name of the organization even if their role permits nothing
  const found = await findOrganization(tools, { ...call, organization: { id, role: null, permissions: [] } })
  if (!found) throw notFound('organization')
  const { name } = found.organization
  const userId = call.principal?.userId ?? ''
  const obstacle = await tools.db.tx('system', (tx) => findLeaveObstacle(tx, id, userId))
  return {
    page: <Leave id={id} name={name} obstacle={obstacle} {...form} />,
    title: t(call.locale, 'leave.title', { name }),
  }
}

const lastOwner = ({ locale }: Call): string => t(locale, 'refused.last_owner')

const readingRows = (tools: Tools): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations.members',
    method: 'GET',
    path: `${ORGANIZATION}/members`,
    input: OneOrganization.extend({
      search: MemberSearch,
      cursor: MemberCursor,
      done: PageNotice,
    }),
    run: (call, query) => showMembers(tools, call, query),
  }),
  page({
    of: of.show,
    method: 'GET',
    path: MEMBER,
    input: OneMember.extend({ done: PageNotice }),
    run: (call, { user_id, done }) => showOne(tools, call, user_id, { done }),
  }),
]

const changingRows = (tools: Tools): Row[] => [
  page({
    of: of.changeRole,
    name: 'pages.organizations.member.role',
    method: 'POST',
    path: `${MEMBER}/role`,
    formAt: MEMBER,
    input: OneMember.extend({ role: MemberRole }),
    run: async (call, { id, user_id: userId, role }) => {
      await changeMemberRole(tools, call, { userId, role })
      // a caller who changed their own role may not be allowed to see members any more
      if (userId === call.principal?.userId) return { redirect: `${placeOf(id)}?done=role` }
      return { redirect: `${placeOf(id, `/members/${encodeURIComponent(userId)}`)}?done=role` }
    },
    redisplay: again(
      (call, { user_id = '' }, { form }) => showOne(tools, call, user_id, {}, form),
      lastOwner,
    ),
  }),
  page({
    of: of.changeMfa,
    name: 'pages.organizations.member.mfa',
    method: 'POST',
    path: `${MEMBER}/mfa`,
    formAt: MEMBER,
    input: OneMember.extend({ mfa: MemberMfaField }),
    run: async (call, { id, user_id: userId, mfa }) => {
      await changeMemberMfa(tools, call, { userId, mfa })
      return { redirect: `${placeOf(id, `/members/${encodeURIComponent(userId)}`)}?done=mfa` }
    },
    redisplay: again((call, { user_id = '' }, { form }) => showOne(tools, call, user_id, {}, form)),
  }),
  page({
    of: of.remove,
    name: 'pages.organizations.member.remove',
    method: 'POST',
    path: `${MEMBER}/remove`,
    formAt: MEMBER,
    input: OneMember,
    run: async (call, { id, user_id }) => {
      await removeMember(tools, call, user_id)
      const left = user_id === call.principal?.userId
      return {
        redirect: left ? '/account/organizations?done=left' : `${placeOf(id, '/members')}?done=removed`,
      }
    },
    reached: ({ organization }, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && organization?.id === id ? { redirect: placeOf(id, '/members') } : null,
    redisplay: again((call, { user_id = '' }, { above }) => showOne(tools, call, user_id, above), lastOwner),
  }),
  ...questionRows({
    confirm: of.confirmTransfer,
    of: of.transfer,
    name: 'pages.organizations.transfer.submit',
    path: `${MEMBER}/transfer`,
    input: OneMember,
    show: (call, { user_id = '' }, form) => showTransfer(tools, call, user_id, form),
    conflict: ({ locale }) => t(locale, 'refused.owner'),
    run: async (call, { id, user_id }) => {
      const wasOwner = call.organization?.role === 'owner'
      await transferOwnership(tools, call, user_id)
      return { redirect: `${placeOf(id)}?done=${wasOwner ? 'transferred' : 'handed_over'}` }
    },
    // the caller may do this no more once it is done
    reached: async (call, { id = '' }, { code }) =>
      code === 'INSUFFICIENT_PERMISSIONS' && (await hasDone(tools, call, 'organization.transferred', id))
        ? { redirect: `${placeOf(id)}?done=transferred` }
        : null,
  }),
]

/** Whether the caller has done this in the organization before: the form was sent twice. */
const hasDone = (
  { db }: Pick<Tools, 'db'>,
  { principal }: Call,
  type: 'organization.transferred' | 'organization.member.left',
  organizationId: string,
): Promise<boolean> =>
  db.tx('system', (tx) => hasEvent(tx, { type, userId: principal?.userId ?? '', organizationId }))

const leavingRows = (tools: Tools): Row[] =>
  questionRows({
    confirm: of.confirmLeave,
    of: of.leave,
    name: 'pages.organizations.leave.submit',
    path: `${ORGANIZATION}/leave`,
    input: OneOrganization,
    show: (call, { id = '' }, form) => showLeave(tools, call, id, form),
    run: async (call, { id }) => {
      await leaveOrganization(tools, call, id)
      return { redirect: '/account/organizations?done=left' }
    },
    reached: async (call, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && (await hasDone(tools, call, 'organization.member.left', id))
        ? { redirect: '/account/organizations' }
        : null,
    conflict: lastOwner,
  })

export const memberPages = (tools: Tools): Row[] => [
  ...readingRows(tools),
  ...changingRows(tools),
  ...leavingRows(tools),
]
