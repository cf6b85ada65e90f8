/**
 * The suite's projects. `unit` is what needs no database. `pglite` and `postgres` run all other tests, one on each
 * database; their workers keep modules and databases from file to file, and the few files that set something of the
 * whole process have workers to themselves (`…-alone`). `timing` measures, one file after another and beside nothing
 * else. `operation` starts what surrounds a server (databases that it breaks, poolers, proxies), also alone.
 * `statements` prepares on PGlite what the last run on PostgreSQL executed. `browser` drives a real one against a
 * whole server. `npx vitest run --project pglite` is the quick one.
 */
import {
  defineConfig,
  type TestProjectConfiguration,
  type TestProjectInlineConfiguration,
} from 'vitest/config'

const all = ['packages/*/src/**/*.test.{ts,tsx}', 'tests/*.test.{ts,tsx}', 'tests/conformance/*.test.ts']
const timing = ['packages/*/src/**/*.timing.test.ts', 'tests/*.timing.test.ts']
const withoutDatabase = [
  'packages/guard/src/{adapters,jwt,latchkey,methods,resource,sockets}/*.test.ts',
  'packages/guard/src/{can,features,fields,hostile,latchkey,latchkey-session,matrix,options,permissions,present,property,roles,rules,verify}.test.ts',
  'packages/server/src/base/{control,hashing,limits,log,metrics,outbound,page,traces,xml}/*.test.{ts,tsx}',
  'packages/server/src/base/http/**/*.test.ts',
  'packages/server/src/base/{base32,cursor,db/migration-files,domain-names,enrolled,fields,identifiers,jws,reserved-names,return-to,sightings,x509}.test.ts',
  'packages/server/src/commands/{clock-difference,doctor-redis,migrate-plan,import/*}.test.ts',
  'packages/server/src/core/clients/{logos,redirect-uris,settings}.test.ts',
  'packages/server/src/core/{moves/catalog,providers/*,user-profile}.test.ts',
  'packages/server/src/{core/connection-advice,core/connections/mfa,core/foreign-proofs,core/mail/letter,core/moves/backup-file,core/roles/presets,core/saml/idp-metadata}.test.{ts,tsx}',
  'packages/server/src/{config,config/settings,features/signin/{federation/linking,steps/next-step}}.test.ts',
  'packages/server/src/features/signin/passkeys/{attestation,ceremonies,challenges}.test.ts',
  'packages/server/src/features/signin/upstream/*.test.ts',
  'packages/server/src/features/signin/{backup-codes/codes,totp/oathtool,totp/otp,totp/qr}.test.ts',
  'tests/conformance/plans.test.ts',
  'tests/{alerts,architecture,dashboards,docs,launcher,openid-issuer,packages,pages,pitfalls,platforms,reference,vocabulary}.test.{ts,tsx}',
]
/** They spy on what belongs to the process. */
const processWide = [
  'packages/server/src/{commands/breaches,commands/run,commands/users-import,core/jobs/jobs}.test.ts',
]
/**
 * Matrices and fuzzing, over every row of the route table: what they ask of the database is prepared on PGlite by
 * `statements`. And programs that bring their own database, if any.
 */
const onPostgresOnly = [
  'tests/{access-matrix,answers,fuzz,half-sign-in,hostile-tokens,leaks,nodes,routes,second-factor-matrix,shared-rows,staleness}.test.ts',
  'packages/guard/src/examples.test.ts',
  'tests/{glewlwyd,guides,next,providers,readme,runtimes}.test.ts',
  '**/db/{migrate-interrupted,postgres}.test.ts',
]
const onPgliteOnly = ['**/db/{pglite,lock}.test.ts']
const operation = ['tests/operation/*.test.ts']
const statements = ['tests/statements.test.ts']
const never = ['**/node_modules/**', ...timing]

const project = (name: string, test: TestProjectInlineConfiguration['test']): TestProjectConfiguration => ({
  extends: true,
  test: { name, exclude: never, ...test },
})

const onDatabase = (name: 'pglite' | 'postgres', others: readonly string[]): TestProjectConfiguration[] => {
  const globalSetup = `tests/setup/${name}.ts`
  const exclude = [...never, ...withoutDatabase, ...statements, ...others]
  return [
    project(name, { include: all, exclude: [...exclude, ...processWide], globalSetup }),
    project(`${name}-alone`, { include: processWide, globalSetup, isolate: true }),
  ]
}

/**
 * Files run in another order each time, so that none comes to depend on what another leaves behind in their worker.
 * `TEST_SEED` repeats an order; `npm test` prints it.
 */
const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { dedupe: ['preact'], tsconfigPaths: true },
  test: {
    environment: 'node',
    // each worker keeps databases, which take memory before they take time
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 240_000,
    teardownTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    // a busy machine is late now and then; what never comes fails a little later
    expect: { poll: { timeout: 20_000, interval: 10 } },
    sequence: { shuffle: { files: true, tests: false }, seed },
    coverage: { include: ['packages/*/src/**/*.{ts,tsx}'], reportsDirectory: 'coverage' },
    projects: [
      project('unit', { include: withoutDatabase }),
      ...onDatabase('pglite', onPostgresOnly),
      ...onDatabase('postgres', onPgliteOnly),
      project('statements', { include: statements, globalSetup: 'tests/setup/pglite.ts' }),
      project('timing', {
        include: timing,
        exclude: ['**/node_modules/**'],
        globalSetup: 'tests/setup/postgres.ts',
        fileParallelism: false,
      }),
      project('operation', { include: operation, fileParallelism: false }),
      project('browser', {
        include: ['tests/browser/**/*.test.{ts,tsx}'],
        globalSetup: 'tests/setup/pglite.ts',
        fileParallelism: false,
      }),
    ],
  },
})
