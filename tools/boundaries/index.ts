export { findCycles } from './cycles.ts';
export { layers } from './layers.ts';
export { type Breach, breachesOf, rules } from './rules.ts';
export { readWorkspace } from './workspace.ts';
