/** Why a stored password hash is refused: a closed set of codes, each with a sentence for the report of an import. */

export const REFUSALS = {
  unknown: 'The format of the hash is not known.',
  malformed: 'The hash is malformed.',
  too_costly: 'The hash would take too much memory or time to verify.',
  unsound: 'The hash has no salt, or its algorithm is broken.',
  bcrypt_2x:
    'The version $2x$ of bcrypt marks hashes of a faulty implementation, which match other passwords too.',
} as const
export type RefusalCode = keyof typeof REFUSALS

export class HashRefused extends Error {
  override name = 'HashRefused'
  constructor(readonly code: RefusalCode) {
    super(REFUSALS[code])
  }
}
