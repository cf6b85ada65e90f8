/** The fields of authenticator apps: input schemas, and the view of a new one. */

import { z } from 'zod'
import { described, idField, idInput, textField, textList } from '../../../base/described.ts'
import { TypedCode } from '../../../base/fields.ts'
import { BACKUP_CODES } from '../backup-codes/index.ts'
import { FactorName } from '../mfa/index.ts'
import type { NewAuthenticator } from './authenticators.ts'

const EXAMPLE_SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'

export const EnableInput = z.object({
  method: described(z.enum(['totp']), 'The kind of factor: an authenticator app.', 'totp'),
  backup_codes: z
    .boolean()
    .optional()
    .meta({
      description:
        'Whether backup codes are made, which replace those that you have. Default: true where you have none.',
      samples: [true],
    }),
  name: described(
    FactorName.nullable().optional(),
    'The name by which you recognize the app, one line of up to 60 characters.',
    'Phone',
  ),
})

export const ConfirmInput = z.object({
  code: described(TypedCode, 'The code that the authenticator app shows.', '123456'),
  factor_id: idInput('fac', 'The factor to confirm. Default: the one that was begun last.').optional(),
})

export const RenameInput = z.object({
  id: idInput('fac', 'The authenticator app, one of your own.'),
  name: described(
    FactorName,
    'The name by which you recognize the app, one line of up to 60 characters.',
    'Phone',
  ),
})

export const NewAuthenticatorView = z
  .object({
    factor_id: idField('fac', 'The factor, which counts once its first code is confirmed.'),
    secret: textField('The secret in base32, for typing. It is in this answer only.', EXAMPLE_SECRET),
    otpauth_url: textField(
      'The same for an authenticator app on this device.',
      `otpauth://totp/Latchkey:ada%40example.com?secret=${EXAMPLE_SECRET}&issuer=Latchkey&algorithm=SHA1&digits=6&period=30`,
    ),
    qr_code: textField('The same as a QR code: a PNG as a data URI.', 'data:image/png;base64,iVBORw0KGgo…'),
    backup_codes: textList(
      `${BACKUP_CODES} backup codes, which are valid once the code is confirmed; empty where none were made.`,
      'ABCD-EFGH-IJKL-MNOP',
    ),
  })
  .meta({ id: 'NewAuthenticator' })

export const newAuthenticatorView = (made: NewAuthenticator): z.infer<typeof NewAuthenticatorView> => ({
  factor_id: made.factorId,
  secret: made.secret,
  otpauth_url: made.otpauthUrl,
  qr_code: made.qrCode,
  backup_codes: [...made.backupCodes],
})
