/** The hosted page of a user's permissions: on the server, and in the organization that the session acts in. */
import { z } from 'zod'
import { page, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { serverRoleOperations } from './operations.ts'
import { roleText, accessText as t } from './texts.ts'
import { OwnAccess } from './views.tsx'

export const accessPages = (tools: Pick<Tools, 'roles'>): Row[] => [
  page({
    of: serverRoleOperations.showOwn,
    method: 'GET',
    path: '/account/access',
    input: z.object({}),
    run: async ({ principal, organization, session, locale }) => {
      const { roles: held = [], permissions = [] } = principal ?? {}
      // in the order of the defined roles: the most powerful first
      const roles = tools.roles
        .all()
        .filter(({ name }) => held.includes(name))
        .map(({ name, description }) => ({ name, description: roleText(locale, description) }))
      const acting = organization && {
        ...organization,
        name: session?.actsIn?.id === organization.id ? session.actsIn.name : organization.id,
      }
      return {
        page: (
          <OwnAccess
            roles={roles}
            permissions={permissions}
            organization={acting}
            described={describedPermissions(tools)}
          />
        ),
        title: t(locale, 'access.title'),
      }
    },
  }),
]

/** The app's descriptions of its permissions, by name. */
export const describedPermissions = ({ roles }: Pick<Tools, 'roles'>): ReadonlyMap<string, string> =>
  new Map(
    roles.appPermissions().flatMap(({ name, description }) => (description ? [[name, description]] : [])),
  )
