/** The alert rules beside promtool, Prometheus' own judge of them: each fires for what it is about, and not before. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'

const RULES = join(import.meta.dirname, '../deploy/prometheus/alerts.yaml')
const isThere = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'promtool')))

const promtool = (...args: string[]): string => {
  const { stdout, stderr, status } = spawnSync('promtool', args, { encoding: 'utf8' })
  return status === 0 ? 'good' : stdout + stderr
}

/** Values a minute apart, in the notation of promtool: `a+bxn` is a and n more, each greater by b. */
type Series = Record<string, string>

/** @returns 'good' where exactly these alerts fire after the minutes, of which the first hour is as usual */
function fired(series: Series, minutes: number, alerts: Record<string, string[]>): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-alerts-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const all = ['Fails', 'SignInsRefused', 'JobsFail', 'Database', 'Expires', 'Notifications']
  const test = {
    rule_files: [RULES],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        // promtool compares labels and annotations; which alerts fire is counted by what they export
        promql_expr_test: all.map((name) => ({
          expr: `count(ALERTS{alertname="Latchkey${name}",alertstate="firing"})`,
          eval_time: `${minutes}m`,
          exp_samples: alerts[name] ? [{ labels: '{}', value: alerts[name].length }] : [],
        })),
      },
    ],
  }
  const file = join(folder, 'test.yaml')
  writeFileSync(file, stringify(test))
  return promtool('test', 'rules', file)
}

const at = 'instance="a",job="latchkey"'
/** A server in good order. */
const GOOD: Series = {
  [`up{${at}}`]: '1x300',
  [`latchkey_http_requests_total{status="200",route="/",method="GET",${at}}`]: '0+600x300',
  [`latchkey_http_requests_total{status="503",route="/",method="GET",${at}}`]: '0+1x300',
  [`latchkey_sign_ins_total{method="password",outcome="refused",reason="AUTHENTICATION_FAILED",${at}}`]:
    '0+20x300',
  [`latchkey_jobs_total{kind="mail.send",outcome="done",${at}}`]: '0+20x300',
  [`latchkey_jobs_total{kind="mail.send",outcome="failed",${at}}`]: '0x300',
  [`latchkey_letters_total{outcome="failed",${at}}`]: '0x300',
  [`latchkey_jobs_oldest_seconds{${at}}`]: '1x300',
  [`latchkey_db_unreachable_total{${at}}`]: '0x300',
  [`latchkey_db_pool_waiting{${at}}`]: '1x300',
  [`latchkey_metrics_unread{${at}}`]: '0x300',
  [`latchkey_keys_expire_seconds{line="access_token",algorithm="ES256",${at}}`]: '2500000x300',
  [`latchkey_saml_certificate_expires_seconds{connection="con_1",owner="provider",${at}}`]: '9000000x300',
  [`latchkey_listen_up{channel="revocations",${at}}`]: '1x300',
  [`latchkey_revocation_lag_seconds{${at}}`]: '0x300',
}
/** The same with other values of the series that begin so. */
const but = (changed: Series): Series =>
  Object.fromEntries(
    Object.entries(GOOD).map(([name, values]) => [
      name,
      Object.entries(changed).find(([start]) => name.startsWith(start))?.[1] ?? values,
    ]),
  )

describe.skipIf(!isThere)(`the alert rules${isThere ? '' : ' (not run: install prometheus)'}`, () => {
  it('are rules of Prometheus', () => {
    expect(promtool('check', 'rules', RULES)).toBe('good')
  })

  it('do not fire for a server in good order', () => {
    expect(fired(GOOD, 200, {})).toBe('good')
  })

  const SITUATIONS: [what: string, changed: Series, alert: string][] = [
    ['a server that does not answer', { 'up{': '1x60 0x240' }, 'Fails'],
    ['errors', { 'latchkey_http_requests_total{status="503"': '0x60 0+100x240' }, 'Fails'],
    ['a surge of refused sign-ins', { latchkey_sign_ins_total: '0+2x180 360+400x120' }, 'SignInsRefused'],
    [
      'a job that failed for good',
      { 'latchkey_jobs_total{kind="mail.send",outcome="failed"': '0x190 1x110' },
      'JobsFail',
    ],
    ['e-mails that fail', { latchkey_letters_total: '0x180 0+2x120' }, 'JobsFail'],
    ['jobs that nothing runs', { latchkey_jobs_oldest_seconds: '1x100 0+60x200' }, 'JobsFail'],
    ['a database that is gone', { latchkey_db_unreachable_total: '0x190 0+9x110' }, 'Database'],
    ['transactions that wait', { latchkey_db_pool_waiting: '1x190 50x110' }, 'Database'],
    ['metrics that cannot be read', { latchkey_metrics_unread: '0x190 2x110' }, 'Database'],
    ['a key that is not replaced', { latchkey_keys_expire_seconds: '-9000x300' }, 'Expires'],
    ['a certificate that expires', { latchkey_saml_certificate_expires_seconds: '86400x300' }, 'Expires'],
    ['a LISTEN connection that is down', { latchkey_listen_up: '1x190 0x110' }, 'Notifications'],
    [
      'revocations that do not arrive',
      { latchkey_revocation_lag_seconds: '0x190 0+60x110' },
      'Notifications',
    ],
  ]
  it.each(SITUATIONS)('fire for %s', (_, changed, alert) => {
    expect(fired(but(changed), 200, { [alert]: ['one'] })).toBe('good')
  })
})
