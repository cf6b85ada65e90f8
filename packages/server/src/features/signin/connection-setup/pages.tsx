/**
 * The set-up pages: with a link alone, the IT of a customer sets up the connection and the domains of an organization, page by
 * page. Every request checks the link; what is in a form never names another connection than that of the link.
 */
import type { VNode } from 'preact'
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type Problem, reasonOf } from '../../../base/errors.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { advisedOf } from '../../../core/connection-advice.tsx'
import { METADATA_BODY } from '../../../core/connections/fields.ts'
import { callbackUrlOf, findConnection, samlAddressesOf } from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { connectionChanges, faultSentence } from '../../organizations/connections/index.ts'
import { DomainField } from '../../organizations/domains/index.ts'
import {
  addSetupDomain,
  checkSetupDomain,
  choicesOf,
  chooseSetup,
  completeSetup,
  type OpenSetupLink,
  openSetupLink,
  readSetup,
  removeSetupDomain,
  saveSetup,
} from '../../organizations/setup-links/index.ts'
import { beginTest, findTestOf } from '../connection-tests/index.ts'
import type { Federation } from '../federation/index.ts'
import { ConnectionSetupForm, changeOfSetup, faultIn, fieldOfFault, setupFieldOf } from './form.ts'
import { eventsOf, findLastTest } from './last-test.ts'
import { setupPageOperations as of } from './operations.ts'
import { SetupSettings } from './settings-view.tsx'
import { type SetupStep, stepPath, stepsOf } from './steps.tsx'
import { setupText as t } from './texts.ts'
import { ChooseProvider, SetupDomains, SetupDone, SetupRefused, SetupStart, SetupTest } from './views.tsx'

const BASE = '/setup/connection/:token'
const Link = z.object({ token: z.string().max(200) })
const OneDomain = Link.extend({ domain_id: z.string().max(64) })

type Typed = Readonly<Record<string, string>>
type Show = (call: Call, opened: OpenSetupLink, form?: FormState) => Promise<PageAnswer>

