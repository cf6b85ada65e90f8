/** Placeholder of the shape; the table of settings is being written. */
import type { Style } from './base/call.ts'
export interface Config {
  profile: 'development' | 'testing' | 'production'
  host: string
  port: number
  /** Origin without a trailing slash, `https://id.example.com`. */
  publicUrl: string
  dataDir: string
  secret: string
  databaseUrl: string | null
  databasePool: number
  embeddedInProduction: boolean
  redisUrl: string | null
  smtpUrl: string | null
  mailFrom: string
  trustedProxies: readonly string[]
  emailVerification: 'required' | 'off'
  passwordProfile: 'nist' | 'classic'
  /** Durations are milliseconds. */
  sessionIdle: number
  sessionAbsolute: number
  rememberIdle: number
  rememberAbsolute: number
  rolePreset: 'ladder' | 'client-services'
  defaultRole: string | null
  rateLimits: 'standard' | 'single' | 'off'
  compat: readonly string[]
  envelope: Style
  corsOrigins: readonly string[]
  returnOrigins: readonly string[]
  adminEmail: string | null
  adminPassword: string | null
  hashAlgorithm: 'argon2id' | 'bcrypt'
  argon2MemoryKib: number
  argon2Passes: number
  bcryptCost: number
  hashQueue: number
  lockoutFailures: number
  lockoutDuration: number
  auditRetention: number
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  brandName: string
  brandLogo: string | null
  brandAccent: string | null
  defaultLocale: 'en' | 'de'
}
