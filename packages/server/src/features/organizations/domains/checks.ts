/**
 * Checks of the TXT record that proves a domain: on request, and by a recurring job. Invariants: DNS queries run
 * outside of transactions; of several organizations whose record is right the first one owns the domain; a proof is
 * sticky: a check that fails later warns, and takes nothing back; a deleted organization does not keep its domain from
 * another one that proves it.
 */
import { type Call, findLocale, systemCall } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound } from '../../../base/errors.ts'
import { lookupTxt, type TxtAnswer } from '../../../base/outbound/dns.ts'
import { changingRequirement } from '../../../core/sso/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { inside, lockOrganization, recordOrganizationEvent } from '../membership/index.ts'
import { listOwners } from '../organization/index.ts'
import { CHECKED_FOR, challengeOf, getDomain, HOUR } from './domains.ts'
import { domainWarningEmail } from './mail.tsx'
import {
  type CheckedDomain,
  claimDueDomains,
  type DomainRow,
  isDeletedOrganization,
  lockRivals,
  updateChecked,
} from './sql.ts'
import type { CheckOutcome } from './tables.ts'

const DAY = 24 * HOUR
/** How long the checks of a verified domain fail before its owners get an e-mail: one failure may be the network's. */
const WARNED_AFTER = HOUR
/** What is kept of the values that a check found. */
const MOST_VALUES = 10
const LONGEST_VALUE = 255
/** Domains that a run of the job checks at the same time, and in all; the next run continues. */
const AT_ONCE = 10
const BATCHES = 50

type CheckTools = Pick<Tools, 'clock' | 'config' | 'db' | 'mail'>

/** Whether a published value is the expected one. Some panels publish the quotation marks that a zone file needs. */
const isValue = (found: string, value: string): boolean => found.trim().replace(/^"(.*)"$/, '$1') === value

/** As it can be stored and shown: of limited length, in visible ASCII. */
const shownValue = (value: string): string =>
  value.slice(0, LONGEST_VALUE).replaceAll(/[^\x20-\x7e]/g, '\ufffd')

/** Checks the record now. @throws Problem NOT_FOUND, also if the domain is removed meanwhile */
export async function checkDomain(
  tools: CheckTools & Pick<Tools, 'roles'>,
  call: Call,
  id: string,
): Promise<DomainRow> {
  const domain = await getDomain(tools, call, id)
  const answer = await lookupTxt(challengeOf(domain).name, tools.config.dnsServers)
  return await inside(tools, call, 'connections:write', (tx, { organization }) =>
    tx.asSystem((system) => applyAnswer(tools, system, call, { ...domain, organization }, answer)),
  )
}

/** Stores what a check found. The organization is locked. As the system. @throws Problem NOT_FOUND */
async function applyAnswer(
  tools: Pick<Tools, 'clock' | 'config' | 'mail'>,
  tx: Tx,
  call: Call,
  { id, domain, organization }: { id: string; domain: string; organization: { id: string; name: string } },
  answer: TxtAnswer,
): Promise<DomainRow> {
  const rivals = await lockRivals(tx, domain)
  const row = rivals.find((one) => one.id === id && one.organization_id === organization.id)
  if (!row) throw notFound('domain')
  const values = 'values' in answer ? answer.values : []
  const { value } = challengeOf(row)
  const isRight = values.some((one) => isValue(one, value))
  const owner = rivals.find((one) => one.verified_at !== null && one.id !== id)
  const isTaken = isRight && owner !== undefined && !(await lapses(tx, call, owner))
  const outcome = outcomeOf(answer, isRight, isTaken)
  const verifiedAt = row.verified_at ?? (outcome === 'verified' ? call.now : null)
  const failingSince = verifiedAt === null || outcome === 'verified' ? null : (row.failing_since ?? call.now)
  const isWarned = row.warned_at !== null
  const warns =
    !isWarned && failingSince !== null && call.now.getTime() - failingSince.getTime() >= WARNED_AFTER
  const checked: CheckedDomain = {
    verified_at: verifiedAt,
    checked_at: call.now,
    outcome,
    found: values.slice(0, MOST_VALUES).map(shownValue),
    fault: 'fault' in answer ? answer.fault : null,
    failing_since: failingSince,
    warned_at: failingSince === null ? null : warns ? call.now : row.warned_at,
    next_check_at: nextCheck(row, { verifiedAt, isInDoubt: failingSince !== null && !isWarned && !warns }, call.now),
  } // biome-ignore format: a line each
  const isNew = row.verified_at === null && verifiedAt !== null
  const store = () => updateChecked(tx, id, checked)
  await (isNew ? changingRequirement(tools, tx, organization.id, store) : store())
  const details = { domain_id: id, domain }
  if (isNew) await recordOrganizationEvent(tx, call, 'organization.domain.verified', organization.id, details)
  if (warns) {
    const failed = { ...details, outcome, failing_since: failingSince.toISOString() }
    await recordOrganizationEvent(tx, call, 'organization.domain.check_failed', organization.id, failed)
    await warnOwners(tools, tx, call, { id, domain, outcome, organization })
  }
  return { ...row, ...checked }
}

