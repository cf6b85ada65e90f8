/** Files that commands write: a disk that is full is an error, and no file is cut off silently. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFileOutput } from './file-output.ts'
import { createReporter } from './import/report.ts'

/** A device of Linux on which every write fails as on a full disk. */
const FULL = '/dev/full'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-output-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a file that a command writes', () => {
  it('has every text in order, and only its owner reads it', async () => {
    const path = join(folder, 'users.jsonl')
    const out = await openFileOutput(path, 'wx')
    for (const text of ['one\n', '', 'zwölf\n', 'x'.repeat(300_000)]) await out.write(text)
    await out.close()
    expect(readFileSync(path, 'utf8')).toBe(`one\nzwölf\n${'x'.repeat(300_000)}`)
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('is not replaced where it has to be new, and is deleted where it is incomplete', async () => {
    const path = join(folder, 'present')
    writeFileSync(path, 'kept')
    const refused = { code: 'FILE_UNWRITABLE', message: `${path} cannot be written: it exists already.` }
    await expect(openFileOutput(path, 'wx')).rejects.toMatchObject(refused)
    expect(readFileSync(path, 'utf8')).toBe('kept')
    const partial = join(folder, 'partial')
    const out = await openFileOutput(partial, 'wx')
    await out.write('half')
    await out.discard()
    expect(existsSync(partial)).toBe(false)
    await expect(openFileOutput(join(folder, 'none', 'x'), 'w')).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
    })
  })

  it.skipIf(!existsSync(FULL))('on a full disk is an error with the reason', async () => {
    const full = { code: 'FILE_UNWRITABLE', message: `${FULL} cannot be written: the disk is full.` }
    const out = await openFileOutput(FULL, 'w')
    await expect(out.write('text')).rejects.toMatchObject(full)
    await out.discard()
    expect(existsSync(FULL)).toBe(true)
    const reporter = await createReporter(FULL, false)
    await expect(
      reporter.note({ line: 1, kind: 'warning', code: 'left_out', message: 'x' }),
    ).rejects.toMatchObject(full)
    await reporter.close()
  })
})
