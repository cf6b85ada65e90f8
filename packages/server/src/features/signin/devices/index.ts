/**
 * Known devices: browsers that have signed in as a user before, and those of them that the user chose to remember. Owns the
 * table `devices`, its cookie, and the list of remembered devices. Leaves counting the failures of a device to `guesses`,
 * and accepting one as a second factor to `door`.
 */
export {
  addDevice,
  type Device,
  deviceUse,
  distrustDevices,
  findCallersDevice,
  forgetDevices,
  purgeDevices,
} from './devices.ts'
export { deviceFeature } from './feature.ts'
export { listRemembered } from './own.ts'
export { devicesSection } from './pages.tsx'
export { RememberedDevice } from './view.ts'