export function setupPages(tools: Tools, federation: Federation): Row[] {
  const { db, config } = tools

  const refused = (call: Call, reason: 'unknown' | 'expired' | 'revoked'): PageAnswer => ({
    page: <SetupRefused refused={reason} />,
    title: t(call.locale, 'refused.title'),
    status: reason === 'unknown' ? 404 : 410,
  })

  /** Runs with the link of the path. A completed one leads to its summary. */
  async function withLink(
    call: Call,
    token: string,
    work: (opened: OpenSetupLink) => Promise<PageAnswer>,
    { completed = false }: { completed?: boolean } = {},
  ): Promise<PageAnswer> {
    const opened = await openSetupLink(tools, call, token)
    if ('refused' in opened) return refused(call, opened.refused)
    if (opened.isCompleted && !completed) return { redirect: stepPath(token, 'start') }
    return await work(opened)
  }

  const shown = (call: Call, { organization, isCompleted }: OpenSetupLink, page: VNode): PageAnswer => ({
    page,
    title: t(call.locale, isCompleted ? 'done.title' : 'title', { organization: organization.name }),
  })

  /** What has been set up so far, with what is missing and what the last test has shown. */
  async function stateOf(opened: OpenSetupLink) {
    const setup = await readSetup(tools, opened)
    const missing = setup.connection === null ? [] : connectionChanges.entered.missing(setup.connection)
    return { opened, setup, missing, test: await findLastTest(db, setup) }
  }

  const showStart: Show = async (call, opened, form = {}) => {
    if (!opened.isCompleted) {
      const state = { ...(await stateOf(opened)), brand: config.brandName }
      return shown(call, opened, <SetupStart {...state} {...form} />)
    }
    const setup = await readSetup(tools, opened)
    const contents = { opened, setup, events: await eventsOf(db, setup), now: call.now }
    return shown(call, opened, <SetupDone {...contents} publicUrl={config.publicUrl} />)
  }

  const showProvider: Show = async (call, opened, form = {}) => {
    const setup = await readSetup(tools, opened)
    const choices = choicesOf(opened.link.provider)
    return shown(call, opened, <ChooseProvider opened={opened} setup={setup} choices={choices} {...form} />)
  }

  const showSettings: Show = async (call, opened, form = {}) => {
    const { choice, connection } = await readSetup(tools, opened)
    if (!choice || !connection) return { redirect: stepPath(opened.token, 'provider') }
    const { entityId, acs, metadata } = samlAddressesOf(config, connection)
    const addresses = { redirect: callbackUrlOf(config, connection), entityId, acs, metadata }
    const contents = { opened, ready: { choice, connection }, addresses }
    return shown(call, opened, <SetupSettings {...contents} {...form} />)
  }

  const showDomains: Show = async (call, opened, form = {}) =>
    shown(call, opened, <SetupDomains {...(await stateOf(opened))} now={call.now} {...form} />)

  async function showTest(call: Call, opened: OpenSetupLink, trip: string | undefined): Promise<PageAnswer> {
    const state = await stateOf(opened)
    const { connection } = state.setup
    if (!connection) return { redirect: stepPath(opened.token, 'provider') }
    const outcome = await findTestOf(tools, call, connection.id, trip)
    return shown(call, opened, <SetupTest {...state} outcome={outcome} of={advisedOf(config, connection)} />)
  }

  const SHOWS: Record<Exclude<SetupStep, 'start' | 'test'>, Show> = {
    provider: showProvider,
    settings: showSettings,
    domain: showDomains,
  }

  /** A form that was refused, with what was typed; what needs no form is a sentence above it. */
  const redisplay =
    (show: Show) =>
    async (call: Call, typed: Typed, problem: Problem): Promise<PageAnswer> => {
      if (problem.code !== 'VALIDATION_ERROR' && problem.code !== 'CONFLICT' && problem.code !== 'NOT_FOUND')
        throw problem
      const { client_secret: _, ...rest } = typed
      const form = formState(call.locale, rest, problem)
      const errors = Object.fromEntries(
        Object.entries(form.errors ?? {}).map(([field, text]) => [setupFieldOf(field), text]),
      )
      const alert = t.find(call.locale, `problem.${reasonOf(problem)}`) ?? form.alert
      return await withLink(call, typed.token ?? '', async (opened) => ({
        ...(await show(call, opened, { ...form, errors, alert })),
        status: problem.status,
      }))
    }

  const stepRow = (step: keyof typeof SHOWS): Row =>
    page({
      of: of.show,
      name: `pages.connection_setup.${step}`,
      method: 'GET',
      path: `${BASE}/${step}`,
      input: Link,
      run: (call, { token }) =>
        withLink(call, token, async (opened) =>
          stepsOf(opened).includes(step)
            ? await SHOWS[step](call, opened)
            : { redirect: stepPath(token, 'start') },
        ),
    })

  return [
    page({
      of: of.show,
      name: 'pages.connection_setup.start',
      method: 'GET',
      path: BASE,
      input: Link,
      run: (call, { token }) =>
        withLink(call, token, (opened) => showStart(call, opened), { completed: true }),
    }),
    stepRow('provider'),
    stepRow('settings'),
    stepRow('domain'),
    page({
      of: of.show,
      name: 'pages.connection_setup.tested',
      method: 'GET',
      path: `${BASE}/test`,
      input: Link.extend({ trip: z.string().max(64).optional() }),
      run: (call, { token, trip }) => withLink(call, token, (opened) => showTest(call, opened, trip)),
    }),
    page({
      of: of.choose,
      method: 'POST',
      path: `${BASE}/provider`,
      input: Link.extend({ choice: z.string().max(40) }),
      run: (call, { token, choice }) =>
        withLink(call, token, async (opened) => {
          await chooseSetup(tools, opened, choice)
          return { redirect: stepPath(token, 'settings') }
        }),
      redisplay: redisplay(showProvider),
    }),
    page({
      of: of.save,
      method: 'POST',
      path: `${BASE}/settings`,
      bodyLimit: METADATA_BODY,
      input: Link.extend(ConnectionSetupForm.shape),
      run: (call, { token, ...input }) =>
        withLink(call, token, async (opened) => {
          const { choice, connection } = await readSetup(tools, opened)
          if (!choice || !connection) return { redirect: stepPath(token, 'provider') }
          try {
            const change = await changeOfSetup(tools, { choice, connection }, input, call.now)
            await saveSetup(tools, opened, change)
          } catch (error) {
            const fault = faultIn(error)
            if (!fault) throw error
            const { client_secret: _, ...typed } = input
            const values = Object.entries(typed).filter(([, value]) => value !== undefined)
            const form = { typed: Object.fromEntries(values) as Typed, ...refusal(call, fault, input) }
            return { ...(await showSettings(call, opened, form)), status: 400 }
          }
          return { redirect: stepPath(token, 'test') }
        }),
      redisplay: redisplay(showSettings),
    }),
    page({
      of: of.test,
      method: 'GET',
      path: `${BASE}/test/begin`,
      input: Link,
      run: (call, { token }) =>
        withLink(call, token, async (opened) => {
          const shown = stepPath(token, 'test')
          const id = opened.link.connection_id
          const connection = id === null ? null : await findConnection(db.hot, id)
          if (!connection) return { redirect: stepPath(token, 'provider') }
          try {
            const { url, cookie } = await beginTest(tools, federation, opened.call, connection, shown)
            return { redirect: url, cookies: [cookie] }
          } catch (error) {
            // the reason is the last event of the connection, which the page shows
            if (error instanceof FederationFault) return { redirect: shown }
            throw error
          }
        }),
    }),
    page({
      of: of.addDomain,
      method: 'POST',
      path: `${BASE}/domain`,
      input: Link.extend({ domain: DomainField }),
      run: (call, { token, domain }) =>
        withLink(call, token, async (opened) => {
          await addSetupDomain(tools, opened, domain)
          return { redirect: stepPath(token, 'domain') }
        }),
      redisplay: redisplay(showDomains),
    }),
    page({
      of: of.removeDomain,
      method: 'POST',
      path: `${BASE}/domain/remove`,
      formAt: `${BASE}/domain`,
      input: OneDomain,
      run: (call, { token, domain_id }) =>
        withLink(call, token, async (opened) => {
          await removeSetupDomain(tools, opened, domain_id)
          return { redirect: stepPath(token, 'domain') }
        }),
      // sent twice: it is gone
      reached: (_call, { token = '' }, { code }) =>
        code === 'NOT_FOUND' ? { redirect: stepPath(token, 'domain') } : null,
      redisplay: redisplay(showDomains),
    }),
    page({
      of: of.checkDomain,
      method: 'POST',
      path: `${BASE}/domain/check`,
      formAt: `${BASE}/domain`,
      input: OneDomain,
      run: (call, { token, domain_id }) =>
        withLink(call, token, async (opened) => {
          await checkSetupDomain(tools, opened, domain_id)
          return { redirect: stepPath(token, 'domain') }
        }),
      redisplay: redisplay(showDomains),
    }),
    page({
      of: of.complete,
      method: 'POST',
      path: `${BASE}/complete`,
      formAt: BASE,
      input: Link,
      run: (call, { token }) =>
        withLink(call, token, async (opened) => {
          await completeSetup(tools, opened)
          return { redirect: stepPath(token, 'start') }
        }),
      redisplay: redisplay(showStart),
    }),
  ]
}

/** At the field that led there, if one did. */
function refusal({ locale }: Call, fault: FederationFault, input: ConnectionSetupForm): FormState {
  const [field, text] = [fieldOfFault(input), faultSentence(locale, fault)]
  return field === null ? { alert: text } : { errors: { [field]: text } }
}
