/**
 * Public suffixes: domains under which everyone can register, such as `co.uk` and `github.io` (https://publicsuffix.org). The
 * rules are a file of the package (vendor/public-suffixes, renewed by scripts/vendor.mjs), which is read when a domain is
 * added: rarely, so that it takes no memory between.
 */
import { readFile } from 'node:fs/promises'
import { packagedFile } from '../../../base/packaged.ts'

/** Whether no one can own the domain, because others register below it. @param domain in its canonical spelling */
export async function isPublicSuffix(domain: string): Promise<boolean> {
  const text = await readFile(packagedFile('vendor/public-suffixes/public-suffixes.txt'), 'utf8')
  const rules = `\n${text}`
  const has = (rule: string): boolean => rules.includes(`\n${rule}\n`)
  if (has(`!${domain}`)) return false
  return has(domain) || has(`*${domain.slice(domain.indexOf('.'))}`)
}
