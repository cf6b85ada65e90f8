/** The version of the server; the bundle has it from package.json. */
import manifest from '../../package.json' with { type: 'json' }

export const version = (): string => manifest.version
