import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { expect, it } from 'vitest'

const PROGRAM = `
import { readdirSync, readFileSync } from 'node:fs'
import { createHashing } from './index.ts'
const niceness = () => readdirSync('/proc/self/task').map((id) => {
  const stat = readFileSync('/proc/self/task/' + id + '/stat', 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
})
const settings = { algorithm: 'argon2id', argon2MemoryKib: 1024, argon2Passes: 1, bcryptCost: 12, queue: 10 } as const
void createHashing(settings).then(async (hashing) => {
  await hashing.verify(null, 'a password')
  const all = niceness()
  console.log(JSON.stringify({ main: all[0], pool: all.filter((nice) => nice > 0).length }))
})
`

// a bundle, as the server is: the loader of modules would start the pool before
it.runIf(process.platform === 'linux')('threads of the pool give way to the event loop', () => {
  const { outputFiles } = buildSync({
    stdin: { contents: PROGRAM, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    write: false,
  })
  const text = execFileSync(process.execPath, ['-'], {
    cwd: join(import.meta.dirname, '../../..'),
    encoding: 'utf8',
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '3' },
    input: outputFiles[0]?.text ?? '',
  })
  expect(JSON.parse(text)).toEqual({ main: 0, pool: 3 })
})
