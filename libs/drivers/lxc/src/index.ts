export { createLxcDriver } from './driver.ts';
export { drives } from './spec/drives.ts';
export type { LxcDriverOptions } from './options.ts';
