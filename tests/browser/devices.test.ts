/** Signing a device in, in Chromium: the code, the sign-in, the question and the answer; with scripts, without, and in German. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApp, testApp } from '../../packages/server/src/testing/apps.ts'
import { beginOnDevice, ON_DEVICES, pollFrom } from '../../packages/server/src/testing/devices.ts'
import { PASSWORD, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { type Chromium, complaintsOf, startChromium } from './chromium.ts'
import { look } from './look.ts'
import { visitor } from './visitor.ts'

let world: World
let chromium: Chromium
let app: TestApp
beforeAll(async () => {
  world = await startWorld()
  chromium = await startChromium()
  app = await testApp(world, ON_DEVICES, { name: 'Acme Television' })
})
afterAll(async () => {
  await chromium?.close()
  await world?.stop()
})

const TEXTS = {
  'en-GB': {
    next: 'Continue',
    signIn: 'Sign in',
    wrong: 'This code is not right',
    question: 'Sign in to Acme Television on your device?',
    trick: 'it is a trick',
    allow: 'Allow',
    done: 'Your device is signed in',
  },
  'de-DE': {
    next: 'Weiter',
    signIn: 'Anmelden',
    wrong: 'Dieser Code stimmt nicht',
    question: 'Bei Acme Television auf Ihrem Gerät anmelden?',
    trick: 'ist ein Trick',
    allow: 'Erlauben',
    done: 'Ihr Gerät ist angemeldet',
  },
} as const

describe('a device', () => {
  it.each([
    ['with JavaScript', { javaScriptEnabled: true, locale: 'en-GB' }],
    ['without JavaScript', { javaScriptEnabled: false, locale: 'en-GB' }],
    ['in German', { javaScriptEnabled: true, locale: 'de-DE' }],
  ] as const)('is signed in by its code: %s', async (_mode, options) => {
    const texts = TEXTS[options.locale]
    const { email, client } = await world.person()
    await client.patch('/api/v1/users/me', { locale: options.locale.slice(0, 2) })
    const { user_code: code, device_code: device } = await beginOnDevice(app, {
      scope: 'openid profile offline_access',
    })
    const context = await chromium.open(options)
    try {
      const me = visitor(world, await context.newPage())
      await me.visit('/oidc/device')
      await me.page.locator('[name=user_code]').fill('WRONG')
      await me.press(texts.next)
      expect(await me.text()).toContain(texts.wrong)
      await look(me, `device-wrong-${options.locale}-${options.javaScriptEnabled}`)
      await me.page.locator('[name=user_code]').fill(code.toLowerCase().replace('-', ''))
      await me.press(texts.next)
      await me.page.locator('[name=identifier]').fill(email)
      await me.page.locator('[name=password]').fill(PASSWORD)
      await me.press(texts.signIn)
      expect(await me.heading()).toBe(texts.question)
      for (const words of [code, email, texts.trick]) expect(await me.text()).toContain(words)
      await look(me, `device-question-${options.locale}-${options.javaScriptEnabled}`)
      await me.press(texts.allow)
      expect(await me.heading()).toBe(texts.done)
      await look(me, `device-done-${options.locale}-${options.javaScriptEnabled}`)
      expect((await pollFrom(app, device)).status).toBe(200)
      // the answer for a wrong code is a page with the status 400
      expect(complaintsOf(context).filter((one) => !one.includes('400'))).toEqual([])
    } finally {
      await context.close()
    }
  })

  it('is signed in by the address that it shows as a QR code, also with another account', async () => {
    const [one, other] = [await world.person({ signIn: false }), await world.person({ signIn: false })]
    const begun = await beginOnDevice(app)
    const context = await chromium.open({ locale: 'en-GB' })
    try {
      const me = visitor(world, await context.newPage())
      await me.visit(
        new URL(begun.verification_uri_complete).pathname + new URL(begun.verification_uri_complete).search,
      )
      await me.signIn(one.email)
      await me.press('Use another account')
      await me.signIn(other.email)
      expect(await me.text()).toContain(other.email)
      await me.press('Do not allow')
      expect(await me.heading()).toBe('Not allowed')
      expect((await pollFrom(app, begun.device_code)).body.error).toBe('access_denied')
    } finally {
      await context.close()
    }
  })
})
