/**
 * The native code that hashing needs, loaded when it is first needed: argon2 comes as one package a platform,
 * bcrypt carries the binaries of all platforms inside. Where one cannot be loaded, the error says so in a sentence;
 * `doctor` shows it. Each is tried once, so that a check which needs a missing one takes no longer than others.
 */
import { report } from 'node:process'

/** The package is not installed, or has no binary for this platform. */
export class NativeMissing extends Error {
  override name = 'NativeMissing'
}

/** @throws NativeMissing */
export const loadArgon2 = native('argon2', '@node-rs/argon2', () => import('@node-rs/argon2'))
/** @throws NativeMissing */
export const loadBcrypt = native('bcrypt', 'bcrypt', () => import('bcrypt'))

function native<T>(algorithm: string, name: string, load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null
  const attempt = () =>
    load().catch((cause: unknown) => {
      const missing = `the package ${name}, or its binary for this platform, is missing`
      throw new NativeMissing(`${algorithm} cannot be loaded on ${platform()}: ${missing}`, { cause })
    })
  return () => {
    loaded ??= attempt()
    return loaded
  }
}

/** `linux-x64, musl`; the report names the version of glibc where that is the C library. */
function platform(): string {
  const name = `${process.platform}-${process.arch}`
  if (process.platform !== 'linux') return name
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } }
  return `${name}, ${header.glibcVersionRuntime ? 'glibc' : 'musl'}`
}
