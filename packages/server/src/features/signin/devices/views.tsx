/** The row of remembered devices. Presentation only. */
import type { Locale } from '../../../base/call.ts'
import { ButtonForm } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { Badge, Item, ItemList, Time } from '../../../base/page/parts.tsx'
import { devicesText as t } from './texts.ts'
import type { RememberedDevice } from './view.ts'

export interface DevicesRowProps {
  /** Below which the forms are sent. */
  path: string
  devices: readonly RememberedDevice[]
}

export function DevicesRow({ path, devices }: DevicesRowProps) {
  const { locale } = useUi()
  if (devices.length === 0) return <p>{t(locale, 'lead_none')}</p>
  return (
    <>
      <p>{t(locale, 'lead')}</p>
      <ItemList>
        {devices.map((device) => (
          <Device key={device.id} path={path} {...device} />
        ))}
      </ItemList>
      {devices.length > 1 ? (
        <ButtonForm action={`${path}/forget-all`} kind="danger" label={t(locale, 'forget_all')} />
      ) : null}
    </>
  )
}

function Device({ path, ...shown }: RememberedDevice & { path: string }) {
  const { locale } = useUi()
  const name = nameOf(locale, shown.device)
  return (
    <Item
      title={name}
      badge={shown.current ? <Badge kind="success">{t(locale, 'this')}</Badge> : null}
      action={
        <ButtonForm
          action={`${path}/${encodeURIComponent(shown.id)}/forget`}
          label={t(locale, 'forget')}
          description={t(locale, 'forget_description', { device: name })}
        />
      }
    >
      {shown.ip_address ? <p>{t(locale, 'ip', { ip: shown.ip_address })}</p> : null}
      <p>{t.nodes(locale, 'used', { time: <Time at={new Date(shown.last_used_at)} /> })}</p>
      <p>{t.nodes(locale, 'until', { time: <Time at={new Date(shown.trusted_until)} to="day" /> })}</p>
    </Item>
  )
}

function nameOf(locale: Locale, { browser, system }: RememberedDevice['device']): string {
  if (browser && system) return t(locale, 'device', { browser, system })
  return browser ?? system ?? t(locale, 'unknown')
}
