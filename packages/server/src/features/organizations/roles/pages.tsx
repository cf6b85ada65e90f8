/** The hosted pages of an organization's roles: the list, and the forms of its custom roles. */
import { can, covers } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { notFound, type Problem } from '../../../base/errors.ts'
import { Description } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { describedPermissions } from '../../access/roles/index.ts'
import { type Above, again, frameOf, PageNotice, placeOf, titleOf } from '../frame/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { listGrantableRoles } from './grants.ts'
import { organizationRoleOperations as of } from './operations.ts'
import {
  changeOrganizationRole,
  createOrganizationRole,
  deleteOrganizationRole,
  organizationPermissions,
  type RoleInOrganization,
} from './roles.ts'
import { organizationRolesText as t } from './texts.ts'
import { MemberRole, RoleFields } from './view.ts'
import { CustomRole, OrganizationRoleList, type RoleChoices, type RoleItem } from './views.tsx'

const ROLES = '/account/organizations/:id/roles'
const ROLE = `${ROLES}/:name`
const BUILT_IN: readonly string[] = ['owner', 'admin', 'member', 'guest']
/** The number of checkboxes of the form. A role keeps permissions for which the form has no checkbox. */
const MAX_BOXES = 60
const Box = RoleFields.permissions.element
const boxes = Object.fromEntries(
  Array.from({ length: MAX_BOXES }, (_, i) => [`permission_${i}`, Box.optional()]),
) as Record<`permission_${number}`, z.ZodOptional<typeof Box>>

const OneRole = OneOrganization.extend({ name: MemberRole })

const RoleForm = OneRole.extend({
  description: Description.transform((text) => text || null)
    .nullable()
    .default(null),
  inherits: z.enum(['', 'admin', 'member', 'guest']).transform((name) => name || null),
  ...boxes,
})

const checkedIn = (input: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(boxes).flatMap((name) => (typeof input[name] === 'string' ? input[name] : []))

const itemOf = (permissions: readonly string[], role: RoleInOrganization): RoleItem => ({
  ...role,
  mayChange: !role.isBuiltIn && can({ permissions }, 'roles:write') && covers(permissions, role.effective),
})

function choicesOf(
  tools: Tools,
  { permissions, grantable }: { permissions: readonly string[]; grantable: readonly string[] },
): RoleChoices {
  const offered = organizationPermissions(tools).filter((one) => covers(permissions, [one]))
  return {
    permissions: offered.slice(0, MAX_BOXES),
    inherits: ['guest', 'member', 'admin'].filter((name) => grantable.includes(name)),
    described: describedPermissions(tools),
  }
}

async function showRoles(tools: Tools, call: Call, above: Above, form: FormState = {}): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const known = await listGrantableRoles(tools, call)
  const choices = can(shell, 'roles:write') ? choicesOf(tools, known) : null
  const items = known.roles.map((role) => itemOf(known.permissions, role))
  return {
    page: <OrganizationRoleList shell={shell} roles={items} choices={choices} {...form} />,
    title: titleOf(t(call.locale, 'roles.title'), shell),
  }
}

/** @throws Problem NOT_FOUND for a role that the caller may not change */
async function showRole(
  tools: Tools,
  call: Call,
  name: string,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, above)
  const known = await listGrantableRoles(tools, call)
  const item = known.roles
    .map((role) => itemOf(known.permissions, role))
    .find((one) => one.name === name && one.mayChange)
  if (!item) throw notFound('role')
  return {
    page: <CustomRole shell={shell} item={item} choices={choicesOf(tools, known)} {...form} />,
    title: titleOf(t(call.locale, 'role.title', item), shell),
  }
}

