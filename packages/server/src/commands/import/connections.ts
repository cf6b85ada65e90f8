/**
 * Connected accounts of other systems: which connection here the name of a provider there means. An account is written for
 * the server only where its id there is the subject that the provider's answers have here.
 */
import type { ImportPreset, PresetOptions } from './presets/preset.ts'

/** Gives the identities of a record the names of connections here. @returns also what is left out, and why */
export function withConnections(
  record: Record<string, unknown>,
  { connections: usual = {} }: Pick<ImportPreset, 'connections'>,
  { connections: mapped }: Pick<PresetOptions, 'connections'>,
): { record: Record<string, unknown>; left: string[] } {
  const { identities } = record
  if (!Array.isArray(identities)) return { record, left: [] }
  const left: string[] = []
  const kept = identities.flatMap((identity) => {
    const name = identity?.connection
    if (typeof name !== 'string') return [identity]
    const here = [mapped, usual].find((names) => Object.hasOwn(names, name))?.[name]
    if (here === '') return []
    if (here === null)
      left.push(
        `the account at ${name}, whose id in the file is not the one that the provider’s answers have`,
      )
    else if (Object.hasOwn(identity, 'subject') && identity.subject === undefined)
      left.push(`the account at ${name}, whose id is not in the file`)
    else return [{ ...identity, connection: here ?? name }]
    return []
  })
  return { record: { ...record, identities: kept }, left }
}
