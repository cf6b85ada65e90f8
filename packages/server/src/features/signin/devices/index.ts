/**
 * Known devices: browsers that have signed in as a user before. Owns the table `devices` and its cookie. Leaves counting
 * the failures of a device to `guesses`.
 */
export {
  addDevice,
  type Device,
  distrustDevices,
  findCallersDevice,
  forgetDevices,
  purgeDevices,
  updateDeviceUse,
} from './devices.ts'
