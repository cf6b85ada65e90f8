/** The hosted page of backup codes. The codes are on one page, once. */

import { z } from 'zod'
import { isStrong } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { formState } from '../../../base/page/index.ts'
import { offeredKinds } from '../../../base/relying-party.ts'
import { listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { mayEnrol } from '../second-factor/index.ts'
import type { SecuritySection } from '../security/index.ts'
import { createBackupCodes } from './create.ts'
import { backupCodeOperations } from './operations.ts'
import { countBackupCodes } from './sets.ts'
import { backupCodesText as t } from './texts.ts'
import { BackupCodes, BackupCodesRow, SavedCodes } from './views.tsx'

/** The page that shows new codes, once. `next`: where the page continues. */
export const showCodes = (call: Call, codes: readonly string[], next: string) => ({
  page: <SavedCodes codes={codes} next={next} />,
  title: t(call.locale, 'saved.title'),
})

async function showPage(tools: Tools, call: Call, alert?: string | null): Promise<PageAnswer> {
  const userId = call.principal?.userId ?? ''
  const { left, factors } = await tools.db.tx('system', async (tx) => ({
    left: await countBackupCodes(tx, userId),
    factors: await listFactors(tx, userId),
  }))
  const isReplacing = factors.some(({ kind }) => isStrong(kind))
  const offer = !mayEnrol(tools.config, 'backup_code') ? 'none' : isReplacing ? 'create' : 'needs_factor'
  return {
    page: <BackupCodes left={left} offer={offer} enrollable={offeredKinds(tools.config)} alert={alert} />,
    title: t(call.locale, 'page.title'),
  }
}

/** The row of the security page. */
export const backupCodesSection = ({ config, db }: Pick<Tools, 'config' | 'db'>): SecuritySection => ({
  id: 'backup-codes',
  isHidden: async ({ principal }) =>
    !mayEnrol(config, 'backup_code') &&
    (await db.tx('system', (tx) => countBackupCodes(tx, principal?.userId ?? ''))) === 0,
  title: (locale) => t(locale, 'page.title'),
  async summary({ locale, principal }) {
    const count = await db.tx('system', (tx) => countBackupCodes(tx, principal?.userId ?? ''))
    return count === 0 ? t(locale, 'row.none') : t(locale, 'row.left', { count })
  },
  view: async () => <BackupCodesRow />,
})

export const backupCodePages = (tools: Tools): Row[] => [
  page({
    of: backupCodeOperations.show,
    method: 'GET',
    path: '/account/security/backup-codes',
    input: z.object({}),
    run: (call) => showPage(tools, call),
  }),
  page({
    of: backupCodeOperations.create,
    name: 'pages.security.backup_codes.submit',
    method: 'POST',
    path: '/account/security/backup-codes',
    input: z.object({}),
    run: async (call) =>
      showCodes(call, await createBackupCodes(tools, call), '/account/security/backup-codes'),
    redisplay: async (call, typed, problem) => ({
      ...(await showPage(tools, call, formState(call.locale, typed, problem).alert)),
      status: problem.status,
    }),
  }),
]
