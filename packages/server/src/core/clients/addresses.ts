/** Whether an address that an app has registered may be in a private network. */
import type { Config } from '../../config.ts'

/** Hosts that the operator names, as for connections; while an app is developed, those of this machine. */
export function mayBePrivateFor(
  { connectionHosts, profile }: Pick<Config, 'connectionHosts' | 'profile'>,
  uri: string,
): boolean {
  const { hostname, protocol, port } = new URL(uri)
  const withPort = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
  if (connectionHosts.includes(hostname) || connectionHosts.includes(withPort)) return true
  return profile !== 'production' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
