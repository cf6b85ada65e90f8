/** The second factors that this server offers (`LATCHKEY_MFA_METHODS`): of others none is set up, and those that exist work. */
import { invalid, type Problem } from '../../../base/errors.ts'
import type { Config } from '../../../config.ts'

type MfaMethod = Config['mfaMethods'][number]

const NAMES: Readonly<Record<MfaMethod, string>> = {
  totp: 'authenticator apps',
  passkey: 'passkeys',
  backup_code: 'backup codes',
  email_code: 'codes by e-mail',
}

export const mayEnrol = ({ mfaMethods }: Pick<Config, 'mfaMethods'>, method: MfaMethod): boolean =>
  mfaMethods.includes(method)

/** @param field where the request names it. @throws Problem VALIDATION_ERROR for a method that this server does not offer */
export function assertMayEnrol(
  config: Pick<Config, 'mfaMethods'>,
  method: MfaMethod,
  field = 'method',
): void {
  if (mayEnrol(config, method)) return
  throw invalid(field, 'unavailable', `This server does not offer ${NAMES[method]} as a second factor.`)
}

export const unavailableMethod = (): Problem =>
  invalid('method', 'unavailable', 'This server does not offer the method.')
