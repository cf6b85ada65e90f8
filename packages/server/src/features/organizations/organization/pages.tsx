/** The hosted pages of one organization: overview, settings, deletion. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { Description } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import { listActiveConnections } from '../../../core/connections/index.ts'
import { findOpenDemands } from '../../../core/demand-notice.tsx'
import type { Tools } from '../../../core/tools.ts'
import { describedPermissions } from '../../access/roles/index.ts'
import { type Above, again, frameOf, PageNotice, placeOf, questionRows, titleOf } from '../frame/index.ts'
import { countOtherMembers, findMembership, OneOrganization } from '../membership/index.ts'
import { deleteOrganization } from './deletion.ts'
import { organizationOperations as of } from './operations.ts'
import { changeOrganization, getOrganization } from './organizations.ts'
import { organizationText as t } from './texts.ts'
import { LogoUrl, OrganizationName, OrganizationSlug } from './view.ts'
import { DeleteOrganization, Overview, Settings } from './views.tsx'

const ONE = '/account/organizations/:id'
const HOUR = 3_600_000

/** An empty field clears the value; a form without the field, of the previous version, keeps it. */
const orCleared = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => null), schema]).optional()

async function showOverview(tools: Tools, call: Call, above: Above): Promise<PageAnswer> {
  const { shell, role, ...about } = await frameOf(tools, call, above)
  const demands = await findOpenDemands(tools, call, shell.id)
  const isActive = call.session?.actsIn?.id === shell.id
  return {
    page: (
      <Overview
        shell={shell}
        {...about}
        signInAddress={`${tools.config.publicUrl}/sign-in/o/${about.slug}`}
        demands={demands}
        yourRole={role}
        isActive={isActive}
        described={describedPermissions(tools)}
      />
    ),
    title: shell.name,
  }
}

async function showSettings(
  tools: Tools,
  call: Call,
  above: Above,
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell, slug, description, logoUrl } = await frameOf(tools, call, above)
  const mayUpdate = can(shell, 'organization:update')
  const mayTransfer = can(shell, 'organization:transfer')
  const mayDelete = can(shell, 'organization:delete')
  if (!mayUpdate && !mayTransfer && !mayDelete) return { redirect: placeOf(shell.id) }
  const others = await tools.db.tx('system', (tx) =>
    countOtherMembers(tx, shell.id, call.principal?.userId ?? ''),
  )
  return {
    page: (
      <Settings
        shell={shell}
        slug={slug}
        description={description}
        logoUrl={logoUrl}
        mayUpdate={mayUpdate}
        mayTransfer={mayTransfer}
        hasOtherMembers={others.members > 0}
        mayDelete={mayDelete}
        {...form}
      />
    ),
    title: titleOf(t(call.locale, 'settings.title'), shell),
  }
}

async function showDelete(tools: Tools, call: Call, form: FormState): Promise<PageAnswer> {
  const { organization } = await getOrganization(tools, call)
  const graceHours = Math.floor(tools.config.organizationGrace / HOUR)
  const active = await listActiveConnections(tools.db.hot, organization.id)
  return {
    page: (
      <DeleteOrganization
        id={organization.id}
        name={organization.name}
        graceHours={graceHours}
        hasConnection={active.length > 0}
        {...form}
      />
    ),
    title: t(call.locale, 'delete.title', organization),
  }
}

const oneRows = (tools: Tools): Row[] => [
  page({
    of: of.show,
    name: 'pages.organization',
    method: 'GET',
    path: ONE,
    input: OneOrganization.extend({ done: PageNotice }),
    run: (call, { done }) => showOverview(tools, call, { done }),
  }),
  page({
    of: of.showSettings,
    method: 'GET',
    path: `${ONE}/settings`,
    input: OneOrganization.extend({ done: PageNotice }),
    run: (call, { done }) => showSettings(tools, call, { done }),
  }),
  page({
    of: of.update,
    name: 'pages.organizations.settings.submit',
    method: 'POST',
    path: `${ONE}/settings`,
    input: OneOrganization.extend({
      name: OrganizationName,
      slug: OrganizationSlug,
      description: orCleared(Description),
      logo_url: orCleared(LogoUrl),
    }),
    run: async (call, { id, ...change }) => {
      await changeOrganization(tools, call, change)
      return { redirect: `${placeOf(id, '/settings')}?done=saved` }
    },
    redisplay: again((call, _typed, { form }) => showSettings(tools, call, {}, form)),
  }),
]

const deletionRows = (tools: Tools): Row[] =>
  questionRows({
    confirm: of.confirmDelete,
    of: of.delete,
    name: 'pages.organizations.delete.submit',
    path: `${ONE}/delete`,
    input: OneOrganization,
    show: (call, _path, form) => showDelete(tools, call, form),
    run: async (call) => {
      await deleteOrganization(tools, call)
      return { redirect: '/account/organizations?done=deleted' }
    },
    reached: async (call, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && (await isOwner(tools, call, id))
        ? { redirect: '/account/organizations' }
        : null,
  })

/** Whether the caller owns the organization, which may be deleted. */
const isOwner = ({ db, roles }: Tools, { principal, now }: Call, id: string): Promise<boolean> =>
  db.tx('system', async (tx) => {
    const found = await findMembership({ roles }, tx, id, principal?.userId ?? '', now)
    return found?.role === 'owner'
  })

export const organizationPages = (tools: Tools): Row[] => [...oneRows(tools), ...deletionRows(tools)]
