/** The hosted pages of an organization's roles: what there is, and its own to make, change and delete. */
import { can, covers } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { problem as newProblem } from '../../../base/errors.ts'
import { Description } from '../../../base/fields.ts'
import { operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { describedPermissions } from '../../access/roles/index.ts'
import { Done, frameOf, One, rolesOf, type Said, shownFor, titleOf } from '../organization/frame.ts'
import {
  changeOwnRole,
  createRole,
  deleteRole,
  organizationPermissions,
  RoleFields,
  type RoleInOrganization,
  RoleName,
} from '../organization/index.ts'
import { refusedForm, organizationsText as t } from '../organization/texts.ts'
import { placeOf } from '../organization/views.tsx'
import { Role, type RoleChoices, type RoleItem, Roles } from './views.tsx'

const ROLES = '/account/organizations/:id/roles'
const ROLE = `${ROLES}/:name`
/** As many boxes as a form may hold; what a role permits beyond them stays as it is. */
const MOST_BOXES = 60
const Box = RoleFields.permissions.element
const boxes = Object.fromEntries(
  Array.from({ length: MOST_BOXES }, (_, i) => [`permission_${i}`, Box.optional()]),
) as Record<`permission_${number}`, z.ZodOptional<typeof Box>>

const RoleForm = One.extend({
  name: RoleName,
  description: Description.transform((text) => text || null)
    .nullable()
    .default(null),
  inherits: z.enum(['', 'admin', 'member', 'guest']).transform((name) => name || null),
  ...boxes,
})

const tickedIn = (input: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(boxes).flatMap((name) => (typeof input[name] === 'string' ? input[name] : []))

const itemOf = (mine: readonly string[], role: RoleInOrganization): RoleItem => ({
  ...role,
  mayChange: !role.isBuiltIn && can({ permissions: mine }, 'roles:write') && covers(mine, role.effective),
})

function choicesOf(tools: Tools, mine: readonly string[], givable: readonly string[]): RoleChoices {
  const permissions = organizationPermissions(tools).filter((one) => covers(mine, [one]))
  return {
    permissions: permissions.slice(0, MOST_BOXES),
    inherits: ['guest', 'member', 'admin'].filter((name) => givable.includes(name)),
    described: describedPermissions(tools),
  }
}

async function showRoles(tools: Tools, call: Call, said: Said, form: FormState = {}): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, said)
  const { roles, mine, givable } = await rolesOf(tools, call)
  const choices = can(shell, 'roles:write') ? choicesOf(tools, mine, givable) : null
  return {
    page: <Roles shell={shell} roles={roles.map((role) => itemOf(mine, role))} choices={choices} {...form} />,
    title: titleOf(t(call.locale, 'roles.title'), shell),
  }
}

/** @throws Problem NOT_FOUND for one that the reader may not change */
async function showRole(
  tools: Tools,
  call: Call,
  name: string,
  said: Said,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, said)
  const { roles, mine, givable } = await rolesOf(tools, call)
  const item = roles.map((role) => itemOf(mine, role)).find((one) => one.name === name && one.mayChange)
  if (!item) throw newProblem('NOT_FOUND')
  return {
    page: <Role shell={shell} item={item} choices={choicesOf(tools, mine, givable)} {...form} />,
    title: titleOf(t(call.locale, 'role.title', item), shell),
  }
}

const listRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations.roles',
      summary: 'The roles of one of your organizations',
      needs: 'session',
      organization: 'roles:read',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: ROLES,
    input: One.extend({ done: Done }),
    run: (call, { done }) => showRoles(tools, call, { done }),
  }),
  page({
    of: operation({
      name: 'pages.organizations.roles.submit',
      summary: 'Make a role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      audit: 'organization.role.created',
    }),
    method: 'POST',
    path: ROLES,
    input: RoleForm,
    run: async (call, input) => {
      const { id, name, description, inherits } = input
      await createRole(tools, call, { name, description, inherits, permissions: tickedIn(input) })
      return { redirect: `${placeOf(id, '/roles')}?done=role_created` }
    },
    again: async (call, typed, problem) => {
      const isBuiltIn = ['owner', 'admin', 'member', 'guest'].includes(typed.name ?? '')
      const conflict = isBuiltIn ? 'refused.built_in' : 'refused.too_many'
      const form = refusedForm(call.locale, typed, problem, conflict)
      return shownFor(problem, showRoles(tools, call, {}, form))
    },
  }),
]

const roleRows = (tools: Tools): Row[] => [
  page({
    of: operation({
      name: 'pages.organizations.role',
      summary: 'A role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      quiet: 'reads only',
    }),
    method: 'GET',
    path: ROLE,
    input: One.extend({ name: RoleName, done: Done }),
    run: (call, { name, done }) => showRole(tools, call, name, { done }),
  }),
  page({
    of: operation({
      name: 'pages.organizations.role.submit',
      summary: 'Change a role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      audit: 'organization.role.updated',
    }),
    method: 'POST',
    path: ROLE,
    input: RoleForm,
    run: async (call, input) => {
      const { id, name, description, inherits } = input
      const { roles, mine, givable } = await rolesOf(tools, call)
      const before = roles.find((role) => role.name === name)?.permissions ?? []
      const { permissions: offered } = choicesOf(tools, mine, givable)
      const kept = before.filter((one) => !offered.includes(one))
      await changeOwnRole(tools, call, name, {
        description,
        inherits,
        permissions: [...tickedIn(input), ...kept],
      })
      return { redirect: `${placeOf(id, '/roles')}?done=role_saved` }
    },
    again: (call, typed, problem) =>
      shownFor(
        problem,
        showRole(
          tools,
          call,
          typed.name ?? '',
          {},
          refusedForm(call.locale, typed, problem, 'refused.built_in'),
        ),
      ),
  }),
  page({
    of: operation({
      name: 'pages.organizations.role.delete',
      summary: 'Delete a role of the organization’s own',
      needs: 'session',
      organization: 'roles:write',
      audit: 'organization.role.deleted',
    }),
    method: 'POST',
    path: `${ROLE}/delete`,
    formAt: ROLE,
    input: One.extend({ name: RoleName }),
    run: async (call, { id, name }) => {
      await deleteRole(tools, call, name)
      return { redirect: `${placeOf(id, '/roles')}?done=role_deleted` }
    },
    again: async (call, typed, problem) => {
      const { alert } = refusedForm(call.locale, {}, problem, 'refused.held')
      return shownFor(problem, showRole(tools, call, typed.name ?? '', { refused: alert ?? null }))
    },
  }),
]

export const rolePages = (tools: Tools): Row[] => [...listRows(tools), ...roleRows(tools)]
