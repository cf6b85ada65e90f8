/**
 * A small disk for tests of a full or read-only one: a tmpfs of its own, which only root may mount. Filling a shared disk
 * would fail every other program of the machine, so that such tests run as root alone.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const MAY_MOUNT = process.platform === 'linux' && process.getuid?.() === 0

export interface Disk {
  /** Writable for every user. */
  folder: string
  /** Uses all of its space. */
  fill(): Promise<void>
  /** Returns that space. */
  free(): Promise<void>
  /** As an administrator, or a kernel that met an error of the disk, does it. */
  setReadOnly(isReadOnly: boolean): Promise<void>
  remove(): Promise<void>
}

/** @param megabytes its size */
export async function mountDisk(megabytes: number): Promise<Disk> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=1777`, 'tmpfs', folder])
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill() {
      // the last bytes too: dd ends with an error when there is no room
      await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096']).catch(() => {})
      await chmod(ballast, 0o644)
    },
    free: () => writeFile(ballast, ''),
    async setReadOnly(isReadOnly) {
      await run('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, folder])
    },
    async remove() {
      // lazily: a process that is ending may still have a file of it open
      await run('umount', ['-l', folder])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
