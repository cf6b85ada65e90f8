/** Set-up links on the command line, as the operator. A link has a maker all the same: it permits what a member may do. */
import type { Call } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid } from '../../../base/errors.ts'
import { canonical } from '../../../base/identifiers.ts'
import type { Tools } from '../../../core/tools.ts'
import { checkedFields, inNamedOrganization, readNamedOrganization } from '../named/index.ts'
import { listOwners } from '../organization/index.ts'
import { findMaker, issueFor, revokeFor, type SetupTools, shownLinks } from './setup-links.ts'
import { selectLinks } from './sql.ts'
import {
  type IssuedSetupLinkView,
  issuedSetupLinkView,
  NewSetupLinkFields,
  newSetupLinkIn,
  type SetupLinkView,
  setupLinkView,
} from './view.ts'

/** @param organization its id or short name. @throws Problem NOT_FOUND */
const listByOperator = (tools: Tools, organization: string): Promise<SetupLinkView[]> =>
  readNamedOrganization(tools, organization, async (tx, { now }, { id }) => {
    const links = await shownLinks(tools, tx, await selectLinks(tx, id, now), now)
    return links.map(setupLinkView)
  })

/**
 * @param owner the address or the id of the owner in whose name the link works; null: the first who may
 * @param fields as the API takes them
 * @throws Problem NOT_FOUND, VALIDATION_ERROR, CONFLICT
 */
const issueByOperator = (
  tools: Tools,
  organization: string,
  owner: string | null,
  fields: Readonly<Record<string, unknown>>,
): Promise<IssuedSetupLinkView> => {
  const input = newSetupLinkIn(checkedFields(NewSetupLinkFields, fields), 'en')
  return inNamedOrganization(tools, organization, async (tx, call, named) => {
    const maker = await makerOf(tools, tx, call, named.id, owner)
    return issuedSetupLinkView(await issueFor(tools, tx, call, named, maker, input))
  })
}

/** @throws Problem VALIDATION_ERROR where no owner, or not this one, may change connections */
async function makerOf(
  tools: SetupTools,
  tx: Tx,
  { now }: Call,
  organizationId: string,
  owner: string | null,
): Promise<string> {
  for (const { id, email } of await listOwners(tx, organizationId)) {
    const isMeant = owner === null || owner === id || canonical(owner) === canonical(email)
    if (isMeant && (await findMaker(tools, tx, organizationId, id, now))) return id
  }
  throw invalid(
    'owner',
    'unknown',
    owner === null
      ? 'The organization has no owner who may change its connections.'
      : 'The organization has no such owner, or they may not change its connections.',
  )
}

/** @throws Problem NOT_FOUND */
const revokeByOperator = (tools: Tools, organization: string, id: string): Promise<{ id: string }> =>
  inNamedOrganization(tools, organization, async (tx, call, named) => {
    await revokeFor(tx, call, named.id, id)
    return { id }
  })

export const setupLinksByOperator = { list: listByOperator, issue: issueByOperator, revoke: revokeByOperator }
