/**
 * The native code that hashing needs, loaded when it is first needed: argon2 comes as one package a platform,
 * bcrypt carries the binaries of all platforms inside. Where one cannot be loaded, the error says so in a sentence;
 * `doctor` shows it.
 */
import { report } from 'node:process'

const PACKAGES = {
  argon2: { name: '@node-rs/argon2', load: () => import('@node-rs/argon2') },
  bcrypt: { name: 'bcrypt', load: () => import('bcrypt') },
} as const

/** The package is not installed, or has no binary for this platform. */
export class NativeMissing extends Error {
  override name = 'NativeMissing'
}

export const loadArgon2 = () => load('argon2')
export const loadBcrypt = () => load('bcrypt')

/** @throws NativeMissing */
async function load<K extends keyof typeof PACKAGES>(
  which: K,
): Promise<Awaited<ReturnType<(typeof PACKAGES)[K]['load']>>> {
  const { name, load } = PACKAGES[which]
  try {
    return (await load()) as Awaited<ReturnType<(typeof PACKAGES)[K]['load']>>
  } catch (cause) {
    throw new NativeMissing(
      `${which} cannot be loaded on ${platform()}: the package ${name}, or its binary for this platform, is missing`,
      { cause },
    )
  }
}

/** `linux-x64, musl`; the report names the version of glibc where that is the C library. */
function platform(): string {
  const name = `${process.platform}-${process.arch}`
  if (process.platform !== 'linux') return name
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } }
  return `${name}, ${header.glibcVersionRuntime ? 'glibc' : 'musl'}`
}
