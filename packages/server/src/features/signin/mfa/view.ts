/** How second factors are shown as JSON. */
import { z } from 'zod'
import { ACRS, FACTOR_KINDS } from '../../../base/assurance.ts'
import { described, flagField, idField, textOrNull, timeField, timeOrNull } from '../../../base/described.ts'
import type { Factor } from '../../../core/factors/index.ts'
import { RememberedDevice } from '../devices/index.ts'

export const FactorView = z
  .object({
    id: idField('fac', 'The factor.'),
    kind: described(z.enum(FACTOR_KINDS), 'What it is: an authenticator app is `totp`.', 'totp'),
    name: textOrNull('What its user calls it; null for no name.', 'Phone'),
    created_at: timeField('When it was added.'),
    last_used_at: timeOrNull('When it was last used to sign in; null for never.'),
  })
  .meta({ id: 'Factor' })

export const FactorsView = z
  .object({
    enabled: flagField('Whether a second factor is required when you sign in.', true),
    required: flagField('Whether a policy requires one.'),
    methods: described(z.array(FactorView), 'The second factors, oldest first.'),
    backup_codes_remaining: described(z.number().int(), 'How many backup codes are left.', 10),
    devices: described(
      z.array(RememberedDevice),
      'The browsers that may skip the second factor, the last used first.',
    ),
    acr: described(
      z.enum(ACRS).nullable(),
      'The level that this session has reached: `aal1` one factor, `aal2` two, `aal2-phr` two of which one resists phishing. Null for another credential.',
      'aal2',
    ),
  })
  .meta({ id: 'Factors' })
export type FactorsView = z.infer<typeof FactorsView>

export const factorView = (factor: Factor): z.infer<typeof FactorView> => ({
  id: factor.id,
  kind: factor.kind,
  name: factor.name,
  created_at: factor.createdAt.toISOString(),
  last_used_at: factor.lastUsedAt?.toISOString() ?? null,
})
