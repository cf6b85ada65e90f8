/**
 * Machines for guides that set up several: each has a file system that is a copy of this machine's (overlayfs), its processes, and a
 * real systemd as the first of them. All are on one network without a way out, whose addresses are those of the guide. They need
 * Linux and its root user, and end with this process.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Network {
  /** Starts a program of this machine that can reach the network and nothing else. */
  spawn(program: string, args: readonly string[], env?: Record<string, string>): ChildProcess
  machine(name: string): Promise<Machine>
  stop(): Promise<void>
}

export interface Machine {
  name: string
  /**
   * Runs a script of bash as root, in `/srv`.
   * @param how `outside`: on the network of this machine, for what is fetched
   * @returns standard output @throws if it fails, with what it printed
   */
  run(script: string, how?: { outside?: boolean }): Promise<string>
  write(path: string, text: string | Buffer, mode?: number): Promise<void>
}

/** Only what a service demands by default: the packages of this machine have enabled theirs. */
const UNITS: Readonly<Record<string, string>> = {
  'sysinit.target': '[Unit]\nWants=systemd-journald.service\n',
  'basic.target': '[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\n',
  'default.target': '[Unit]\nRequires=basic.target\nAfter=basic.target\n',
  'network-online.target': '[Unit]\n',
}

/** The first process of a machine. It takes the place of this script, so that its parent is this process. */
const BOOT = `set -e
folder=$1 cgroup=$2 name=$3
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/disk" "$folder/units" "$folder/cgroup"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/disk"
cp "$4"/* "$folder/units"
# what prepares a machine would change the kernel of this one
rm -rf "$folder"/disk/usr/lib/systemd/system/sysinit.target.wants "$folder"/disk/usr/lib/systemd/system/systemd-journald-audit.socket
echo "$name" > "$folder/disk/etc/hostname"
printf '127.0.0.1 localhost\n%s\n' "$5" > "$folder/disk/etc/hosts"
[ -e /usr/bin/node ] || ln -s "$6" "$folder/disk/usr/bin/node"
if [ -d /sys/fs/cgroup/systemd ]; then
  echo $$ > "/sys/fs/cgroup/systemd/$cgroup/cgroup.procs"
  mounts='mount -t tmpfs tmpfs "$0/cgroup"; mkdir "$0/cgroup/systemd"; mount -t cgroup -o none,name=systemd systemd "$0/cgroup/systemd"'
else
  echo $$ > "/sys/fs/cgroup/$cgroup/cgroup.procs"
  mounts='mount -t cgroup2 cgroup2 "$0/cgroup"'
fi
exec unshare --cgroup -- sh -c "set -e; $mounts"'
exec bwrap --unshare-pid --unshare-ipc --unshare-uts --as-pid-1 --die-with-parent --info-fd 3 --hostname "$1" --cap-add ALL --bind "$0/disk" / --dev /dev --proc /proc --ro-bind /sys /sys --bind "$0/cgroup" /sys/fs/cgroup --tmpfs /run --tmpfs /tmp --bind "$0/units" /etc/systemd/system --setenv container latchkey --chdir / -- sh -c "mount --make-rshared /; exec /lib/systemd/systemd --system --log-target=null"' "$folder" "$name"`

/**
 * A network with machines of these names.
 * @returns why there is none, where this machine does not permit it: no root user, a container, a program that is not installed
 */
export async function makeMachines(
  names: readonly string[],
  addresses: readonly string[],
  hosts: readonly string[],
): Promise<{ network: Network; machines: Machine[] } | string> {
  if (process.getuid?.() !== 0) return 'only the root user of Linux makes machines'
  if (!['/usr/bin/bwrap', '/lib/systemd/systemd', '/sbin/ip'].every((path) => existsSync(path)))
    return 'install bubblewrap, systemd and iproute2'
  let network: Network | undefined
  try {
    const made = await startNetwork(addresses, hosts)
    network = made
    return { network: made, machines: await Promise.all(names.map((name) => made.machine(name))) }
  } catch (error) {
    await network?.stop()
    return `no machine can be made here: ${(error as Error).message}`
  }
}

/**
 * @param addresses of the machines, all on one interface
 * @param hosts lines of `/etc/hosts` on each
 */
