/**
 * The state of the service for systemd (`Type=notify`, sd_notify(3)): Node has no datagram sockets of the kind that it listens on, so
 * that systemd's own program sends it. Without systemd nothing happens; a notification that fails is logged and changes nothing.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Log } from '../base/log/index.ts'
import { isNotifying } from '../config.ts'

const PATIENCE = 5000

/** @param state of sd_notify(3): it listens, or finishes its requests */
export async function notifySystemd(state: 'READY=1' | 'STOPPING=1', log: Log): Promise<void> {
  if (!isNotifying()) return
  await promisify(execFile)('systemd-notify', [state], { timeout: PATIENCE }).catch((err: unknown) =>
    log.warn({ err }, 'systemd could not be notified'),
  )
}
