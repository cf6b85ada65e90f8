/** The file of a backup while it is written: by one command, and by two at once. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { keyring } from '../../base/crypto.ts'
import { BACKUP_FORMAT, type BackupHeader, readBackup, writeBackup } from './backup-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-backup-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ring = keyring('a secret for tests')
const macs = (text: string) => ring.macs('backups', text)
const header = (at: string): BackupHeader => ({
  format: BACKUP_FORMAT,
  at,
  version: '0.1.0',
  migrations: [],
  tables: [],
})
const timeOf = async (path: string): Promise<string | undefined> => {
  let found: string | undefined
  await readBackup(path, macs, {
    header: async ({ at }) => {
      found = at
    },
    page: async () => {},
  })
  return found
}

it('of two commands that write one backup at once, the last makes it, and the other is refused', async () => {
  const path = join(folder, 'both.backup')
  const first = await writeBackup(path, macs)
  await first.header(header('first'))
  const second = await writeBackup(path, macs)
  await second.header(header('second'))
  await expect(first.end({})).rejects.toMatchObject({ code: 'BACKUP_RUNNING' })
  await first.discard()
  expect(readdirSync(folder)).toEqual(['both.backup.unfinished'])
  await second.end({})
  expect(readdirSync(folder)).toEqual(['both.backup'])
  expect(await timeOf(path)).toBe('second')
})

it('that is discarded leaves nothing', async () => {
  const writer = await writeBackup(join(folder, 'discarded.backup'), macs)
  await writer.header(header('now'))
  await writer.discard()
  expect(readdirSync(folder)).toEqual(['both.backup'])
})