const listRows = (tools: Tools): Row[] => [
  page({
    of: of.list,
    name: 'pages.organizations.roles',
    method: 'GET',
    path: ROLES,
    input: OneOrganization.extend({ done: PageNotice }),
    run: (call, { done }) => showRoles(tools, call, { done }),
  }),
  page({
    of: of.create,
    name: 'pages.organizations.roles.submit',
    method: 'POST',
    path: ROLES,
    input: RoleForm,
    run: async (call, input) => {
      const { id, name, description, inherits } = input
      await createOrganizationRole(tools, call, {
        name,
        description,
        inherits,
        permissions: checkedIn(input),
      })
      return { redirect: `${placeOf(id, '/roles')}?done=role_created` }
    },
    reached: async (call, sent, { code }) =>
      code === 'CONFLICT' && (await isSameRole(tools, call, sent))
        ? { redirect: `${placeOf(sent.id ?? '', '/roles')}?done=role_created` }
        : null,
    redisplay: again(
      (call, _typed, { form }) => showRoles(tools, call, {}, form),
      ({ locale }, _problem, { name = '' }) =>
        t(locale, BUILT_IN.includes(name) ? 'refused.built_in' : 'refused.too_many'),
    ),
  }),
]

/** Whether the organization has the role exactly as it was sent. */
async function isSameRole(
  tools: Tools,
  call: Call,
  sent: Readonly<Record<string, string>>,
): Promise<boolean> {
  const form = RoleForm.safeParse(sent)
  if (!form.success) return false
  const { roles } = await listGrantableRoles(tools, call)
  const role = roles.find(({ name }) => name === form.data.name)
  const permissions = checkedIn(form.data)
  return (
    role?.isBuiltIn === false &&
    role.description === form.data.description &&
    role.inherits === form.data.inherits &&
    role.permissions.length === permissions.length &&
    permissions.every((one) => role.permissions.includes(one))
  )
}

const roleRows = (tools: Tools): Row[] => [
  page({
    of: of.show,
    method: 'GET',
    path: ROLE,
    input: OneRole.extend({ done: PageNotice }),
    run: (call, { name, done }) => showRole(tools, call, name, { done }),
  }),
  page({
    of: of.update,
    name: 'pages.organizations.role.submit',
    method: 'POST',
    path: ROLE,
    input: RoleForm,
    run: async (call, input) => {
      const { id, name, description, inherits } = input
      const known = await listGrantableRoles(tools, call)
      const before = known.roles.find((role) => role.name === name)?.permissions ?? []
      const { permissions: offered } = choicesOf(tools, known)
      const kept = before.filter((one) => !offered.includes(one))
      await changeOrganizationRole(tools, call, name, {
        description,
        inherits,
        permissions: [...checkedIn(input), ...kept],
      })
      return { redirect: `${placeOf(id, '/roles')}?done=role_saved` }
    },
    redisplay: again(
      (call, { name = '' }, { form }) => showRole(tools, call, name, {}, form),
      ({ locale }) => t(locale, 'refused.built_in'),
    ),
  }),
  page({
    of: of.delete,
    name: 'pages.organizations.role.delete',
    method: 'POST',
    path: `${ROLE}/delete`,
    formAt: ROLE,
    input: OneRole,
    run: async (call, { id, name }) => {
      await deleteOrganizationRole(tools, call, name)
      return { redirect: `${placeOf(id, '/roles')}?done=role_deleted` }
    },
    reached: ({ organization }, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && organization?.id === id ? { redirect: placeOf(id, '/roles') } : null,
    redisplay: again((call, { name = '' }, { above }) => showRole(tools, call, name, above), refusalOf),
  }),
]

/** Why a role cannot be deleted: members have it, or connections give it, which are named to those who may see them. */
function refusalOf({ locale }: Call, { details }: Problem): string {
  if (!isGiven(details)) return t(locale, 'refused.held')
  const names = details.connections?.map(({ name }) => name).join(', ')
  return names === undefined ? t(locale, 'refused.given') : t(locale, 'refused.given_by', { names })
}

const isGiven = (details: unknown): details is { connections?: readonly { name: string }[] } =>
  (details as { reason?: unknown } | undefined)?.reason === 'given_by_connections'

export const organizationRolePages = (tools: Tools): Row[] => [...listRows(tools), ...roleRows(tools)]
