/** pysaml2, an implementation of SAML by others: a program of Python that reads a document and answers. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Debian's Python: a version of another manager does not know Debian's packages. */
const PYTHON = '/usr/bin/python3'
export const hasPysaml2 =
  existsSync('/usr/lib/python3/dist-packages/saml2/sigver.py') && existsSync('/usr/bin/xmlsec1')

/**
 * Runs a program with `document`, and `more` as it was given.
 * @returns what it passed to `answer`. @throws what Python printed
 */
export function askPysaml2(program: string, document: string, more: unknown = null): Promise<unknown> {
  const whole = `
import json, sys
document, more = json.load(sys.stdin)
def answer(value):
    print("answer:" + json.dumps(value))
${program}`
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 10_000_000, timeout: 60_000 }
    const child = execFile(PYTHON, ['-W', 'ignore', '-c', whole], options, (error, stdout, stderr) => {
      const line = stdout.split('\n').find((one) => one.startsWith('answer:'))
      if (error || line === undefined)
        reject(new Error(`pysaml2 (Debian: python3-pysaml2): ${stderr || error?.message}`))
      else resolve(JSON.parse(line.slice('answer:'.length)))
    })
    child.stdin?.end(JSON.stringify([document, more]))
  })
}
