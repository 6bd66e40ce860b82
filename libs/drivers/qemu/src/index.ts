export { createQemuDriver } from './driver.ts';
export { drives } from './spec/drives.ts';
export type { QemuDriverOptions } from './options.ts';
