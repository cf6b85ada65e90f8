/** The hosted pages of one organization itself: overview, settings, leaving and deleting it. */
import { can } from '@latchkey/guard'
import type { Call } from '../../../../base/call.ts'
import { operation } from '../../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../../base/http/row/route.ts'
import type { FormState } from '../../../../base/page/index.ts'
import type { Tools } from '../../../../core/tools.ts'
import { describedPermissions } from '../../../access/roles/index.ts'
import { Done, frameOf, One, type Said, shownFor, titleOf } from '../frame.ts'
import {
  changeOrganization,
  deleteOrganization,
  FRESH,
  leave,
  OrganizationName,
  Slug,
  showOrganization,
} from '../index.ts'
import { refusedForm, organizationsText as t } from '../texts.ts'
import { mayOpen, placeOf } from '../views.tsx'
import { DeleteOrganization, Leave, Overview, Settings } from './views.tsx'

const ONE = '/account/organizations/:id'
const HOUR = 3_600_000

async function showOverview(tools: Tools, call: Call, said: Said): Promise<PageAnswer> {
  const { shell, slug, createdAt, role } = await frameOf(tools, call, said)
  const isActive = call.session?.actsIn?.id === shell.id
  return {
    page: (
      <Overview
        shell={shell}
        slug={slug}
        createdAt={createdAt}
        yourRole={role}
        isActive={isActive}
        described={describedPermissions(tools)}
      />
    ),
    title: shell.name,
  }
}

async function showSettings(tools: Tools, call: Call, said: Said, form: FormState = {}): Promise<PageAnswer> {
  const { shell, slug } = await frameOf(tools, call, said)
  // nothing there is theirs to settle
  if (!mayOpen(shell.permissions, 'settings')) return { redirect: placeOf(shell.id) }
  return {
    page: (
      <Settings
        shell={shell}
        slug={slug}
        mayUpdate={can(shell, 'organization:update')}
        mayTransfer={can(shell, 'organization:transfer')}
        mayDelete={can(shell, 'organization:delete')}
        {...form}
      />
    ),
    title: titleOf(t(call.locale, 'settings.title'), shell),
  }
}

async function showLeave(tools: Tools, call: Call, id: string, form: FormState): Promise<PageAnswer> {
  // whatever their role permits, members see the name of what they leave
  const there = { ...call, organization: { id, role: null, permissions: [] } }
  const { organization } = await showOrganization(tools, there)
  return {
    page: <Leave id={id} name={organization.name} {...form} />,
    title: t(call.locale, 'leave.title', organization),
  }
}

async function showDelete(tools: Tools, call: Call, form: FormState): Promise<PageAnswer> {
  const { organization } = await showOrganization(tools, call)
  const graceHours = Math.floor(tools.config.organizationGrace / HOUR)
  return {
    page: (
      <DeleteOrganization id={organization.id} name={organization.name} graceHours={graceHours} {...form} />
    ),
    title: t(call.locale, 'delete.title', organization),
  }
}

const oneRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organization',
      summary: 'One of your organizations',
      needs: 'session',
      organization: 'organization:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: ONE,
    input: One.extend({ done: Done }),
    run: (call, { done }) => showOverview(tools, call, { done }),
  }),
  page({
    of: operation({
      name: 'pages.organizations.settings',
      summary: 'The settings of one of your organizations',
      needs: 'session',
      organization: 'organization:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: `${ONE}/settings`,
    input: One.extend({ done: Done }),
    run: (call, { done }) => showSettings(tools, call, { done }),
  }),
  page({
    of: operation({
      name: 'pages.organizations.settings.submit',
      summary: 'Change an organization',
      needs: 'session',
      organization: 'organization:update',
      audit: 'organization.updated',
    }),
    method: 'POST',
    path: `${ONE}/settings`,
    input: One.extend({ name: OrganizationName, slug: Slug }),
    run: async (call, { id, name, slug }) => {
      await changeOrganization(tools, call, { name, slug })
      return { redirect: `${placeOf(id, '/settings')}?done=saved` }
    },
    again: (call, typed, problem) =>
      shownFor(
        problem,
        showSettings(tools, call, {}, refusedForm(call.locale, typed, problem, 'refused.too_many')),
      ),
  }),
]

const leavingRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations.leave',
      summary: 'Ask before leaving an organization',
      needs: 'session',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: `${ONE}/leave`,
    input: One,
    run: (call, { id }) => showLeave(tools, call, id, {}),
  }),
  page({
    of: operation({
      name: 'pages.organizations.leave.submit',
      summary: 'Leave an organization',
      needs: 'session',
      audit: 'organization.member.left',
    }),
    method: 'POST',
    path: `${ONE}/leave`,
    input: One,
    run: async (call, { id }) => {
      await leave(tools, call, id)
      return { redirect: '/account/organizations?done=left' }
    },
    again: async (call, { id = '' }, problem) => {
      if (problem.code !== 'CONFLICT') throw problem
      const form = refusedForm(call.locale, {}, problem, 'refused.last_owner')
      return shownFor(problem, showLeave(tools, call, id, form))
    },
  }),
  page({
    of: operation({
      name: 'pages.organizations.delete',
      summary: 'Ask before deleting an organization',
      needs: 'session',
      organization: 'organization:delete',
      fresh: FRESH,
      quiet: 'reads only',
    }),
    method: 'GET',
    path: `${ONE}/delete`,
    input: One,
    run: (call) => showDelete(tools, call, {}),
  }),
  page({
    of: operation({
      name: 'pages.organizations.delete.submit',
      summary: 'Delete an organization',
      needs: 'session',
      organization: 'organization:delete',
      fresh: FRESH,
      audit: 'organization.deleted',
    }),
    method: 'POST',
    path: `${ONE}/delete`,
    input: One,
    run: async (call) => {
      await deleteOrganization(tools, call)
      return { redirect: '/account/organizations?done=deleted' }
    },
    again: async (call, _typed, problem) => {
      const form = refusedForm(call.locale, {}, problem, 'refused.beyond')
      return shownFor(problem, showDelete(tools, call, form))
    },
  }),
]

export const settingsPages = (tools: Tools): Row[] => [...oneRows(tools), ...leavingRows(tools)]
