/** The organization that a command of the operator names, and the fields that it is given. */
import type { z } from 'zod'
import { type Call, systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { declarationOf, unknownMembers } from '../../../base/http/request/declaration.ts'
import type { Tools } from '../../../core/tools.ts'
import type { OrganizationRow } from '../membership/index.ts'

/** Runs `work` as the system, with the organization locked. @param name its id or slug. @throws Problem NOT_FOUND */
export const inNamedOrganization = <T>(tools: NamingTools, name: string, work: Work<T>): Promise<T> =>
  withNamed(tools, name, work, { isLocked: true })

/** The same for work that changes nothing, and so waits for no change. */
export const readNamedOrganization = <T>(tools: NamingTools, name: string, work: Work<T>): Promise<T> =>
  withNamed(tools, name, work, { isLocked: false })

type NamingTools = Pick<Tools, 'db' | 'clock'>
type Work<T> = (tx: Tx, call: Call, organization: Pick<OrganizationRow, 'id' | 'name' | 'slug'>) => Promise<T>

async function withNamed<T>(
  tools: NamingTools,
  name: string,
  work: Work<T>,
  { isLocked }: { isLocked: boolean },
): Promise<T> {
  const call = systemCall(tools.clock.now())
  return await tools.db.tx('system', async (tx) => {
    const named = selectNamed(tx, name)
    const organization = await (isLocked ? named.forNoKeyUpdate() : named).executeTakeFirst()
    if (!organization)
      throw problem('NOT_FOUND', {
        message: 'There is no organization with this id or short name.',
        details: { resource: 'organization' },
      })
    return await work(tx, call, organization)
  })
}

/** By id or slug; without one that is deleted. */
const selectNamed = (tx: Tx, name: string) =>
  tx
    .selectFrom('organizations')
    .select(['id', 'name', 'slug'])
    .where((eb) => eb.or([eb('id', '=', name), eb('slug', '=', name)]))
    .where('deleted_at', 'is', null)

/** The fields of the API that a command was given. @throws Problem VALIDATION_ERROR with all faults */
export function checkedFields<T extends z.ZodObject>(
  schema: T,
  fields: Readonly<Record<string, unknown>>,
): z.output<T> {
  const parsed = schema.safeParse(fields)
  const unknown = unknownMembers(fields, declarationOf(schema), { besides: new Set() })
  if (parsed.success && unknown.length === 0) return parsed.data as z.output<T>
  const issues = parsed.error?.issues ?? []
  const invalid = issues.map(({ path, code, message }) => ({ field: path.join('.'), code, message }))
  throw problem('VALIDATION_ERROR', { details: [...unknown, ...invalid] })
}
