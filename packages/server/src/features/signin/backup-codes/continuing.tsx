/** Backup codes as a method that continues an attempt. */
import type { Tools } from '../../../core/tools.ts'
import { proveAttempt } from '../door/index.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { backupCodeMethod } from './method.ts'
import { backupCodesText as t } from './texts.ts'
import { BackupCodeField } from './views.tsx'

export const continuingBackupCode = (tools: Tools): ContinuingMethod => ({
  name: 'backup_code',
  prove: (call, token, { code = '', ...chosen }) =>
    proveAttempt(tools, call, token, backupCodeMethod(tools), { code }, chosen),
  label: (locale) => t(locale, 'panel.label'),
  panel: async ({ locale }) => ({
    lead: t(locale, 'panel.lead'),
    field: 'code',
    wrong: t(locale, 'panel.wrong'),
    fields: { code: t(locale, 'field.code') },
    body: <BackupCodeField />,
  }),
})
