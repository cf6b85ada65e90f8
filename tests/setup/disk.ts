/**
 * Small disks for tests of a full, a read-only and a failing one, which only root may mount. Filling a shared disk
 * would fail every other program of the machine, so that such tests run as root alone.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const MAY_MOUNT = process.platform === 'linux' && process.getuid?.() === 0
export const MAY_FAIL = MAY_MOUNT && existsSync('/dev/loop-control') && existsSync('/sys/fs/ext4/features')

export interface Disk {
  /** Writable for every user. */
  folder: string
  /** Uses its space, except for so many bytes. */
  fill(except?: number): Promise<void>
  /** Returns that space. */
  free(): Promise<void>
  remove(): Promise<void>
}

/** A disk in memory. @param megabytes its size */
export async function mountDisk(megabytes: number): Promise<Disk & { setReadOnly(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=1777`, 'tmpfs', folder])
  return {
    ...filled(folder),
    /** Only while no program has a file open for writing. */
    async setReadOnly() {
      await run('mount', ['-o', 'remount,ro', folder])
    },
    async remove() {
      await unmount(folder)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A disk in a file, which can fail: from then on its file system is read-only, also for files that are open. */
export async function mountFailingDisk(
  megabytes: number,
): Promise<Disk & { fail(): Promise<void>; repair(): Promise<void> }> {
  const place = await mkdtemp(join(tmpdir(), 'latchkey-disk-'))
  const image = join(place, 'image')
  const folder = join(place, 'mounted')
  await mkdir(folder)
  await run('dd', ['if=/dev/zero', `of=${image}`, 'bs=1M', 'count=0', `seek=${megabytes}`])
  await run('mkfs.ext4', ['-q', '-m', '0', image])
  const mount = () => run('mount', ['-o', 'loop,errors=remount-ro', image, folder])
  await mount()
  await chmod(folder, 0o1777)
  return {
    ...filled(folder),
    async fail() {
      // what was written before is on the disk
      await run('sync', ['-f', folder])
      const { stdout } = await run('findmnt', ['-no', 'SOURCE', folder])
      await writeFile(`/sys/fs/ext4/${basename(stdout.trim())}/trigger_fs_error`, 'a test')
    },
    /** When no program uses it any more. */
    async repair() {
      await run('umount', [folder])
      // ends with 1 where it has repaired something
      await run('fsck.ext4', ['-p', image]).catch(() => {})
      await mount()
    },
    async remove() {
      await unmount(folder)
      await rm(place, { recursive: true, force: true })
    },
  }
}

/** Lazily: a program that is ending may still have a file open. */
const unmount = (folder: string) => run('umount', ['-l', folder])

function filled(folder: string): Pick<Disk, 'folder' | 'fill' | 'free'> {
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill(except = 0) {
      // the last bytes too: dd ends with an error when there is no room
      await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096']).catch(() => {})
      if (except > 0) await run('truncate', ['-s', `-${except}`, ballast])
    },
    free: () => writeFile(ballast, ''),
  }
}
