/**
 * oidc-agent of Debian, the device flow (RFC 8628) of a program that is not ours: it shows a code, a user enters it in Chromium, and
 * the agent gets tokens and renews them. Its processes are stopped by their pids; where it is not installed, it is not run.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Program, runProgram } from '../../packages/guard/src/testing/programs.ts'
import { until } from '../../packages/guard/src/testing/waiting.ts'
import { testApp } from '../../packages/server/src/testing/apps.ts'
import { startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { visitor } from './visitor.ts'

const isThere = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'oidc-gen')))

describe.skipIf(!isThere)(`oidc-agent${isThere ? '' : ' (not run: install oidc-agent-cli)'}`, () => {
  const programs: Program[] = []
  let world: World
  let chromium: Chromium
  let home: string
  let env: Record<string, string>
  const start = (program: string, ...args: string[]): Program => {
    const started = runProgram(program, args, env, home)
    programs.push(started)
    return started
  }
  beforeAll(async () => {
    chromium = await startChromium()
    world = await startWorld()
    // the agent has the clock of this machine
    world.app.tools.clock.set(new Date())
    home = mkdtempSync(join(tmpdir(), 'latchkey-agent-'))
    const socket = join(home, 'agent.sock')
    env = { HOME: home, OIDC_SOCK: socket, OIDC_ENCRYPTION_PW: 'of a test' }
    start('oidc-agent', '--console', '--socket-path', socket)
    await until(() => existsSync(socket), 'the socket of oidc-agent')
  })
  afterAll(async () => {
    await Promise.all(programs.map((program) => program.stop()))
    await chromium?.close()
    await world?.stop()
    rmSync(home, { recursive: true, force: true })
  })

  /** An access token of the agent that is valid for at least so many seconds. */
  async function tokenOf(account: string, seconds: number): Promise<string> {
    const program = start('oidc-token', account, '--time', `${seconds}`)
    await program.printed(/^[\w-]+\.[\w-]+\.[\w-]+$/m)
    return /^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(program.output())?.[0] ?? ''
  }
  const emailOf = async (token: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${world.config.publicUrl}/oidc/userinfo`, { headers })
    return ((await response.json()) as { email?: string }).email
  }

  it.each([
    ['a public app', { token_endpoint_auth_method: 'none' }],
    ['an app with a secret', {}],
  ])('signs in by a code as %s, and renews its tokens', async (name, settings) => {
    const app = await testApp(world, {
      application_type: 'native',
      redirect_uris: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      ...settings,
    })
    const account = name.replaceAll(' ', '-')
    const agent = start(
      'oidc-gen',
      account,
      '--manual',
      `--issuer=${world.config.publicUrl}`,
      `--client-id=${app.id}`,
      `--client-secret=${name === 'a public app' ? '' : app.secret}`,
      '--scope=openid email offline_access',
      '--flow=device',
      '--prompt=none',
      '--pw-env',
      '--confirm-default',
    )
    await agent.printed(/enter the code: \S+/)
    const code = /enter the code: (\S+)/.exec(agent.output())?.[1] ?? ''

    const { email } = await world.person({ signIn: false })
    const context = await chromium.open({ locale: 'en-GB' })
    const me = visitor(world, await context.newPage())
    await me.visit('/oidc/device')
    if (await me.page.locator('[name=identifier]').isVisible()) await me.signIn(email)
    await me.fill({ Code: code })
    await me.press('Continue')
    if (await me.page.locator('[name=identifier]').isVisible()) await me.signIn(email)
    await me.press('Allow')
    await me.page.getByRole('heading', { name: 'Your device is signed in' }).waitFor()
    expect(complaintsOf(context)).toEqual([])
    await context.close()

    await agent.printed(/Everything setup correctly/)
    const token = await tokenOf(account, 1)
    expect(await emailOf(token)).toBe(email)
    // longer than a token lives
    const renewed = await tokenOf(account, 100_000)
    expect([renewed === token, await emailOf(renewed)]).toEqual([false, email])
  })
})
