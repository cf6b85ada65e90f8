/**
 * A Redis server for tests, on a free port of the loopback interface, without persistence. It ends with this process, also
 * when that is killed: its keeper waits for the end of its standard input.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const KEEPER = `"$0" "$@" > /dev/null & server=$!; echo $server; cat > /dev/null; kill -KILL $server 2> /dev/null; wait $server`

export interface RedisServer {
  url: string
  /** SIGSTOP freezes it, SIGCONT continues it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** As a crash. */
  kill(): Promise<void>
  /** Starts it on the same port, without data, and waits until it accepts connections. */
  startAgain(): Promise<void>
  stop(): Promise<void>
}

/** @param more settings, as words of the command line */
export async function startRedis(...more: readonly string[]): Promise<RedisServer> {
  const port = await freePort()
  let keeper: ChildProcess | null = null
  let pid = 0
  const start = async (): Promise<void> => {
    const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...more]
    keeper = spawn('sh', ['-c', KEEPER, 'redis-server', ...options], { stdio: ['pipe', 'pipe', 'ignore'] })
    const [line] = (await once(keeper.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    pid = Number(line)
    while (!(await accepts(port))) await pause(10)
  }
  const kill = async (): Promise<void> => {
    const ending = keeper
    keeper = null
    if (!ending || ending.exitCode !== null) return
    const ended = once(ending, 'exit')
    ending.stdin?.end()
    await ended
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}/0`,
    signal: (signal) => void process.kill(pid, signal),
    kill,
    startAgain: start,
    stop: kill,
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (accepted: boolean) => () => {
      socket.destroy()
      resolve(accepted)
    }
    socket.once('connect', end(true)).once('error', end(false))
  })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
