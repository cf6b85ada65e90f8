/**
 * SimpleSAMLphp (Debian) as an identity provider, in PHP's own server on a free port of the loopback interface: with the
 * metadata of service providers, two users, and its files in a temporary folder; stopped by its pid.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pemOf } from '../../packages/server/src/base/x509.ts'
import { providerKey } from '../../packages/server/src/testing/saml-provider.ts'
import { freePort } from '../../packages/server/src/testing/world.ts'

const HOME = '/usr/share/simplesamlphp'
const PHP = '/usr/bin/php'
const EXTENSIONS = '/usr/share/php8.2-xml'
export const hasSimpleSamlPhp = [join(HOME, 'www/saml2/idp/SSOService.php'), PHP, EXTENSIONS].every((path) =>
  existsSync(path),
)

export interface SamlUser {
  name: string
  password: string
  email: string
  givenName: string
  sn: string
}

/** Who can sign in there. */
export const SAML_USER: SamlUser = {
  name: 'ada',
  password: 'analytical',
  email: 'ada@example.com',
  givenName: 'Ada',
  sn: 'Lovelace',
}
/** One of another domain. */
export const OTHER_SAML_USER: SamlUser = {
  name: 'grace',
  password: 'compiler',
  email: 'grace@example.org',
  givenName: 'Grace',
  sn: 'Hopper',
}

export interface SimpleSamlPhp {
  url: string
  /** The entity id, which is where its metadata is. */
  metadataUrl: string
  /** Takes the metadata of one more service provider. */
  trust(document: string): void
  /** `announced`: its next certificate is in its metadata, beside the one that it signs with; `next`: it signs with that one. */
  useKeys(which: 'announced' | 'next'): void
  stop(): Promise<void>
}

export interface SimpleSamlPhpOptions {
  /** The metadata of the service providers that it knows. */
  serviceProviders: readonly string[]
  /** Whether it encrypts assertions, and requires signed requests. */
  encrypts?: boolean
  requiresSigned?: boolean
}

const php = (value: unknown): string => {
  if (typeof value === 'string') return `'${value.replace(/[\\']/g, '\\$&')}'`
  if (Array.isArray(value)) return `[${value.map(php).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `[${Object.entries(value)
      .map(([name, member]) => `${/^\d+$/.test(name) ? name : php(name)} => ${php(member)}`)
      .join(', ')}]`
  return String(value)
}

export async function startSimpleSamlPhp(options: SimpleSamlPhpOptions): Promise<SimpleSamlPhp> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-simplesamlphp-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/`
  const metadataUrl = `${url}saml2/idp/metadata.php`
  const files = write(folder, url, metadataUrl, options)
  const child = spawn(
    PHP,
    [
      '-d',
      `session.save_path=${join(folder, 'sessions')}`,
      // its configuration is read again as soon as it is changed
      '-d',
      'opcache.revalidate_freq=0',
      '-S',
      `127.0.0.1:${port}`,
      '-t',
      join(HOME, 'www'),
    ],
    {
      env: { ...process.env, SIMPLESAMLPHP_CONFIG_DIR: join(folder, 'config'), PHP_CLI_SERVER_WORKERS: '2' },
      stdio: ['ignore', 'ignore', 'pipe'],
      // its workers are processes of its group
      detached: true,
    },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-4000)
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(metadataUrl).catch(() => null)
    if (answer?.ok) return { url, metadataUrl, ...files, stop }
    if (tries >= 100 || child.exitCode !== null) {
      const body = (await answer?.text())?.slice(0, 2000)
      await stop()
      throw new Error(`SimpleSAMLphp did not start: ${answer?.status} ${body} ${said}`)
    }
    await pause(100)
  }
}

function write(
  folder: string,
  url: string,
  entityId: string,
  { serviceProviders, encrypts = false, requiresSigned = false }: SimpleSamlPhpOptions,
): Pick<SimpleSamlPhp, 'trust' | 'useKeys'> {
  for (const name of ['config', 'metadata', 'cert', 'log', 'data', 'sessions', 'tmp'])
    mkdirSync(join(folder, name))
  for (const name of ['idp', 'next']) {
    const key = providerKey(new Date())
    writeFileSync(join(folder, `cert/${name}.pem`), key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(folder, `cert/${name}.crt`), pemOf('CERTIFICATE', key.certificate))
  }
  const returned = (name: string, variable: string, value: unknown) =>
    writeFileSync(join(folder, name), `<?php\n$${variable} = ${php(value)};\n`)
  const remote: object[] = []
  const trust = (document: string): void => {
    const file = join(folder, `metadata/sp-${remote.length}.xml`)
    writeFileSync(file, document)
    remote.push({ type: 'xml', file })
    returned('config/config.php', 'config', configuration())
  }
  const configuration = () => ({
    baseurlpath: url,
    certdir: join(folder, 'cert/'),
    loggingdir: join(folder, 'log/'),
    datadir: join(folder, 'data/'),
    tempdir: join(folder, 'tmp'),
    metadatadir: join(folder, 'metadata/'),
    secretsalt: 'the salt of a test',
    'auth.adminpassword': 'not used by this test',
    timezone: 'UTC',
    'logging.handler': 'file',
    'logging.level': 7,
    'enable.saml20-idp': true,
    'module.enable': { exampleauth: true, core: true, saml: true },
    'store.type': 'phpsession',
    'session.cookie.secure': false,
    'session.phpsession.savepath': join(folder, 'sessions'),
    'language.default': 'en',
    'metadata.sources': [{ type: 'flatfile', directory: join(folder, 'metadata/') }, ...remote],
    'theme.use': 'default',
  })
  returned('config/config.php', 'config', configuration())
  for (const document of serviceProviders) trust(document)
  returned('config/authsources.php', 'config', {
    users: {
      0: 'exampleauth:UserPass',
      ...Object.fromEntries(
        [SAML_USER, OTHER_SAML_USER].map(({ name, password, email, givenName, sn }) => [
          `${name}:${password}`,
          { uid: [name], mail: [email], givenName: [givenName], sn: [sn], memberOf: ['math'] },
        ]),
      ),
    },
  })
  const host = (keys: object): void =>
    returned('metadata/saml20-idp-hosted.php', `metadata['__DYNAMIC:1__']`, {
      host: '__DEFAULT__',
      entityid: entityId,
      ...keys,
      auth: 'users',
      'signature.algorithm': 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
      'saml20.sign.assertion': true,
      'assertion.encryption': encrypts,
      'validate.authnrequest': requiresSigned,
      'validate.logout': true,
      'sign.logout': true,
      NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
      authproc: { 10: { class: 'saml:PersistentNameID', attribute: 'uid' } },
    })
  const current = { privatekey: 'idp.pem', certificate: 'idp.crt' }
  host(current)
  const keys = {
    announced: { ...current, new_privatekey: 'next.pem', new_certificate: 'next.crt' },
    next: { privatekey: 'next.pem', certificate: 'next.crt' },
  }
  return { trust, useKeys: (which) => host(keys[which]) }
}