const outcomeOf = (answer: TxtAnswer, isRight: boolean, isTaken: boolean): CheckOutcome => {
  if ('fault' in answer) return 'no_answer'
  if (isRight) return isTaken ? 'taken' : 'verified'
  return answer.values.length === 0 ? 'not_found' : 'other_values'
}

function nextCheck(
  { created_at }: Pick<DomainRow, 'created_at'>,
  { verifiedAt, isInDoubt }: { verifiedAt: Date | null; isInDoubt: boolean },
  now: Date,
): Date | null {
  if (verifiedAt !== null) return later(now, isInDoubt ? HOUR : DAY)
  const next = later(now, HOUR)
  return next <= later(created_at, CHECKED_FOR) ? next : null
}

/** Takes the domain from its owner if that organization is deleted. @returns whether it did */
async function lapses(tx: Tx, call: Call, owner: DomainRow): Promise<boolean> {
  if (!(await isDeletedOrganization(tx, owner.organization_id))) return false
  await updateChecked(tx, owner.id, {
    verified_at: null,
    checked_at: call.now,
    outcome: 'taken',
    found: [],
    fault: null,
    failing_since: null,
    warned_at: null,
    next_check_at: null,
  })
  const details = { domain_id: owner.id, domain: owner.domain, outcome: 'taken' }
  // the other organization is no business of this one: the actor is not named
  await recordOrganizationEvent(
    tx,
    systemCall(call.now),
    'organization.domain.check_failed',
    owner.organization_id,
    details,
  )
  return true
}

async function warnOwners(
  tools: Pick<Tools, 'config' | 'mail'>,
  tx: Tx,
  { now, locale }: Call,
  about: { id: string; domain: string; outcome: CheckOutcome; organization: { id: string; name: string } },
): Promise<void> {
  for (const { id, email: to, locale: chosen } of await listOwners(tx, about.organization.id)) {
    const email = domainWarningEmail(tools.config, { ...about, to, locale: findLocale(chosen) ?? locale })
    await tools.mail.write(tx, email, now, id)
  }
}

/** The recurring job: checks the domains that are due, a few at the same time. */
export async function checkDueDomains(tools: CheckTools, now: Date): Promise<void> {
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const due = await tools.db.tx('system', (tx) => claimDueDomains(tx, AT_ONCE, now, later(now, HOUR)))
    await Promise.all(due.map((domain) => checkDue(tools, domain, now)))
    if (due.length < AT_ONCE) return
  }
}

async function checkDue(tools: CheckTools, row: DomainRow, now: Date): Promise<void> {
  const answer = await lookupTxt(challengeOf(row).name, tools.config.dnsServers)
  await tools.db.tx('system', async (tx) => {
    const organization = await lockOrganization(tx, row.organization_id)
    if (!organization || organization.deleted_at !== null) return
    // removed meanwhile
    const isThere = (await lockRivals(tx, row.domain)).some(({ id }) => id === row.id)
    if (isThere) await applyAnswer(tools, tx, systemCall(now), { ...row, organization }, answer)
  })
}