async function startNetwork(addresses: readonly string[], hosts: readonly string[]): Promise<Network> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-machines-'))
  const cgroups: string[] = []
  const children: ChildProcess[] = []
  const holder = spawn(
    'unshare',
    [
      '--net',
      'sh',
      '-ec',
      `ip link set lo up; for one in ${addresses.join(' ')}; do ip address add $one/32 dev lo; done; echo ready; exec cat`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const ended = once(holder, 'exit').then(() => {
    throw new Error('no network can be made')
  })
  await Promise.race([once(holder.stdout, 'data'), ended])
  ended.catch(() => {})
  const inNetwork = ['--target', String(holder.pid), '--net']

  const cgroup = (name: string): string => {
    const parent = existsSync('/sys/fs/cgroup/systemd') ? '/sys/fs/cgroup/systemd' : '/sys/fs/cgroup'
    const path = join(parent, name)
    mkdirSync(path)
    cgroups.push(path)
    return name
  }

  return {
    spawn(program, args, env = {}) {
      const child = spawn('nsenter', [...inNetwork, '--', program, ...args], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { PATH: process.env.PATH, ...env },
      })
      children.push(child)
      return child
    },
    async machine(name) {
      const [disk, units] = [join(folder, name), join(folder, `${name}-units`)]
      for (const path of [disk, units]) mkdirSync(path)
      for (const [unit, text] of Object.entries(UNITS)) writeFileSync(join(units, unit), text)
      const group = cgroup(`latchkey-${process.pid}-${name}`)
      const boot = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', BOOT, 'boot']
      const args = [disk, group, name, units, hosts.join('\n'), process.execPath]
      const first = spawn('nsenter', [...inNetwork, '--', ...boot, ...args], {
        stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
      })
      children.push(first)
      const pid = await childOf(first.stdio[3] as NodeJS.ReadableStream)
      const machine = enter(name, pid, inNetwork)
      for (let tries = 0; tries < 1000; tries++) {
        const state = await machine.run('systemctl is-active basic.target').catch(() => '')
        if (state.trim() === 'active') return machine
        await pause(50)
      }
      throw new Error(`${name} has not started`)
    },
    async stop() {
      await Promise.all(
        [holder, ...children.toReversed()].map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return
          const ended = once(child, 'exit')
          child.kill('SIGKILL')
          await ended
        }),
      )
      for (const path of cgroups) await removeCgroup(path)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The first process of the machine, as bubblewrap reports it: read to the end, since it dies where it cannot write it. */
async function childOf(info: NodeJS.ReadableStream): Promise<number> {
  let text = ''
  for await (const piece of info) text += piece
  const [, pid] = /"child-pid": (\d+)/.exec(text) ?? []
  if (pid === undefined) throw new Error(`the machine has not started: ${text}`)
  return Number(pid)
}

function enter(name: string, pid: number, inNetwork: readonly string[]): Machine {
  const here = ['--target', String(pid), '--mount', '--pid', '--uts', '--ipc']
  const run = async (script: string, how: { outside?: boolean } = {}): Promise<string> => {
    const into = ['nsenter', ...here, '--', 'env', `HOME=${homedir()}`, 'bash', '-ec', `cd /srv; ${script}`]
    const [program = '', ...args] = how.outside ? into : ['nsenter', ...inNetwork, '--', ...into]
    try {
      const { stdout } = await execute(program, args, { maxBuffer: 10_000_000, env: { PATH: MACHINE_PATH } })
      return stdout
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string }
      const journal = script.includes('journalctl') ? '' : await run('journalctl -q --no-pager -n 30')
      throw new Error(`on ${name}: ${script}\nfailed:\n${stdout}${stderr}${journal}`)
    }
  }
  return {
    name,
    run,
    async write(path, text, mode = 0o644) {
      const args = [...here, '--', 'sh', '-c', 'cat > "$0" && chmod "$1" "$0"', path, mode.toString(8)]
      const child = spawn('nsenter', args, { stdio: ['pipe', 'ignore', 'inherit'] })
      const ended = once(child, 'exit')
      child.stdin.end(text)
      const [code] = await ended
      if (code !== 0) throw new Error(`${path} could not be written on ${name}`)
    },
  }
}

const MACHINE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Ends what is left in a group, and removes it: that is possible as soon as its processes are gone. */
async function removeCgroup(path: string): Promise<void> {
  for (const { name } of readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
    await removeCgroup(join(path, name))
  for (let tries = 0; tries < 400; tries++) {
    for (const pid of readFileSync(join(path, 'cgroup.procs'), 'utf8')
      .split('\n')
      .map(Number)
      .filter(Boolean)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // it has ended meanwhile
      }
    }
    try {
      rmdirSync(path)
      return
    } catch {
      await pause(25)
    }
  }
  throw new Error(`${path} could not be removed`)
}
