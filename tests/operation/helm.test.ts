/** The Helm chart, rendered with the engine of Helm: what it makes of values, and which values it refuses. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { readConfig, SETTINGS } from '../../packages/server/src/config.ts'
import { pairsIn, readStages, textsOf } from '../setup/packaging/dockerfile.ts'

const ROOT = join(import.meta.dirname, '../..')
const CHART = join(ROOT, 'deploy/helm/latchkey')
const VALUES = { publicUrl: 'https://id.example.com', existingSecret: 'identity' }

interface Container {
  image: string
  args?: string[]
  env: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[]
  securityContext: object
  readinessProbe?: object
}
interface Pod {
  containers: [Container]
  securityContext: object
  terminationGracePeriodSeconds?: number
  enableServiceLinks: boolean
}
// biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes
type Manifest = Record<string, any>

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-helm-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function render(values: object): Promise<Manifest[]> {
  const file = join(folder, 'values.yaml')
  writeFileSync(file, stringify(values))
  const engine = join(ROOT, 'tests/setup/packaging/helm/render.go')
  // the packages of Debian
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' }
  const { stdout } = await promisify(execFile)('go', ['run', engine, CHART, file], {
    env,
    maxBuffer: 10_000_000,
  })
  const { 'NOTES.txt': notes, ...rendered } = JSON.parse(stdout) as Record<string, string>
  expect(notes).toContain('id.example.com')
  return Object.values(rendered).flatMap((text) =>
    parseAllDocuments(text).flatMap((document) => {
      expect(document.errors).toEqual([])
      return document.toJS() ?? []
    }),
  )
}
const one = (manifests: Manifest[], kind: string): Manifest => {
  const found = manifests.filter((manifest) => manifest.kind === kind)
  expect(found, kind).toHaveLength(1)
  return found[0] as Manifest
}
const kinds = (manifests: Manifest[]) => manifests.map(({ kind }) => kind).sort()

describe('the chart', () => {
  it('makes two nodes that are replaced without a gap, with nothing secret in the manifests', async () => {
    const manifests = await render(VALUES)
    expect(kinds(manifests)).toEqual([
      'Deployment',
      'Job',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
    ])
    const { spec } = one(manifests, 'Deployment')
    expect(spec).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    })
    const pod = spec.template.spec as Pod
    const [container] = pod.containers
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container.readinessProbe).toMatchObject({ httpGet: { path: '/readyz', port: 'http' } })
    expect(pod.enableServiceLinks).toBe(false)
    const secrets = container.env.filter(({ valueFrom }) => valueFrom)
    expect(secrets.map(({ name }) => name)).toEqual([
      'LATCHKEY_SECRET',
      'DATABASE_URL',
      'REDIS_URL',
      'LATCHKEY_SMTP_URL',
    ])
    expect(new Set(secrets.map(({ valueFrom }) => valueFrom?.secretKeyRef.name))).toEqual(
      new Set(['identity']),
    )
    expect(one(manifests, 'Service').spec.selector).toEqual(spec.selector.matchLabels)
    const job = one(manifests, 'Job')
    expect(job.metadata.annotations['helm.sh/hook']).toBe('pre-install,pre-upgrade')
    expect(job.spec.template.spec.containers[0].args).toEqual(['migrate', 'up'])
    // the nodes alone are behind the Service
    expect(job.spec.template.metadata.labels).not.toMatchObject(spec.selector.matchLabels)
  })

  it('starts the server with settings that are valid in production, and stops it later than it drains', async () => {
    const settings = { LATCHKEY_MAIL_FROM: 'Acme <id@example.com>', LATCHKEY_DATABASE_POOL: 20 }
    const pod = one(await render({ ...VALUES, trustedProxies: '10.0.0.0/8', settings }), 'Deployment').spec
      .template.spec as Pod
    const secrets: Record<string, string> = {
      secret: 'a secret of the operation tests, thirty-two characters',
      'database-url': 'postgres://latchkey:x@db/latchkey',
      'redis-url': 'redis://cache',
      'smtp-url': 'smtps://mail.example.com',
    }
    const given = pod.containers[0].env.map(({ name, value, valueFrom }) => [
      name,
      value ?? secrets[valueFrom?.secretKeyRef.key ?? ''] ?? '',
    ])
    const image = readStages(join(ROOT, 'Dockerfile'))[1] ?? []
    const env = { ...pairsIn(textsOf(image, 'ENV').join(' ')), ...Object.fromEntries(given) }
    const { config, faults } = readConfig(env, { cwd: folder })
    expect(faults).toEqual([])
    expect(config).toMatchObject({
      profile: 'production',
      port: 4000,
      databasePool: 20,
      publicUrl: VALUES.publicUrl,
    })
    expect((pod.terminationGracePeriodSeconds ?? 0) * 1000).toBeGreaterThan((config?.drain ?? 0) + 11_000)
  })

  it('has an Ingress, a monitor and a budget where they are of use', async () => {
    const manifests = await render({
      ...VALUES,
      replicas: 1,
      migrate: { enabled: false },
      ingress: { enabled: true, className: 'nginx', tlsSecretName: 'tls' },
      serviceMonitor: { enabled: true, tokenSecret: { name: 'scraper' } },
      secretSettings: { LATCHKEY_GOOGLE_CLIENT_SECRET: 'google' },
    })
    expect(kinds(manifests)).toEqual(['Deployment', 'Ingress', 'Service', 'ServiceAccount', 'ServiceMonitor'])
    expect(one(manifests, 'Ingress').spec.rules[0].host).toBe('id.example.com')
    expect(one(manifests, 'ServiceMonitor').spec.endpoints[0].authorization.credentials).toEqual({
      name: 'scraper',
      key: 'token',
    })
    const { env } = (one(manifests, 'Deployment').spec.template.spec as Pod).containers[0]
    expect(env).toContainEqual({
      name: 'LATCHKEY_GOOGLE_CLIENT_SECRET',
      valueFrom: { secretKeyRef: { name: 'identity', key: 'google' } },
    })
  })

  it('has a port for metrics, which the monitor reads without a credential, and which no Service of users has', async () => {
    const values = { ...VALUES, metricsPort: 9464, serviceMonitor: { enabled: true } }
    const manifests = await render(values)
    const [container] = (one(manifests, 'Deployment').spec.template.spec as Pod).containers
    expect(container.env).toContainEqual({ name: 'LATCHKEY_METRICS_ADDRESS', value: '0.0.0.0:9464' })
    expect(container).toMatchObject({
      ports: [{ containerPort: 4000 }, { name: 'metrics', containerPort: 9464 }],
    })
    expect(one(manifests, 'ServiceMonitor').spec.endpoints).toEqual([
      { port: 'metrics', path: '/metrics', interval: '30s' },
    ])
    const services = manifests.filter(({ kind }) => kind === 'Service')
    expect(services.map(({ metadata, spec }) => [metadata.name, spec.ports.length, spec.clusterIP])).toEqual(
      expect.arrayContaining([
        [expect.not.stringMatching(/metrics$/), 1, undefined],
        [expect.stringMatching(/-metrics$/), 1, 'None'],
      ]),
    )
  })

  it.each([
    ['publicUrl', { existingSecret: 'identity' }],
    ['existingSecret', { publicUrl: 'https://id.example.com' }],
  ])('refuses values without %s, and says what it is', async (name, values) => {
    await expect(render(values)).rejects.toThrow(`${name}: the `)
  })
})

describe('the schema of the values', () => {
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'))
  const isValid = new Ajv({ strict: false }).compile(schema)
  const defaults = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'))

  it('takes the values with what is required, and settings that exist', () => {
    expect(isValid({ ...defaults, ...VALUES }), JSON.stringify(isValid.errors)).toBe(true)
    const names = Object.values(SETTINGS).map(({ env }) => env as string)
    expect(Object.keys(defaults.settings).filter((name) => !names.includes(name))).toEqual([])
  })

  it.each([
    ['no public URL', { publicUrl: '' }],
    ['an http URL', { publicUrl: 'http://id.example.com' }],
    ['a URL with a path', { publicUrl: 'https://example.com/id' }],
    ['no Secret', { existingSecret: '' }],
    ['a setting that is none', { settings: { PORT: '4000' } }],
    ['no node', { replicas: 0 }],
  ])('refuses %s', (_, values) => {
    expect(isValid({ ...defaults, ...VALUES, ...values })).toBe(false)
  })
})
