export { createQemuDriver } from './driver.ts';
export type { QemuDriverOptions } from './options.ts';
