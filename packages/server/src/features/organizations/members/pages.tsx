/** The hosted pages of an organization's members. What the reader may not do is not shown, and judged all the same. */
import { can, covers } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  Cursor,
  Done,
  frameOf,
  One,
  overviewOf,
  PAGE_SIZE,
  rolesOf,
  type Said,
  shownFor,
  titleOf,
  waysOf,
} from '../organization/frame.ts'
import {
  changeRole,
  FRESH,
  listMembers,
  type Member as MemberRow,
  RoleName,
  removeMember,
  Search,
  showMember,
  transferOwnership,
} from '../organization/index.ts'
import { refusedForm, organizationsText as t } from '../organization/texts.ts'
import { placeOf } from '../organization/views.tsx'
import { Member, type MemberItem, Members, nameOf, Transfer } from './views.tsx'

const MEMBER = '/account/organizations/:id/members/:user_id'
const OneMember = One.extend({ user_id: z.string().max(64) })
/** Whoever holds one of these finds something to do with each member. */
const MANAGING = ['members:update', 'members:remove', 'organization:transfer']

const itemOf = (call: Call, row: MemberRow): MemberItem => ({
  id: row.user_id,
  fullName: row.full_name,
  username: row.username,
  email: row.email,
  role: row.role,
  joinedAt: row.joined_at,
  isYou: row.user_id === call.principal?.userId,
})

async function showMembers(
  tools: Tools,
  call: Call,
  asked: Said & { cursor?: string | undefined; search?: string | undefined },
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, asked)
  const { cursor } = asked
  const search = asked.search || undefined
  const { page: rows, nextCursor } = await listMembers(tools, call, { limit: PAGE_SIZE, cursor, search })
  return {
    page: (
      <Members
        shell={shell}
        members={rows.map((row) => itemOf(call, row))}
        search={search ?? null}
        {...waysOf(placeOf(shell.id, '/members'), { cursor, search }, nextCursor)}
        mayManage={MANAGING.some((needed) => can(shell, needed))}
      />
    ),
    title: titleOf(t(call.locale, 'members.title'), shell),
  }
}

/** Whether somebody with these permissions may hand the organization to the member. */
const mayTransfer = (mine: readonly string[], item: MemberItem): boolean =>
  can({ permissions: mine }, 'organization:transfer') &&
  covers(mine, ['*']) &&
  item.role !== 'owner' &&
  !item.isYou

async function showOne(
  tools: Tools,
  call: Call,
  userId: string,
  said: Said,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, said)
  const item = itemOf(call, await showMember(tools, call, userId))
  const { roles, mine, givable } = await rolesOf(tools, call)
  const theirs = roles.find(({ name }) => name === item.role)?.effective ?? []
  const isWithin = covers(mine, theirs)
  // a role that is not to be seen stays chosen until another one is
  const offered = givable.includes(item.role) ? givable : [item.role, ...givable]
  return {
    page: (
      <Member
        shell={shell}
        item={item}
        roles={isWithin && can(shell, 'members:update') ? offered : null}
        mayRemove={isWithin && can(shell, 'members:remove') && !item.isYou}
        mayTransfer={mayTransfer(mine, item)}
        isBeyond={!isWithin}
        {...form}
      />
    ),
    title: titleOf(nameOf(item), shell),
  }
}

async function showTransfer(tools: Tools, call: Call, userId: string, form: FormState): Promise<PageAnswer> {
  const { shell, role } = await frameOf(tools, call, {})
  const item = itemOf(call, await showMember(tools, call, userId))
  return {
    page: <Transfer shell={shell} item={item} isOwner={role === 'owner'} {...form} />,
    title: t(call.locale, 'transfer.title', shell),
  }
}

const readingRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations.members',
      summary: 'The members of one of your organizations',
      needs: 'session',
      organization: 'members:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: '/account/organizations/:id/members',
    input: One.extend({ search: Search, cursor: Cursor, done: Done }),
    run: (call, asked) => showMembers(tools, call, asked),
  }),
  page({
    of: operation({
      name: 'pages.organizations.member',
      summary: 'A member of one of your organizations',
      needs: 'session',
      organization: 'members:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: MEMBER,
    input: OneMember.extend({ done: Done }),
    run: (call, { user_id, done }) => showOne(tools, call, user_id, { done }),
  }),
  page({
    of: operation({
      name: 'pages.organizations.transfer',
      summary: 'Ask before handing an organization over',
      needs: 'session',
      organization: 'organization:transfer',
      fresh: FRESH,
      quiet: 'reads only',
    }),
    method: 'GET',
    path: `${MEMBER}/transfer`,
    input: OneMember,
    run: (call, { user_id }) => showTransfer(tools, call, user_id, {}),
  }),
]

const changingRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations.member.role',
      summary: 'Change the role of a member',
      needs: 'session',
      organization: 'members:update',
      audit: 'organization.member.role_changed',
    }),
    method: 'POST',
    path: `${MEMBER}/role`,
    formAt: MEMBER,
    input: OneMember.extend({ role: RoleName }),
    run: async (call, { id, user_id: userId, role }) => {
      await changeRole(tools, call, { userId, role })
      // whoever changed their own may see less from now on
      if (userId === call.principal?.userId) return { redirect: overviewOf(id, 'role') }
      return { redirect: `${placeOf(id, `/members/${encodeURIComponent(userId)}`)}?done=role` }
    },
    again: (call, typed, problem) =>
      shownFor(
        problem,
        showOne(
          tools,
          call,
          typed.user_id ?? '',
          {},
          refusedForm(call.locale, typed, problem, 'refused.last_owner'),
        ),
      ),
  }),
  page({
    of: operation({
      name: 'pages.organizations.member.remove',
      summary: 'Remove a member',
      needs: 'session',
      organization: 'members:remove',
      audit: ['organization.member.removed', 'organization.member.left'],
    }),
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
    again: async (call, typed, problem) => {
      const { alert } = refusedForm(call.locale, {}, problem, 'refused.last_owner')
      return shownFor(problem, showOne(tools, call, typed.user_id ?? '', { refused: alert ?? null }))
    },
  }),
  page({
    of: operation({
      name: 'pages.organizations.transfer.submit',
      summary: 'Hand an organization over',
      needs: 'session',
      organization: 'organization:transfer',
      fresh: FRESH,
      audit: 'organization.transferred',
    }),
    method: 'POST',
    path: `${MEMBER}/transfer`,
    input: OneMember,
    run: async (call, { id, user_id }) => {
      const wasOwner = call.organization?.role === 'owner'
      await transferOwnership(tools, call, user_id)
      return { redirect: overviewOf(id, wasOwner ? 'transferred' : 'handed_over') }
    },
    again: async (call, typed, problem) => {
      const form = refusedForm(call.locale, {}, problem, 'refused.owner')
      return shownFor(problem, showTransfer(tools, call, typed.user_id ?? '', form))
    },
  }),
]

export const memberPages = (tools: Tools): Row[] => [...readingRows(tools), ...changingRows(tools)]
