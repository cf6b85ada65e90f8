/**
 * What a command writes to a file or to standard output: each text is written when the call returns, so that a full
 * disk is an error of the command, and not a file that is cut off while the command ends successfully.
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { Failure } from './command.ts'

export interface Output {
  /** @throws Failure where it cannot be written completely */
  write(text: string): Promise<void>
  /** @throws Failure */
  close(): Promise<void>
  /** Closes and deletes what is incomplete. */
  discard(): Promise<void>
}

/**
 * Opens a file that only its owner can read.
 * @param flags `wx`: it must not exist; `w`: it is replaced
 * @throws Failure
 */
export async function openFileOutput(path: string, flags: 'wx' | 'w'): Promise<Output> {
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why = code === 'EEXIST' ? 'it exists already' : code === 'ENOSPC' ? 'the disk is full' : message
      throw new Failure(`${path} cannot be written: ${why}.`, 'FILE_UNWRITABLE')
    }
  }
  const file: FileHandle = await attempt(() => open(path, flags, 0o600))
  return {
    write: (text) => attempt(() => file.appendFile(text)),
    close: () =>
      attempt(async () => {
        try {
          // some file systems report a full disk only here; a device has nothing to write back
          if ((await file.stat()).isFile()) await file.sync()
        } finally {
          await file.close()
        }
      }),
    async discard() {
      const isFile = (await file.stat()).isFile()
      await file.close()
      if (isFile) await rm(path, { force: true })
    },
  }
}

export const standardOutput: Output = {
  write: (text) =>
    new Promise((resolve, reject) => {
      // the callback has the error; the event alone would end the process
      if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {})
      process.stdout.write(text, (error) => {
        if (error) reject(new Failure(`The output cannot be written: ${error.message}.`, 'FILE_UNWRITABLE'))
        else resolve()
      })
    }),
  close: async () => {},
  discard: async () => {},
}
