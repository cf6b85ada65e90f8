/** Each module of the certification plans has a test of its name. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { BASIC, CONFIG, LOGOUT } from './plans.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const LOGOUT_TESTS = '../../packages/server/src/features/oidc/logout/'

it.each([
  ['the Basic plan and the Form Post plan', BASIC, ['modules.ts'], 38],
  ['the Config plan', CONFIG, ['config.test.ts'], 1],
  ['the logout plans', LOGOUT, [`${LOGOUT_TESTS}logout.test.ts`, `${LOGOUT_TESTS}back-channel.test.ts`], 13],
] as const)('%s', (_plan, modules, files, count) => {
  const text = files.map(read).join('\n')
  // at the beginning of a text, so that a name is not found in a longer one
  const isTested = (name: string): boolean => new RegExp(`['\\s]${name}[',:]`).test(text)
  expect(modules.filter((name) => !isTested(name))).toEqual([])
  expect(new Set(modules).size).toBe(count)
})
