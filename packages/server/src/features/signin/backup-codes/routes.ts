/** The JSON API of backup codes. */
import { z } from 'zod'
import { textList } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { createBackupCodes } from './create.ts'
import { backupCodeOperations } from './operations.ts'

export const backupCodeRoutes = (tools: Tools): Row[] => [
  route({
    of: backupCodeOperations.create,
    method: 'POST',
    path: '/api/v1/auth/mfa/backup-codes',
    description:
      'Replaces the backup codes that you have. Each works once, at `POST /api/v1/auth/mfa/verify`, with or without its hyphens.',
    tag: 'Second factors',
    input: z.object({}),
    output: z.object({
      backup_codes: textList('The codes. They are in this answer only.', 'ABCD-EFGH-IJKL-MNOP'),
    }),
    message: 'Backup codes created. Store them now: they are not shown again.',
    run: async (call) => ({ data: { backup_codes: [...(await createBackupCodes(tools, call))] } }),
  }),
]
