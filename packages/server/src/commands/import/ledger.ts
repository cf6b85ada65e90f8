/**
 * What the batches of an import have done so far: the organizations that they created, and of a dry run the users that
 * they would have written, of which each batch is sent what its records can meet.
 */
import {
  type ImportResult,
  keysOfPlanned,
  keysOfRaw,
  type PlannedUser,
} from '../../features/accounts/import/index.ts'

export class ImportLedger {
  readonly #created = new Set<string>()
  readonly #users = new Map<string, PlannedUser>()
  /** The users that have a key; a user who changes is entered again under the same id. */
  readonly #idsByKey = new Map<string, string>()
  /** Of a dry run: the organizations that would have an owner, by slug. */
  readonly owned = new Set<string>()

  /** The organizations that were created, or would be. */
  get slugs(): string[] {
    return [...this.#created]
  }

  enter({ organizations, planned }: ImportResult): void {
    for (const slug of organizations) this.#created.add(slug)
    for (const user of planned) {
      this.#users.set(user.user_id, user)
      for (const key of keysOfPlanned(user)) this.#idsByKey.set(key, user.user_id)
      for (const slug of user.owner_of) this.owned.add(slug)
    }
  }

  /** What these records of a dry run can meet of what was entered. */
  before(records: readonly unknown[]): { planned: PlannedUser[]; planned_organizations: string[] } {
    const ids = new Set(records.flatMap(keysOfRaw).flatMap((key) => this.#idsByKey.get(key) ?? []))
    return {
      planned: [...ids].flatMap((id) => this.#users.get(id) ?? []),
      planned_organizations: [...new Set(records.flatMap(slugsOf))].filter((slug) => this.#created.has(slug)),
    }
  }
}

function slugsOf(record: unknown): string[] {
  const { organizations } = (record ?? {}) as { organizations?: unknown }
  if (!Array.isArray(organizations)) return []
  return organizations.flatMap((one) => (typeof one?.slug === 'string' ? one.slug : []))
}
