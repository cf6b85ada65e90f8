/** Whether an address that an app has registered may be in a private network. */
import type { Config } from '../../config.ts'
import type { Client } from './clients.ts'

/**
 * Hosts that the operator names, as for connections, unless the app has registered itself: then anyone could have this server request
 * them. While an app is developed, also those of this machine.
 */
export function mayBePrivateFor(
  { connectionHosts, profile }: Pick<Config, 'connectionHosts' | 'profile'>,
  { source }: Pick<Client, 'source'>,
  uri: string,
): boolean {
  const { hostname, protocol, port } = new URL(uri)
  if (profile !== 'production' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)) return true
  if (source === 'registration' || source === 'document') return false
  const withPort = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
  return connectionHosts.includes(hostname) || connectionHosts.includes(withPort)
}
