/** The unit of systemd before its checkers. Under a real systemd it serves in two-nodes.test.ts. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const UNIT = join(ROOT, 'deploy/systemd/latchkey.service')
const execute = promisify(execFile)

describe('the unit', () => {
  it('has nothing that systemd does not know', async () => {
    const { stdout, stderr } = await execute('systemd-analyze', [
      'verify',
      '--man=no',
      '--recursive-errors=no',
      UNIT,
    ])
    // about other units of this machine, and the program that is not installed here
    expect((stdout + stderr).split('\n').filter((line) => line.includes('latchkey.service'))).toEqual([])
  })

  it('exposes little to an attacker who runs code in it', async () => {
    const { stdout } = await execute('systemd-analyze', ['security', '--offline=true', UNIT])
    const [, exposure = '10'] = /exposure level for latchkey\.service: ([\d.]+)/.exec(stdout) ?? []
    expect(Number(exposure)).toBeLessThan(2)
  })
})
