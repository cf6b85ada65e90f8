/**
 * E-mails about a demand that a member does not meet, neither by a factor nor by the provider of their last sign-in: the announcement, reminders before the due date, and one from
 * that date on. A recurring job sends what is due; a change of a policy enqueues it for its organization at once. Each
 * e-mail is claimed and written in one transaction, so that it is sent once over several nodes.
 */
import { z } from 'zod'
import { findLocale, systemCall } from '../../../base/call.ts'
import { audit } from '../../../core/audit/index.ts'
import { job } from '../../../core/jobs/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { policyEmail } from './mail.tsx'
import { claimReminders, selectDemanding } from './members-sql.ts'

/** Members of one transaction, and organizations that are read at once. */
const BATCH = 100

type ReminderTools = Pick<Tools, 'config' | 'db' | 'mail'>

export const policyChanged = job('organizations.policy_changed', z.object({ organization_id: z.string() }))

/** Sends what is due in one organization. */
export async function remindMembers(tools: ReminderTools, organizationId: string, now: Date): Promise<void> {
  for (;;) {
    const { length } = await tools.db.tx('system', async (tx) => {
      const due = await claimReminders(tx, organizationId, BATCH, now)
      for (const row of due) {
        const email = policyEmail(tools.config, {
          to: row.email,
          locale: findLocale(row.locale) ?? 'en',
          organization: row.organization,
          mode: row.mode,
          dueAt: row.due,
          isDue: row.mark === 0,
        })
        await tools.mail.write(tx, email, now, row.user_id)
        await audit(tx, systemCall(now), {
          type: 'organization.member.mfa_reminded',
          userId: row.user_id,
          username: row.username,
          organizationId,
          details: { due_at: row.due.toISOString() },
        })
      }
      return due
    })
    if (length < BATCH) return
  }
}

/** Sends what is due in every organization. */
export async function remindAll(tools: ReminderTools, now: Date): Promise<void> {
  let after: string | null = null
  do {
    const from = after
    const ids: string[] = await tools.db.tx('system', (tx) => selectDemanding(tx, from, BATCH))
    for (const id of ids) await remindMembers(tools, id, now)
    after = ids.length < BATCH ? null : (ids.at(-1) ?? null)
  } while (after !== null)
}
