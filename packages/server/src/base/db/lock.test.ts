import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DataDirInUse, dataDirHolder, type LockHolder, lockDataDir } from './lock.ts'

let folder: string
let tools: string
const children: ChildProcess[] = []

beforeAll(async () => {
  tools = await mkdtemp(join(tmpdir(), 'latchkey-lock-'))
  const source = new URL('./lock.ts', import.meta.url).pathname
  const contents = `import { lockDataDir } from ${JSON.stringify(source)}
    process.stdout.write('ready\\n')
    process.stdin.once('data', async () => {
      try { await lockDataDir(process.argv[2], { controlSocket: 'at ' + process.pid }); process.stdout.write('won\\n') }
      catch (error) { process.stdout.write(error.name + '\\n') }
    })`
  await build({ stdin: { contents, resolveDir: tools }, bundle: true, platform: 'node', format: 'esm', outfile: join(tools, 'contender.mjs') }) // biome-ignore format: options
})
afterAll(() => rm(tools, { recursive: true, force: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-lock-'))
})
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill))
  await rm(folder, { recursive: true, force: true })
})

interface Contender {
  process: ChildProcess
  /** Sends the start signal; resolves with `won` or the name of the error. */
  contend(): Promise<string>
}
async function contender(): Promise<Contender> {
  const child = spawn(process.execPath, [join(tools, 'contender.mjs'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const word = () =>
    new Promise<string>((resolve) =>
      child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())),
    )
  await word()
  return {
    process: child,
    contend() {
      const verdict = word()
      child.stdin.write('go\n')
      return verdict
    },
  }
}
const kill = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })

// independent of the database: run once
describe('the lock of the data directory', () => {
  test('is acquired by one of many processes, and again by one each time its holder was killed', async () => {
    for (let round = 0; round < 4; round++) {
      const contenders = await Promise.all(Array.from({ length: 6 }, contender))
      const verdicts = await Promise.all(contenders.map(({ contend }) => contend()))
      expect(verdicts.toSorted()).toEqual([...Array(5).fill('DataDirInUse'), 'won'])
      await Promise.all(contenders.map(({ process }) => kill(process)))
    }
  }, 60_000)

  test('is acquired by one of many in the same process', async () => {
    for (let round = 0; round < 20; round++) {
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(folder)))
      const won = tries.filter((one) => one.status === 'fulfilled')
      expect(won).toHaveLength(1)
      for (const { value } of won) await value.release()
    }
  })

  test('names its holder to a process that is too late', async () => {
    const lock = await lockDataDir(folder, { controlSocket: '/run/control.sock' })
    const error = await lockDataDir(folder).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataDirInUse)
    expect(error).toMatchObject({ holder: { pid: process.pid, controlSocket: '/run/control.sock' } })
    expect(await dataDirHolder(folder)).toMatchObject({ pid: process.pid })
    await lock.release()
    await lock.release()
    expect(await dataDirHolder(folder)).toBeNull()
    await (await lockDataDir(folder)).release()
  })

  test('leaves at most two files behind, for any number of holders', async () => {
    for (let round = 0; round < 10; round++) await (await lockDataDir(folder)).release()
    expect((await readdir(folder)).toSorted()).toEqual(['lock.10', 'lock.9'])
  })

  const held = async (change: Partial<LockHolder>): Promise<string> => {
    const lock = await lockDataDir(folder)
    await lock.release()
    const file = join(folder, 'lock.1')
    await writeFile(file, JSON.stringify({ ...lock.holder, ...change }))
    return file
  }

  if (process.platform === 'linux')
    test('does not take a reused pid for its holder', async () => {
      await held({ began: '1' })
      await (await lockDataDir(folder)).release()
    })

  if (process.platform === 'linux')
    test('is free after the machine was rebooted', async () => {
      await held({ realm: 'another-boot pid:[1]' })
      await (await lockDataDir(folder)).release()
    })

  test('of another machine is held while its heartbeat continues', async () => {
    const file = await held({ host: `not-${hostname()}` })
    const content = await readFile(file, 'utf8')
    const heart = setInterval(() => void writeFile(file, content), 400)
    await expect(lockDataDir(folder)).rejects.toThrow(`in use by process ${process.pid} on not-${hostname()}`)
    clearInterval(heart)
  })

  test('of another machine is free when its heartbeat has stopped', async () => {
    await held({ host: `not-${hostname()}` })
    await (await lockDataDir(folder, { silenceMs: 1000 })).release()
  })
})
